/**
 * The hot path without a network: decode, encode, read loop, write queue. Beside it, where `BENCH_BEFORE` names a folder
 * with another version of the library, the same of that one. Each figure is for 1,000 messages, or for 16 MiB.
 */

import type * as Framing from "../../src/framing/mod.ts";
import type * as Library from "../../mod.ts";
import type { TCPSocket } from "../../mod.ts";
import { MockListener, type MockWire } from "./mock_wire.ts";

const MESSAGES = 1_000;
const PIPELINED = 16;
const CHUNK_BYTES = 65_536;
const CHUNKS = 256;
const before = Deno.env.get("BENCH_BEFORE");
const versions: [name: string, folder: string][] = [["now", new URL("../../", import.meta.url).href]];
if (before !== undefined) versions.push(["before", new URL(`file://${before}/`).href]);

for (const [name, folder] of versions) {
  const library: typeof Library = await import(`${folder}mod.ts`);
  const framing: typeof Framing = await import(`${folder}src/framing/mod.ts`);
  const bench = (group: string, fn: () => void | Promise<void>) =>
    Deno.bench({ name: `${group}: ${name}`, group, baseline: name === "before", fn });

  /** The two ends of a connection to a server that does this with its sockets. */
  const connect = async (serve: (socket: TCPSocket) => void): Promise<[wire: MockWire, socket: TCPSocket]> => {
    using listener = new MockListener();
    const { promise, resolve } = Promise.withResolvers<TCPSocket>();
    library.createServer().onConnection((socket: TCPSocket) => {
      serve(socket);
      resolve(socket);
    }).listen(1, "127.0.0.1");
    const wire = listener.connect();
    return [wire, await promise];
  };
  const small = new Uint8Array(64);
  const binary = framing.lengthPrefixed();
  const objects = framing.json<{ type: string; timestamp: number }>();
  const body = new Uint8Array(60);
  const ping = { type: "ping", timestamp: 1_700_000_000_000 };
  const repeat = (frame: Uint8Array, times: number) => {
    const chunk = new Uint8Array(frame.length * times);
    for (let at = 0; at < chunk.length; at += frame.length) chunk.set(frame, at);
    return chunk;
  };

  const frames = repeat(binary.encode(body), MESSAGES);
  const decoder = binary.decoder();
  bench("decode binary frames", () => {
    decoder.push(frames);
    while (decoder.next() !== undefined);
  });
  const texts = repeat(objects.encode(ping), MESSAGES);
  const reader = objects.decoder();
  bench("decode JSON", () => {
    reader.push(texts);
    while (reader.next() !== undefined);
  });
  bench("encode binary frames", () => {
    for (let count = 0; count < MESSAGES; count++) binary.encode(body);
  });
  bench("encode JSON", () => {
    for (let count = 0; count < MESSAGES; count++) objects.encode(ping);
  });

  const [heard] = await connect((socket) => socket.on("data", () => {}));
  bench("read loop, 64 B", async () => await heard.bring(small, MESSAGES, 0));
  const large = new Uint8Array(CHUNK_BYTES);
  bench("read loop, 64 KiB", async () => await heard.bring(large, CHUNKS, 0));

  const [, writer] = await connect(() => {});
  bench("write queue, one 64 B write a turn", async () => {
    for (let count = 0; count < MESSAGES; count++) await new Promise((sent) => writer.write(small, sent));
  });
  bench("write queue, 16 writes a turn", async () => {
    for (let count = 0; count < MESSAGES; count += PIPELINED) {
      for (let more = 1; more < PIPELINED; more++) writer.write(small);
      await new Promise((sent) => writer.write(small, sent));
    }
  });

  const [echo] = await connect((socket) => socket.on("data", (data) => socket.write(data)));
  bench("echo, 64 B", async () => await echo.bring(small, MESSAGES, MESSAGES * small.length));
  const [bulk] = await connect((socket) => socket.on("data", (data) => socket.write(data)));
  bench("echo, 64 KiB", async () => await bulk.bring(large, CHUNKS, CHUNKS * CHUNK_BYTES));

  const listener = new MockListener();
  const guests = library.createServer();
  guests.onConnection((socket: TCPSocket) => socket.on("data", (data) => socket.write(data))).listen(1, "127.0.0.1");
  listener[Symbol.dispose](); // it goes on for those that listen already
  bench("a connection, 64 B there and back", async () => {
    for (let count = 0; count < MESSAGES; count++) {
      const wire = listener.connect();
      await wire.bring(small, 1, small.length);
      await wire.end();
    }
  });

  const serveBinary = (socket: TCPSocket) => {
    const protocol = new library.MessageProtocol(socket, { codec: framing.lengthPrefixed() }).attach();
    protocol.onMessage = (message: Uint8Array) => protocol.send(message);
  };
  const [raw] = await connect(serveBinary);
  const few = repeat(binary.encode(body), PIPELINED);
  const turns = Math.ceil(MESSAGES / PIPELINED);
  bench("binary frames there and back, 16 a chunk", async () => await raw.bring(few, turns, turns * few.length));
  const serveObjects = (socket: TCPSocket) => {
    const protocol = new library.MessageProtocol(socket, { codec: framing.json<typeof ping>() }).attach();
    protocol.onMessage = (message: typeof ping) => protocol.send(message);
  };
  const [json] = await connect(serveObjects);
  const pings = repeat(objects.encode(ping), PIPELINED);
  bench("JSON there and back, 16 a chunk", async () => await json.bring(pings, turns, turns * pings.length));
}
