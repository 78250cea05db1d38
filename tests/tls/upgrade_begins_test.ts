// When TLS begins: in the handler that is told of the connection, and without waiting for an answer.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import tls from "node:tls";
import { framed, MessageProtocol, TcpError, type TcpServer, TCPSocket } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { connect } from "../../tcp.ts";
import { authority, listen, readAll, server } from "./support.ts";

const pair = { cert: server.cert, key: server.key };
const trust = { ca: authority.cert, servername: "localhost" };

const connectPlain = (app: TcpServer) => connect({ port: app.address()!.port, host: "127.0.0.1" });

/** Answers in capitals, once it is secured. */
function answer(socket: TCPSocket): void {
  socket.on("data", (data) => socket.write(`${socket.getProtocol()} ${String(data).toUpperCase()}`));
}

Deno.test("upgradeTls() works inside onConnection and inside the connect listener", async () => {
  await using app = listen({}).onConnection((socket) => {
    void socket.upgradeTls(pair);
    answer(socket);
  });
  const socket = new TCPSocket();
  const upgraded = Promise.withResolvers<void>();
  socket.connect(app.address()!.port, "127.0.0.1", () => {
    socket.upgradeTls(trust).then(upgraded.resolve, upgraded.reject);
    socket.write("early");
  });
  assertEquals(String((await once(socket, "data"))[0]), "TLSv1.3 EARLY");
  await upgraded.promise;
  assertEquals([socket.encrypted, socket.authorized], [true, true]);
  socket.destroy();
});

Deno.test("upgradeTls() inside an async onConnection sends what was written before it in the clear", async () => {
  await using app = listen({}).onConnection(async (socket) => {
    socket.write("220 ready\n");
    await socket.upgradeTls(pair);
    assert(socket.encrypted);
    answer(socket);
  });
  const socket = await connectPlain(app);
  assertEquals(String((await once(socket, "data"))[0]), "220 ready\n");
  await socket.upgradeTls(trust);
  socket.write("hello");
  assertEquals(String((await once(socket, "data"))[0]), "TLSv1.3 HELLO");
  socket.destroy();
});

Deno.test("upgradeTls() works for a socket that the server's iteration has just given", async () => {
  await using app = listen({});
  const accepting = app[Symbol.asyncIterator]();
  const [{ value: accepted }, socket] = await Promise.all([accepting.next(), connectPlain(app)]);
  await Promise.all([accepted!.upgradeTls(pair), socket.upgradeTls(trust)]);
  accepted!.end("bye");
  assertEquals(String(Buffer.from(await readAll(socket))), "bye");
  await accepted!.closed;
});

Deno.test("an upgrade inside onConnection that is destroyed by the handler leaves nothing behind", async () => {
  const rejected = Promise.withResolvers<unknown>();
  await using app = listen({}).onConnection((socket) => {
    socket.upgradeTls(pair).catch(rejected.resolve);
    socket.destroy();
  });
  const socket = await connectPlain(app);
  assertEquals((await readAll(socket)).length, 0);
  const error = await rejected.promise;
  assertEquals(error instanceof TcpError && error.code, "ERR_STREAM_DESTROYED");
});

Deno.test("upgradeTls() resolves though a secureConnect listener destroys the socket", async () => {
  const upgraded = Promise.withResolvers<void>();
  await using app = listen({}).onConnection((socket) => {
    socket.on("secureConnect", () => socket.destroy());
    socket.upgradeTls(pair).then(upgraded.resolve, upgraded.reject);
  });
  const socket = await connectPlain(app);
  await Promise.all([upgraded.promise, socket.upgradeTls(trust)]);
  socket.resume();
  await socket.closed;
});

// ---- MySQL's way: the client says that it wants TLS and begins at once ----

const REQUEST = "TLS!\n";

/** What the server does with a connection that may begin with the request, or may stay as it is. */
type Server = (socket: TCPSocket) => void;

const SERVERS: Readonly<Record<string, Server>> = {
  "a data listener"(socket) {
    socket.once("data", (data) => {
      if (!String(data).startsWith(REQUEST)) return void socket.end("plain");
      void socket.upgradeTls(pair, { head: data.subarray(REQUEST.length) });
      answer(socket);
    });
  },
  "a listener that takes its time"(socket) {
    socket.once("data", async (data) => {
      socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (!String(data).startsWith(REQUEST)) return void socket.end("plain");
      await socket.upgradeTls(pair, { head: data.subarray(REQUEST.length) });
      answer(socket);
      socket.resume();
    });
  },
  async "an iteration"(socket) {
    for await (const data of socket) {
      if (socket.encrypted) socket.write(`${socket.getProtocol()} ${String(data).toUpperCase()}`);
      else if (!String(data).startsWith(REQUEST)) socket.end("plain");
      else {
        await new Promise((resolve) => setTimeout(resolve, 20));
        await socket.upgradeTls(pair, { head: data.subarray(REQUEST.length) });
      }
    }
  },
  async "a stream"(socket) {
    const reader = socket.readable.getReader();
    for (let read; !(read = await reader.read()).done;) {
      const data = Buffer.from(read.value);
      if (socket.encrypted) socket.write(`${socket.getProtocol()} ${String(data).toUpperCase()}`);
      else if (!String(data).startsWith(REQUEST)) socket.end("plain");
      else await socket.upgradeTls(pair, { head: data.subarray(REQUEST.length) });
    }
  },
  "framed"(socket) {
    const peer = framed(socket, lines());
    peer.once("message", (line) => {
      if (`${line}\n` !== REQUEST) return void socket.end("plain");
      void socket.upgradeTls(pair, { head: peer.takeRest() });
      answer(socket);
    });
  },
};

