// `vtcp tap` as a process between servers and clients in the test.

import { createServer as createNodeServer } from "node:net";
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  createServer,
  framed,
  MessageProtocol,
  type ServerOptions,
  type TcpServer,
  type TCPSocket,
} from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { netstrings } from "../../src/framing/mod.ts";
import { makeAuthority } from "../support/certificates.ts";
import { Vtcp } from "./vtcp.ts";

function serve(handler: (socket: TCPSocket) => void, options: ServerOptions = {}): TcpServer & { target: string } {
  const app = createServer("tcp", options).onConnection(handler);
  app.onError(() => {}); // clients come and go
  app.listen(0, "127.0.0.1");
  return Object.assign(app, { target: `127.0.0.1:${app.address()?.port}` });
}

async function readAll(socket: TCPSocket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

/** What was printed, without the times, which are of the right form. */
function untimed(text: string): string[] {
  const rows = text.split("\n");
  assertEquals(rows.pop(), "");
  return rows.map((line) => {
    assertMatch(line, /^\d\d:\d\d:\d\d\.\d\d\d #/);
    return line.slice("00:00:00.000 ".length).replace(/127\.0\.0\.1:\d+ connected/, "ADDRESS connected");
  });
}

Deno.test("tap prints every message that passes, both ways, decoded, with its size", async () => {
  await using app = serve((socket) => {
    const protocol = new MessageProtocol<unknown>(socket).attach();
    protocol.onMessage = (message) => void protocol.send({ got: message });
  });
  await using tap = await Vtcp.listening(["tap", "0", app.target, "--codec", "json"]);
  const socket = await connect({ port: tap.port, host: "127.0.0.1" });
  const protocol = new MessageProtocol<unknown>(socket).attach();
  for (const message of ["Zoë \u009b", { a: [1] }]) {
    const answer = new Promise((resolve) => protocol.onMessage = resolve);
    protocol.send(message);
    assertEquals(await answer, { got: message });
  }
  socket.end();
  await socket.closed;
  await tap.stdout.match(/closed/);
  tap.interrupt();
  const { code, stdout } = await tap.end();
  assertEquals([code, untimed(stdout)], [0, [
    "#1 ADDRESS connected",
    '#1 > 13 "Zoë \\x9b"',
    '#1 < 21 {"got":"Zoë \\x9b"}',
    '#1 > 13 {"a":[1]}',
    '#1 < 21 {"got":{"a":[1]}}',
    "#1 closed (peer), 26 bytes in, 42 bytes out",
  ]]);
});

Deno.test("tap shows a message on one line and moves no cursor, whatever is in it, and passes it as it is", async () => {
  const hostile = "a\r\n\x1b[2J\u202e\u2028\0#9 forged";
  await using app = serve((socket) => {
    framed(socket, netstrings()).on("message", (message) => socket.end(message));
  });
  await using tap = await Vtcp.listening(["tap", "0", app.target, "--codec", "netstring"]);
  const socket = await connect({ port: tap.port, host: "127.0.0.1" });
  socket.write(netstrings().encode(new TextEncoder().encode(hostile)));
  assertEquals(await readAll(socket), hostile);
  await tap.stdout.match(/closed/);
  tap.interrupt();
  const rows = untimed((await tap.end()).stdout);
  const size = new TextEncoder().encode(hostile).length;
  assertEquals(rows[1], `#1 > ${size + 4} a\\r\\n\\x1b[2J\\u202e\\u2028\\x00#9 forged`);
  assertMatch(rows[2] ?? "", /^#1 < \d+ \(Cannot read frame: .*ERR_FRAME_MALFORMED\)\)$/);
});

Deno.test("tap passes what it cannot decode, and says so", async () => {
  await using app = serve((socket) => void socket.pipe(socket));
  await using tap = await Vtcp.listening(["tap", "0", app.target, "--codec", "varint", "--hex"]);
  const socket = await connect({ port: tap.port, host: "127.0.0.1", tcp: { allowHalfOpen: true } });
  const rounds = [[0x02, 0x00, 0xff], [0xff, 0xff, 0xff, 0xff, 0x7f], [1, 2, 3]];
  const chunks = socket[Symbol.asyncIterator]();
  for (const bytes of rounds) {
    socket.write(new Uint8Array(bytes));
    assertEquals([...(await chunks.next()).value ?? []], bytes);
  }
  socket.end();
  assertEquals((await chunks.next()).done, true);
  await tap.stdout.match(/closed/);
  tap.interrupt();
  const [, ...rows] = untimed((await tap.end()).stdout);
  const bad = "5 (Cannot read frame: it has 34359738367 bytes, at most 1048576 are allowed (ERR_FRAME_TOO_LARGE))";
  assertEquals(rows, [
    "#1 > 3 00 ff",
    "#1 < 3 00 ff",
    `#1 > ${bad}`,
    `#1 < ${bad}`,
    "#1 > 3 (not decoded)",
    "#1 < 3 (not decoded)",
    "#1 closed (peer), 11 bytes in, 11 bytes out",
  ]);
});

Deno.test("tap passes ends in either direction, and bytes of many sizes unchanged", async () => {
  const big = Uint8Array.from({ length: 500_000 }, (_, i) => i * 7 >> (i % 5));
  const received = Promise.withResolvers<number>();
  await using app = serve((socket) => {
    let count = 0;
    socket.on("data", (data) => count += data.length);
    socket.on("end", () => {
      received.resolve(count);
      socket.end(big);
    });
  }, { tcp: { allowHalfOpen: true } });
  await using tap = await Vtcp.listening(["tap", "0", app.target, "--codec", "raw", "--hex"]);
  const drained = tap.stdout.end();
  const socket = await connect({ port: tap.port, host: "127.0.0.1" });
  socket.end(big);
  const chunks: number[] = [];
  for await (const chunk of socket) chunks.push(...chunk);
  assertEquals(await received.promise, big.length);
  assertEquals(new Uint8Array(chunks), big);
  tap.interrupt();
  assertMatch(await drained, /#1 > \d+ [0-9a-f ]+\n/);
  assertEquals((await tap.end()).code, 0);
});

Deno.test("tap speaks TLS with clients and not with the target, and the other way round", async () => {
  const authority = await makeAuthority("Ours");
  const { cert, key } = await authority.issue("server");
  const folder = await Deno.makeTempDir();
  const files = { "ca.pem": authority.cert, "cert.pem": cert, "key.pem": key };
  for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
  const permissions = ["--allow-net", `--allow-read=${folder}`];
  const answer = (socket: TCPSocket) => socket.on("data", (data) => socket.end(`got ${data}`));
  await using plain = serve(answer);
  await using secure = serve(answer, { tls: { cert, key } });
  const pem = (name: string) => `${folder}/${name}.pem`;
  await using first = await Vtcp.listening(["tap", "0", secure.target, "--tls", "--ca", pem("ca")], permissions);
  await using second = await Vtcp.listening(
    ["tap", "0", plain.target, "--cert", pem("cert"), "--key", pem("key")],
    permissions,
  );
  for (const [tap, tls] of [[first, false], [second, { ca: authority.cert }]] as const) {
    const socket = await connect({ port: tap.port, host: "127.0.0.1", tls });
    socket.write("secret\n");
    assertEquals(await readAll(socket), "got secret\n");
    await tap.stdout.match(/#1 < 11 got secret\n/);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("tap tells a target that it cannot reach, ends the client, and goes on", async () => {
  const target = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using tap = await Vtcp.listening(["tap", "0", `127.0.0.1:${target.addr.port}`]);
  target.close(); // not before the tap has a port of its own
  for (const id of [1, 2]) {
    const socket = await connect({ port: tap.port, host: "127.0.0.1" });
    socket.resume().on("error", () => {}); // it may be reset
    await socket.closed;
    await tap.stdout.match(new RegExp(`#${id} closed \\(error\\).*ECONNREFUSED`));
  }
});

Deno.test("tap ends both sides where one is reset", async () => {
  const ended = Promise.withResolvers<void>();
  const app = createNodeServer((socket) => {
    socket.on("error", () => {}).on("close", () => ended.resolve());
    socket.once("data", () => socket.resetAndDestroy());
  });
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  const address = app.address();
  assert(typeof address === "object" && address !== null);
  await using tap = await Vtcp.listening(["tap", "0", `127.0.0.1:${address.port}`]);
  const socket = await connect({ port: tap.port, host: "127.0.0.1" });
  socket.resume().on("error", () => {}); // it may be reset
  socket.write("hello\n");
  await socket.closed;
  await ended.promise;
  await tap.stdout.match(/#1 closed .*ECONNRESET/);
  await new Promise((resolve) => app.close(resolve));
});

Deno.test("tap takes it for no failure when nobody reads what it prints any more", async () => {
  await using app = serve((socket) => void socket.pipe(socket));
  await using tap = await Vtcp.listening(["tap", "0", app.target]);
  const socket = await connect({ port: tap.port, host: "127.0.0.1" });
  socket.on("error", () => {}); // the tap goes away
  await tap.stdout.match(/connected/);
  await tap.stdout.close();
  socket.write("hello\n");
  assertEquals((await tap.end()).code, 0);
  socket.destroy();
});
