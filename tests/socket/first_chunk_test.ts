/** The first chunk of a connection: what a program looks at to see what it is dealing with. */

import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, MessageProtocol, type TCPSocket } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { resolveSocketSettings } from "../../src/socket/settings.ts";
import { connectionOf } from "../../src/socket/socket_facts.ts";
import { adoptTransport } from "../../src/socket/tcp_socket.ts";
import { memoryPair, type MemoryPairOptions } from "../../src/transport/memory.ts";
import { ENGINES, link } from "../tls/engines.ts";
import { concat } from "../framing/decode.ts";
import { Peer } from "../documentation/peer.ts";
import { makeReader } from "./recording_reader.ts";
import { recordedPair, turn } from "./recording_transport.ts";

const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251);

function unit(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

function open(options?: MemoryPairOptions) {
  const { transport, faults, peer } = recordedPair(options);
  const reader = makeReader();
  reader.loop.open(transport);
  return { ...reader, transport, faults, peer };
}

// ---- what the loop does ----

for (
  const [length, told] of [[255, ["fresh 255"]], [256, ["again 256"]], [257, ["again 257"]], [4_095, ["again 4095"]], [
    4_096,
    ["again 4096"],
  ], [5_000, ["again 4096", "fresh 904"]]] as [number, string[]][]
) {
  unit(`ReadLoop delivers ${length} bytes that came at once as ${told.join(", ")}`, async () => {
    const { port, peer } = open();
    await peer.write(counting(length));
    await turn();
    assertEquals([port.told, concat(...port.taken)], [told, counting(length)]);
    const counted = port.told.reduce((sum, line) => sum + (line.startsWith("fresh") ? Number(line.slice(6)) : 0), 0);
    assertEquals(counted + port.arrivedBytes, length, "every byte is counted once");
  });
}

unit("ReadLoop waits no longer than its turn for more of the first chunk, and reads on meanwhile", async () => {
  const { port, transport, peer } = open();
  await peer.write(counting(256));
  await turn();
  assertEquals([port.told, transport.windows.length], [["again 256"], 2]);
  await peer.write(counting(10));
  await turn();
  assertEquals([port.told, transport.windows.length], [["again 256", "fresh 10"], 3]);
  assertEquals(concat(...port.taken), concat(counting(256), counting(10)));
});

unit("ReadLoop puts only the first chunk together", async () => {
  const { port, peer } = open();
  await peer.write(counting(10));
  await turn();
  await peer.write(counting(400)); // the window has 246 bytes left
  await turn();
  assertEquals(port.told, ["fresh 10", "fresh 246", "fresh 154"]);
});

unit("ReadLoop keeps what it holds when 256 bytes come into the last 256 bytes of its buffer", async () => {
  const { loop, port, peer } = open();
  await peer.write(counting(600)); // the next buffer has 1 KiB
  await turn();
  port.answer = () => "hold";
  await peer.write(counting(768));
  await turn();
  await peer.write(counting(256));
  await turn();
  assertEquals(loop.held, Buffer.from(concat(counting(768), counting(256))));
  port.answer = () => "go";
  loop.resume();
  await turn();
  assertEquals(concat(...port.taken), concat(counting(600), counting(768), counting(256)));
});

unit("ReadLoop needs no larger buffer after a first chunk that was all", async () => {
  const { transport, peer } = open();
  await peer.write(counting(600));
  await turn();
  assertEquals(transport.windows.at(-1)!.buffer.byteLength, 1_024); // there were reads
});

for (const length of [256, 300]) {
  unit(`ReadLoop tells the FIN behind a first chunk of ${length} bytes after it`, async () => {
    const { port, peer } = open();
    await peer.write(counting(length));
    await peer.closeWrite();
    await turn();
    assertEquals([port.told, concat(...port.taken)], [[`again ${length}`, "end"], counting(length)]);
  });

  unit(`ReadLoop holds a first chunk of ${length} bytes that nobody wants, with the FIN behind it`, async () => {
    const { loop, port, peer } = open();
    port.answer = () => "hold";
    await peer.write(counting(length));
    await peer.closeWrite();
    await turn();
    assertEquals([port.told, loop.held?.length, loop.ended], [[`again ${length}`, "end waits"], length, true]);
    port.answer = () => "go";
    loop.resume();
    assertEquals(port.told.slice(2), [`again ${length}`, "end"]);
  });

  unit(`ReadLoop delivers a first chunk of ${length} bytes before the reset behind it`, async () => {
    const [transport] = memoryPair();
    const data = counting(length);
    let at = 0;
    transport.read = (buffer) => {
      const part = data.subarray(at, at + buffer.length);
      at += part.length;
      buffer.set(part);
      return part.length > 0 ? Promise.resolve(part.length) : Promise.reject(new Deno.errors.ConnectionReset());
    };
    const { loop, port } = makeReader();
    loop.open(transport);
    await turn();
    assertEquals([port.told, concat(...port.taken)], [[`again ${length}`, "failed ECONNRESET"], data]);
  });

  unit(`ReadLoop.close() while a first chunk of ${length} bytes is put together tells nothing`, async () => {
    const { loop, port, peer } = open();
    await peer.write(counting(length));
    while (loop.held === undefined) await null;
    loop.close();
    await turn();
    assertEquals([port.told, loop.held], [[], undefined]);
  });

  unit(`ReadLoop lends a first chunk of ${length} bytes, and it stays as it is until it comes back`, async () => {
    const { loop, port, peer } = open();
    loop.lends = true;
    port.answer = () => "wait";
    await peer.write(counting(length));
    await turn();
    await peer.write(new Uint8Array(300));
    await turn();
    assertEquals([port.told, new Uint8Array(port.chunks[0]!)], [[`again ${length}`], counting(length)]);
    port.answer = () => "go";
    loop.giveBack(port.chunks[0]!); // it is there
    await turn();
    assertEquals(concat(...port.taken), concat(counting(length), new Uint8Array(300)));
  });
}

unit("ReadLoop.resume() while the first chunk is put together delivers what there is", async () => {
  const { loop, port, peer } = open();
  await peer.write(counting(256));
  while (loop.held === undefined) await null;
  loop.resume();
  assertEquals([port.told, port.arrivedBytes], [["again 256"], 256]);
  await peer.write(counting(20));
  await turn();
  assertEquals(port.told, ["again 256", "fresh 20"]);
});

unit("ReadLoop.holdsBytes is true while the first chunk is put together", async () => {
  const { loop, peer } = open();
  await peer.write(counting(256));
  while (loop.held === undefined) await null;
  assertEquals([loop.holdsBytes, loop.refuses], [true, true]);
  await turn();
  assertEquals(loop.holdsBytes, false);
});

// ---- what users see ----

const MESSAGE = counting(4_000);

/** The first chunk by each face. */
const FACES: [face: string, first: (socket: TCPSocket) => Promise<Uint8Array>][] = [
  ["a listener", async (socket) => (await once(socket, "data"))[0]],
  ["an iteration", async (socket) => {
    for await (const chunk of socket) return chunk;
    throw new Error("it ended");
  }],
  ["readable", async (socket) => {
    const reader = socket.readable.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    return value ?? new Uint8Array();
  }],
  ["a listener that comes later", async (socket) => {
    while (socket.bytesRead === 0) await new Promise((later) => setTimeout(later, 1));
    return (await once(socket, "data"))[0];
  }],
];

for (const [face, first] of FACES) {
  Deno.test(`the first chunk on a server has what came with it, by ${face}`, async () => {
    await using app = createServer();
    const { promise: chunk, resolve } = Promise.withResolvers<Uint8Array>();
    app.onConnection(async (socket) => {
      socket.on("close", () => {});
      resolve(await first(socket));
      socket.destroy();
    });
    app.listen(0, "127.0.0.1");
    using peer = await Peer.connect(app.address()!.port);
    await peer.write(MESSAGE);
    assertEquals(new Uint8Array(await chunk), MESSAGE);
  });

  Deno.test(`the first chunk on a client has what came with it, by ${face}`, async () => {
    using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    const accepting = listener.accept();
    await using socket = await connect({ port: listener.addr.port, host: "127.0.0.1" });
    const peer = await accepting;
    assertEquals(await peer.write(MESSAGE), MESSAGE.length);
    assertEquals(new Uint8Array(await first(socket)), MESSAGE);
    peer.close();
  });
}

for (const engine of ENGINES) {
  Deno.test(`the first chunk over TLS has what came with it (${engine})`, async () => {
    await using linked = await link(engine);
    linked.client.write(MESSAGE);
    const [chunk] = await once(linked.accepted, "data");
    assertEquals(new Uint8Array(chunk), MESSAGE);
  });
}

Deno.test("the first chunk behind a PROXY header has what came with it", async () => {
  await using app = createServer("tcp", { proxyProtocol: "required" });
  const { promise: chunk, resolve } = Promise.withResolvers<Uint8Array>();
  app.onConnection((socket) => socket.on("data", resolve)).listen(0, "127.0.0.1");
  using peer = await Peer.connect(app.address()!.port);
  await peer.write(concat(new TextEncoder().encode("PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\n"), MESSAGE));
  assertEquals(new Uint8Array(await chunk), MESSAGE);
});

Deno.test("a first chunk that fills its window exactly is not kept waiting", async () => {
  await using app = createServer().onConnection((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
  using peer = await Peer.connect(app.address()!.port);
  await peer.write(counting(256));
  assertEquals(new Uint8Array(await peer.read(256)), counting(256));
  await peer.write(counting(10));
  assertEquals(new Uint8Array(await peer.read(10)), counting(10));
});

Deno.test("a request that is being put together at a shutdown is answered", async () => {
  const [transport, peer] = memoryPair();
  const socket = adoptTransport(transport, resolveSocketSettings(undefined, undefined, undefined), {
    handlerFailed: (error) => assert(false, error.message),
    connectionFailed: (error) => assert(false, error.message),
    connectionClosed: () => {},
  });
  const connection = connectionOf(socket);
  const protocol = new MessageProtocol<string>(socket).attach();
  protocol.onMessage = async () => {
    await turn();
    protocol.send("answer");
  };
  connection.startReading();
  const request = protocol.encode("x".repeat(256 - 4 - 2)); // with its length and quotes
  assertEquals(await peer.write(request), 256);
  while (connection.reader.held === undefined) await null;
  connection.endForShutdown();
  const answer = new Uint8Array(100);
  assertEquals(await peer.read(answer), protocol.encode("answer").length);
  assertEquals(await peer.read(answer), null);
  await peer.closeWrite();
  assertEquals((await socket.closed).reason, "local");
});