/** How the client's bytes come: together with the request, behind it, or in pieces of a byte. */
const ARRIVALS = ["together", "apart", "byte by byte"] as const;

for (const [face, serve] of Object.entries(SERVERS)) {
  for (const arrival of ARRIVALS) {
    Deno.test(`upgradeTls({ head }) in ${face} begins without waiting, the bytes coming ${arrival}`, async () => {
      await using app = listen({}).onConnection(serve);
      assertEquals(await askTls(app.address()!.port, arrival), "TLSv1.3 HELLO");
      const plain = await connectPlain(app);
      plain.write("hello\n");
      assertEquals(String(Buffer.from(await readAll(plain))), "plain");
    });
  }
}

/** Says the request and speaks TLS at once; what it sends until the server's first answer comes as told. */
async function askTls(port: number, arrival: typeof ARRIVALS[number]): Promise<string> {
  const { createServer, connect: dial } = process.getBuiltinModule("node:net");
  // A relay in front of the server joins or cuts what the client sends.
  const relay = createServer((near) => {
    const far = dial(port, "127.0.0.1").setNoDelay(true);
    for (const leg of [near, far]) leg.on("error", () => {/* one end may be gone */});
    let first: Uint8Array | undefined = Buffer.from(REQUEST);
    near.on("data", async (data) => {
      if (first === undefined) return void far.write(data);
      const parts = arrival === "together" ? [Buffer.concat([first, data])] : [first, data];
      first = undefined;
      near.pause();
      for (const part of parts) {
        if (arrival !== "byte by byte") await written(far, part);
        else for (const byte of part) await written(far, Uint8Array.of(byte));
      }
      near.resume();
    });
    far.pipe(near);
    near.on("close", () => far.destroy());
  });
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  const { port: relayed } = relay.address() as { port: number };
  const client = tls.connect({ port: relayed, host: "127.0.0.1", ...trust });
  client.write("hello");
  const [data] = await once(client, "data");
  client.destroy();
  await once(client, "close");
  await new Promise((resolve) => relay.close(resolve));
  return String(data);
}

/** Written, and long enough ago that it is a segment of its own. */
async function written(to: { write(data: Uint8Array, done: () => void): unknown }, data: Uint8Array): Promise<void> {
  await new Promise<void>((resolve) => to.write(data, resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

Deno.test("upgradeTls({ head }) on a client goes on with what the server has begun", async () => {
  await using app = listen({}).onConnection((socket) => {
    socket.write("220 ready\n"); // and TLS follows: the client has to begin, so nothing is behind it
    void socket.upgradeTls(pair);
    answer(socket);
  });
  const socket = await connectPlain(app);
  const [greeting] = await once(socket, "data");
  await socket.upgradeTls(trust, { head: greeting.subarray("220 ready\n".length) });
  socket.write("hello");
  assertEquals(String((await once(socket, "data"))[0]), "TLSv1.3 HELLO");
  socket.destroy();
});

Deno.test("upgradeTls({ head }) still refuses what is left over, and what a protocol keeps", async () => {
  const codes: unknown[] = [];
  await using app = listen({}).onError(() => {/* told below */}).onConnection((socket) => {
    socket.once("data", (data) => {
      const head = data.subarray(REQUEST.length);
      const protocol = new MessageProtocol(socket);
      if (app.metrics().accepted === 2) protocol.handleData(data.subarray(0, 2));
      const leftover = data.subarray(0, app.metrics().accepted === 1 ? 3 : 0);
      socket.upgradeTls(pair, { head, leftover }).catch(({ code }) => codes.push(code));
    });
  });
  for (let i = 0; i < 2; i++) {
    const socket = await connectPlain(app);
    socket.write(REQUEST);
    socket.resume();
    await socket.closed;
  }
  assertEquals(codes, ["ERR_TLS_INJECTION", "ERR_TLS_INJECTION"]);
});

Deno.test("upgradeTls({ head }) refuses bytes that nobody has read up to it", async () => {
  await using app = listen({}).onConnection((socket) => socket.write("too early"));
  const socket = await connectPlain(app);
  while (socket.bytesRead === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const error = await assertRejects(() => socket.upgradeTls(trust, { head: new Uint8Array() }), TcpError);
  assertEquals([error.code, socket.destroyed], ["ERR_TLS_INJECTION", true]);
});

Deno.test("what was said in the clear behind the request never reaches the application, head or not", async () => {
  const heard: string[] = [];
  const receipt = Promise.withResolvers<{ reason: string }>();
  await using app = listen({}).onConnection((socket) => {
    socket.once("data", (data) => {
      socket.on("data", (more) => heard.push(String(more)));
      void socket.upgradeTls(pair, { head: data.subarray(REQUEST.length) });
    });
    socket.closed.then(receipt.resolve);
  });
  const socket = await connectPlain(app);
  socket.write(`${REQUEST}MAIL FROM:<mallory>\n`);
  socket.resume();
  assertEquals([(await receipt.promise).reason, heard], ["tls", []]);
  await socket.closed;
});
