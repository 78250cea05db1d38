// Small writes under TLS: joined into few records, and sent at once (TCP_NODELAY) instead of 40 ms later.

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { once } from "node:events";
import { resolveSocketSettings } from "../../src/socket/settings.ts";
import { adoptTransport } from "../../src/socket/tcp_socket.ts";
import { NodeTlsClient, NodeTlsContext } from "../../src/tls/node_tls.ts";
import type { TCPSocket } from "../../mod.ts";
import { recordedPair } from "../socket/recording_transport.ts";
import { ENGINES, link } from "./engines.ts";
import { relay } from "./relay.ts";
import { authority, pattern, server } from "./support.ts";

const MANY = 10_000;

/** Reads that many bytes. */
async function take(socket: TCPSocket, bytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for await (const chunk of socket) {
    chunks.push(chunk);
    if ((at += chunk.length) >= bytes) break;
  }
  return Buffer.concat(chunks);
}

for (const engine of ENGINES) {
  for (const sender of ["client", "server"] as const) {
    Deno.test(`TLS (${engine}, ${sender} sends) joins ten thousand writes of one byte into few records, in order`, async () => {
      await using relayed = await relay(engine);
      const { client, accepted, up, down } = relayed;
      const [from, to, direction] = sender === "client" ? [client, accepted, up] : [accepted, client, down];
      // What the handshake still has to say goes in front.
      const first = once(to, "data");
      from.write("first");
      await first;
      to.pause();
      const before = direction.records;
      const sent = pattern(MANY);
      for (const byte of sent) from.write(Uint8Array.of(byte));
      to.removeAllListeners("data");
      const received = new Promise<Uint8Array>((resolve) => {
        const chunks: Uint8Array[] = [];
        let at = 0;
        to.on("data", (chunk) => {
          chunks.push(chunk);
          if ((at += chunk.length) === MANY) resolve(Buffer.concat(chunks));
        });
        to.resume();
      });
      assertEquals(Buffer.compare(await received, sent), 0);
      assertLessOrEqual(direction.records - before, 2);
    });

    Deno.test(`TLS (${engine}, ${sender} sends) keeps the order of ten thousand writes in as many turns`, async () => {
      await using linked = await link(engine);
      const [from, to] = sender === "client" ? [linked.client, linked.accepted] : [linked.accepted, linked.client];
      const received = take(to, MANY);
      const sent = pattern(MANY);
      for (let at = 0; at < MANY; at++) {
        from.write(sent.subarray(at, at + 1));
        if (at % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
        else await Promise.resolve();
      }
      assertEquals(Buffer.compare(await received, sent), 0);
    });
  }
}

Deno.test("TLS hands writes of one turn to the kernel in one write, and those behind it in the next", async () => {
  const { transport, peer } = recordedPair();
  const context = new NodeTlsContext({ cert: server.cert, key: server.key });
  const [ours, theirs] = await Promise.all([
    context.secure(transport),
    new NodeTlsClient({ ca: authority.cert }).secure(peer, "localhost"),
  ]);
  const socket = adoptTransport(ours, resolveSocketSettings(undefined, undefined, undefined), {
    handlerFailed() {},
    connectionFailed() {},
    connectionClosed() {},
  });
  const buffer = new Uint8Array(65_536);
  const before = transport.writes.length;
  for (let at = 0; at < MANY / 2; at++) socket.write("a");
  await Promise.resolve();
  for (let at = 0; at < MANY / 2; at++) socket.write("b"); // the first is in flight
  let bytes = 0;
  while (bytes < MANY) bytes += await theirs.read(buffer.subarray(bytes)) ?? MANY;
  assertEquals(new TextDecoder().decode(buffer.subarray(0, bytes)), "a".repeat(MANY / 2) + "b".repeat(MANY / 2));
  const sizes = transport.writeSizes.slice(before);
  assertEquals([sizes.length, transport.mostWrites], [2, 1], `${sizes}`);
  for (const size of sizes) assertLessOrEqual(size, MANY / 2 + 64);
  socket.destroy();
  theirs.close();
  await socket.closed;
});

/** What the kernel says of TCP_NODELAY at our end of that connection; undefined where it is not asked. */
async function noDelayOf({ localPort, remotePort }: TCPSocket): Promise<boolean | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const port = (field: string | undefined) => parseInt(field?.split(":")[1] ?? "", 16);
  const fields = (await Deno.readTextFile("/proc/self/net/tcp")).split("\n").map((line) => line.trim().split(/\s+/));
  const inode = fields.find(([, local, remote]) => port(local) === localPort && port(remote) === remotePort)?.[9];
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    let target = "";
    try {
      target = Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch {
      continue; // that of the directory itself
    }
    if (target === `socket:[${inode}]`) return getNoDelay(Number(name));
  }
  throw new Error(`no descriptor for port ${localPort}`);
}

function getNoDelay(descriptor: number): boolean {
  using library = libc();
  const [value, length] = [new Int32Array(1), Uint32Array.of(4)];
  const [IPPROTO_TCP, TCP_NODELAY] = [6, 1];
  assertEquals(library.symbols.getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, value, length), 0);
  return value[0] !== 0;
}

function libc() {
  const library = Deno.dlopen("libc.so.6", {
    getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  });
  return { symbols: library.symbols, [Symbol.dispose]: () => library.close() };
}

for (const [engine, setOn] of [["node", ["client", "server"]], ["deno", ["client"]]] as const) {
  Deno.test(`TLS (${engine}) sets TCP_NODELAY on the connection below: ${setOn.join(" and ")}`, async () => {
    // Whatever the kernel is told goes through here.
    const set: (readonly [port: number, on: boolean | undefined])[] = [];
    using _watch = await watchNoDelay((connection, on) => {
      if ("port" in connection.localAddr) set.push([connection.localAddr.port, on]);
    });
    await using linked = await link(engine);
    const ends = { client: linked.client, server: linked.accepted };
    for (const end of setOn) {
      const { localPort } = ends[end];
      assert(set.some(([port, on]) => port === localPort && on === true), `${end}: ${JSON.stringify(set)}`);
      assertEquals(await noDelayOf(ends[end]) ?? true, true, end);
    }
    // 64 KiB there and back, while it is so.
    linked.accepted.on("data", (data) => linked.accepted.write(data));
    const sent = pattern(65_536);
    linked.client.write(sent);
    assertEquals(Buffer.compare(await take(linked.client, sent.length), sent), 0);
    assertEquals(set.some(([, on]) => on === false), false);
  });

  Deno.test(`TLS (${engine}) leaves TCP_NODELAY off with tcp.noDelay: false`, async () => {
    await using linked = await link(engine, { tcp: { noDelay: false } });
    assertEquals([await noDelayOf(linked.client) ?? false, await noDelayOf(linked.accepted) ?? false], [false, false]);
  });
}

/** Calls back at each `setNoDelay` of the runtime's connections. */
async function watchNoDelay(
  told: (connection: Deno.TcpConn, on: boolean | undefined) => void,
): Promise<Disposable> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const prototype: Deno.TcpConn = Object.getPrototypeOf(connection);
  const { setNoDelay } = prototype;
  prototype.setNoDelay = function (this: Deno.TcpConn, on?: boolean) {
    told(this, on);
    setNoDelay.call(this, on);
  };
  return { [Symbol.dispose]: () => void (prototype.setNoDelay = setNoDelay) };
}
