// STARTTLS: a socket goes on with TLS, and what was said in the clear stays in the clear.

import { assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { MessageProtocol, TcpError, type TCPSocket } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { authority, client, listen, server, strict } from "./support.ts";

const pair = { cert: server.cert, key: server.key };
const trust = { ca: authority.cert, servername: "localhost" };

/** Upgrades at "STARTTLS", behind which it answers what it hears in capitals. */
function startTls(socket: TCPSocket, tls: Parameters<TCPSocket["upgradeTls"]>[0] = pair): void {
  socket.once("data", (data) => {
    const text = String(data);
    const at = text.indexOf("\n") + 1;
    socket.write("GO\n");
    socket.upgradeTls(tls, { leftover: data.subarray(at) });
    socket.on("data", (more) => socket.write(String(more).toUpperCase()));
  });
}

async function connectPlain(app: ReturnType<typeof listen>): Promise<TCPSocket> {
  return await connect({ port: app.address()!.port, host: "127.0.0.1" });
}

Deno.test("upgradeTls() secures both ends, the reply to the command goes out before", async () => {
  await using app = listen({}).onConnection((socket) => startTls(socket));
  const socket = await connectPlain(app);
  socket.write("STARTTLS\n");
  const [reply] = await once(socket, "data");
  assertEquals([String(reply), socket.encrypted], ["GO\n", false]);
  const upgraded = socket.upgradeTls(trust);
  socket.write("quiet now"); // waits for the handshake
  await upgraded;
  assertEquals([socket.encrypted, socket.authorized, socket.getProtocol()], [true, true, "TLSv1.3"]);
  const [answer] = await once(socket, "data");
  assertEquals(String(answer), "QUIET NOW");
  socket.end();
  socket.resume();
  assertEquals((await socket.closed).reason, "local");
});

Deno.test("upgradeTls() works from an iteration on both ends", async () => {
  await using app = listen({}).onConnection(async (socket) => {
    for await (const chunk of socket) {
      if (String(chunk) === "STARTTLS\n") {
        socket.write("GO\n");
        await socket.upgradeTls(pair);
      } else socket.write(chunk);
    }
  });
  const socket = await connectPlain(app);
  socket.write("STARTTLS\n");
  for await (const chunk of socket) {
    if (String(chunk) === "echo") break;
    await socket.upgradeTls(trust);
    socket.write("echo");
  }
  assertEquals(socket.encrypted, true);
});

Deno.test("upgradeTls() on a server asks for client certificates", async () => {
  const judged = Promise.withResolvers<unknown>();
  await using app = listen({}).onConnection((socket) => {
    startTls(socket, strict);
    socket.on("secureConnect", () => judged.resolve(socket.authorized));
  });
  const socket = await connectPlain(app);
  socket.write("STARTTLS\n");
  await once(socket, "data");
  await socket.upgradeTls({ ...trust, cert: client.cert, key: client.key });
  assertEquals(await judged.promise, true);
  socket.destroy();
});

Deno.test("upgradeTls() rejects with ERR_TLS_INJECTION for bytes behind the command", async () => {
  const failed = Promise.withResolvers<string | undefined>();
  await using app = listen({}).onConnection((socket) => startTls(socket));
  app.onError((error) => failed.resolve(error.code));
  const socket = await connectPlain(app);
  socket.write("STARTTLS\nMAIL FROM:<mallory>\n");
  socket.resume();
  assertEquals(await failed.promise, "ERR_TLS_INJECTION");
  await socket.closed;
  assertEquals(app.metrics().closed.protocol, 1);
});

Deno.test("upgradeTls() rejects with ERR_TLS_INJECTION for bytes that a MessageProtocol keeps", async () => {
  const failed = Promise.withResolvers<string | undefined>();
  await using app = listen({}).onConnection((socket) => {
    const protocol = new MessageProtocol<string>(socket).attach();
    protocol.onMessage = () => void socket.upgradeTls(pair);
  });
  app.onError((error) => failed.resolve(error.code));
  const socket = await connectPlain(app);
  const protocol = new MessageProtocol<string>(socket);
  socket.write(Buffer.concat([protocol.encode("starttls"), protocol.encode("injected").subarray(0, 5)]));
  socket.resume();
  assertEquals(await failed.promise, "ERR_TLS_INJECTION");
  await socket.closed;
});

Deno.test("upgradeTls() rejects with ERR_TLS_INJECTION for bytes that nobody has read", async () => {
  await using app = listen({}).onConnection((socket) => socket.write("too early"));
  const socket = await connectPlain(app);
  while (socket.bytesRead === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const error = await assertRejects(() => socket.upgradeTls(trust), TcpError);
  assertEquals([error.code, socket.destroyed], ["ERR_TLS_INJECTION", true]);
});

Deno.test("plain text that comes instead of the handshake ends the upgrade, and reaches nobody", async () => {
  const heard: string[] = [];
  const receipt = Promise.withResolvers<{ reason: string }>();
  await using app = listen({}).onConnection((socket) => {
    socket.once("data", () => {
      socket.write("GO\n");
      socket.on("data", (data) => heard.push(String(data)));
      void socket.upgradeTls(pair);
    });
    socket.closed.then(receipt.resolve);
  });
  const socket = await connectPlain(app);
  socket.write("STARTTLS\n");
  await once(socket, "data");
  socket.write("MAIL FROM:<mallory>\n");
  socket.resume();
  assertEquals((await receipt.promise).reason, "tls");
  assertEquals(heard, []);
  await socket.closed;
});

Deno.test("upgradeTls() rejects with what was wrong, and the socket ends with it", async () => {
  await using app = listen({}).onConnection((socket) => startTls(socket));
  const socket = await connectPlain(app);
  socket.write("STARTTLS\n");
  await once(socket, "data");
  const error = await assertRejects(() => socket.upgradeTls({ servername: "localhost" }), TcpError);
  assertEquals(error.code, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  assertEquals((await socket.closed).reason, "tls");
});

Deno.test("upgradeTls() gives up at deadlines.handshakeMs", async () => {
  const receipt = Promise.withResolvers<{ reason: string }>();
  await using app = listen({ deadlines: { handshakeMs: 100 } }).onConnection((socket) => {
    startTls(socket);
    socket.closed.then(receipt.resolve);
  });
  const socket = await connectPlain(app);
  socket.write("STARTTLS\n");
  socket.resume();
  assertEquals((await receipt.promise).reason, "deadline:handshake");
  await socket.closed;
});

for (const [encoding, half] of [["utf8", [0xe2]], ["utf16le", [0x41]], ["base64", [0x41]]] as const) {
  Deno.test(`upgradeTls() finds the injected half of a character behind setEncoding("${encoding}")`, async () => {
    const told = Promise.withResolvers<unknown>();
    await using app = listen({}).onConnection((socket) => {
      socket.setEncoding(encoding);
      socket.once("data", () => void socket.upgradeTls(pair).catch(told.resolve));
    });
    const socket = await connectPlain(app);
    // Three bytes for base64, an even number for utf16le: nothing is left over but what follows.
    socket.write(Uint8Array.of(0x53, 0x54, 0x41, 0x52, 0x54, 0x0a, ...half));
    const error = await told.promise;
    assertEquals(error instanceof TcpError && error.code, "ERR_TLS_INJECTION");
    socket.resume();
    await socket.closed;
  });
}

Deno.test("upgradeTls() goes on behind setEncoding() where nothing is left over", async () => {
  await using app = listen({}).onConnection((socket) => {
    socket.setEncoding("utf8");
    socket.once("data", () => {
      socket.write("GO\n");
      socket.upgradeTls(pair);
      socket.on("data", (text) => socket.write(String(text).toUpperCase()));
    });
  });
  const socket = await connectPlain(app);
  socket.write("STARTTLS\n");
  await once(socket, "data");
  await socket.upgradeTls(trust);
  socket.write("zoë");
  assertEquals(String((await once(socket, "data"))[0]), "ZOË");
  socket.destroy();
});

Deno.test("upgradeTls() sends all of what was written in the clear first, also if the socket is corked then", async () => {
  const clear = 10_000;
  const seen = Promise.withResolvers<number>();
  const peer = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = await connect({ port: peer.addr.port, host: "127.0.0.1" });
  const conn = await peer.accept();
  socket.write(new Uint8Array(clear / 2));
  socket.write(new Uint8Array(clear / 2));
  const upgraded = socket.upgradeTls(trust);
  socket.cork();
  socket.write("x");
  void (async () => {
    const buffer = new Uint8Array(65_536);
    let at = 0;
    for (let bytes; (bytes = await conn.read(buffer)) !== null; at += bytes) {
      const hello = buffer.subarray(0, bytes).indexOf(0x16); // the clear bytes are zeros
      if (hello >= 0) return seen.resolve(at + hello);
    }
  })();
  assertEquals(await seen.promise, clear);
  socket.destroy();
  await assertRejects(() => upgraded);
  conn.close();
  peer.close();
});
