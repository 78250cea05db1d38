// What the read loop hands over, holds and tells. The size of its buffers has its own file.

import { assertEquals, assertStrictEquals } from "@std/assert";
import type { MemoryPairOptions } from "../../src/transport/memory.ts";
import { concat } from "../framing/decode.ts";
import { makeReader } from "./recording_reader.ts";
import { recordedPair, turn } from "./recording_transport.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251);

function unit(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A loop that is open to our end of a pair. */
function open(options?: MemoryPairOptions) {
  const { transport, faults, peer } = recordedPair(options);
  const reader = makeReader();
  reader.loop.open(transport);
  return { ...reader, transport, faults, peer };
}

unit("ReadLoop delivers what comes, once, as fresh Buffers", async () => {
  const { port, peer } = open();
  await peer.write(bytes(1, 2));
  await turn();
  await peer.write(bytes(3));
  await turn();
  assertEquals(port.chunks.map((chunk) => [...chunk]), [[1, 2], [3]]);
  assertEquals([port.told, Buffer.isBuffer(port.chunks[0])], [["fresh 2", "fresh 1"], true]);
});

unit("ReadLoop gives chunks away for good: later reads do not change them", async () => {
  const { port, peer } = open({ maxReadBytes: 10 });
  for (let i = 0; i < 200; i++) {
    await peer.write(new Uint8Array(10).fill(i));
    await turn();
  }
  assertEquals(port.chunks.length, 200);
  for (const [i, chunk] of port.chunks.entries()) assertEquals([...chunk], [...new Uint8Array(10).fill(i)]);
});

for (const options of [{}, { maxReadBytes: 1 }, { maxReadBytes: 100 }, { capacityBytes: 300 }]) {
  unit(`ReadLoop delivers every byte in order over a link with ${JSON.stringify(options)}`, async () => {
    const { port, peer } = open(options);
    const data = counting(5_000);
    for (let at = 0; at < data.length;) at += await peer.write(data.subarray(at));
    await peer.closeWrite();
    await turn();
    assertEquals(concat(...port.chunks), data);
    assertEquals(port.told.at(-1), "end");
  });
}

unit("ReadLoop has one read out at a time", async () => {
  const { loop, transport, port, peer } = open();
  loop.resume();
  loop.resume();
  await turn();
  assertEquals(transport.windows.length, 1); // a second one would be Busy
  await peer.write(bytes(1));
  await turn();
  assertEquals([transport.windows.length, port.told], [2, ["fresh 1"]]);
});

// ---- the end ----

unit("ReadLoop tells the peer's FIN once, behind the last chunk, and reads no more", async () => {
  const { loop, port, transport, peer } = open();
  await peer.write(bytes(1));
  await peer.closeWrite();
  await turn();
  const reads = transport.windows.length;
  loop.resume();
  loop.resume();
  await turn();
  assertEquals([port.told, transport.windows.length], [["fresh 1", "end"], reads]);
});

unit("ReadLoop hands a failed read to its port", async () => {
  const { port, peer } = open();
  peer.reset();
  await turn();
  assertEquals(port.told, ["failed ECONNRESET"]);
});

unit("ReadLoop is silent after close(), whatever the transport does", async () => {
  for (const end of ["write", "close", "reset", "own close"]) {
    const { loop, port, transport, peer } = open();
    await turn();
    loop.close();
    if (end === "write") await peer.write(bytes(1));
    else if (end === "close") peer.close();
    else if (end === "reset") peer.reset();
    else transport.close();
    await turn();
    loop.resume();
    await turn();
    assertEquals([port.told, transport.windows.length], [[], 1], end);
  }
});

unit("ReadLoop reads no more when a delivery closed it", async () => {
  const { loop, port, transport, peer } = open();
  port.answer = () => {
    loop.close();
    return "go";
  };
  await peer.write(bytes(1));
  await turn();
  await peer.write(bytes(2));
  await turn();
  assertEquals([port.told, transport.windows.length], [["fresh 1"], 1]);
});

// ---- holding ----

unit("ReadLoop holds a chunk that nobody wants and offers it again at resume(), no longer fresh", async () => {
  const { loop, port, peer } = open();
  port.answer = () => "hold";
  await peer.write(bytes(1, 2));
  await turn();
  assertEquals([port.told, loop.held?.length], [["fresh 2"], 2]);
  loop.resume();
  assertEquals([port.told, loop.held?.length], [["fresh 2", "again 2"], 2]);
  port.answer = () => "go";
  loop.resume();
  assertEquals([port.told.at(-1), loop.held], ["again 2", undefined]);
  await peer.write(bytes(3));
  await turn();
  assertEquals(port.told.at(-1), "fresh 1");
});

unit("ReadLoop holds no more than one buffer, and the rest stays with the peer", async () => {
  const { loop, port, peer } = open();
  port.answer = () => "hold";
  const data = counting(60_000);
  await peer.write(data);
  await turn();
  const held = loop.held?.length ?? 0;
  assertEquals([held > 0 && held <= 4_096, peer.unreadBytes], [true, data.length - held]);
  await turn();
  assertEquals(loop.held?.length, held);
  port.answer = () => "go";
  loop.resume();
  await turn();
  assertEquals(concat(...port.taken), data);
});

unit("ReadLoop puts small chunks that come behind a held one into the same buffer, up to its end", async () => {
  const { loop, port, peer } = open();
  port.answer = () => "hold";
  const data = counting(1_000);
  for (let at = 0; at < data.length; at += 10) {
    await peer.write(data.subarray(at, at + 10));
    await turn();
  }
  const held = loop.held?.length ?? 0;
  assertEquals([held <= 256, port.told[0], peer.unreadBytes], [true, "fresh 10", data.length - held]);
  assertEquals(port.arrivedBytes, held - 10);
  port.answer = () => "go";
  loop.resume();
  await turn();
  assertEquals(concat(...port.taken), data);
});

unit("ReadLoop tells that a FIN waits behind a held chunk, and of the end when the chunk is taken", async () => {
  const { loop, port, peer } = open();
  port.answer = () => "hold";
  await peer.write(bytes(1));
  await turn();
  await peer.closeWrite();
  await turn();
  loop.resume();
  await turn();
  assertEquals([port.told, loop.ended], [["fresh 1", "end waits", "again 1"], true]);
  port.answer = () => "go";
  loop.resume();
  await turn();
  assertEquals(port.told, ["fresh 1", "end waits", "again 1", "again 1", "end"]);
});

unit("ReadLoop notices a reset behind a held chunk", async () => {
  const { port, peer } = open();
  port.answer = () => "hold";
  await peer.write(bytes(1));
  await turn();
  peer.reset();
  await turn();
  assertEquals(port.told, ["fresh 1", "failed ECONNRESET"]);
});

unit("ReadLoop lets resume() be called from within a delivery", async () => {
  const { loop, port, transport, peer } = open();
  port.answer = () => {
    loop.resume();
    return "go";
  };
  for (let i = 0; i < 3; i++) {
    await peer.write(bytes(i));
    await turn();
  }
  assertEquals(port.chunks.map((chunk) => chunk[0]), [0, 1, 2]);
  assertEquals(transport.windows.length, 4);
});

unit("ReadLoop.close() lets go of what it holds, also the second time", async () => {
  const { loop, port, peer } = open();
  port.answer = () => "hold";
  await peer.write(bytes(1, 2, 3));
  await turn();
  loop.close();
  loop.close();
  assertEquals(loop.held, undefined);
});

// ---- waiting and lending ----

unit("ReadLoop delivers nothing after a chunk taken with wait until giveBack()", async () => {
  const { loop, port, peer } = open();
  port.answer = () => "wait";
  await peer.write(bytes(1));
  await turn();
  await peer.write(bytes(2));
  await turn();
  assertEquals(port.told, ["fresh 1"]);
  port.answer = () => "go";
  loop.giveBack(port.chunks[0]!); // it was delivered
  await turn();
  assertEquals(concat(...port.chunks), bytes(1, 2));
});

unit("ReadLoop tells a FIN behind a chunk taken with wait only after giveBack()", async () => {
  const { loop, port, peer } = open();
  port.answer = () => "wait";
  await peer.write(bytes(1));
  await peer.closeWrite();
  await turn();
  assertEquals(port.told, ["fresh 1"]);
  loop.giveBack(port.chunks[0]!); // it was delivered
  await turn();
  assertEquals(port.told, ["fresh 1", "end"]);
});

unit("ReadLoop that lends does not touch a chunk before it comes back", async () => {
  const { loop, port, peer } = open();
  loop.lends = true;
  port.answer = () => "wait";
  for (let i = 0; i < 50; i++) {
    const value = i + 1;
    await peer.write(new Uint8Array(200).fill(value));
    await turn();
    const lent = port.chunks.at(-1);
    await peer.write(new Uint8Array(200).fill(99)); // comes while the chunk is lent
    await turn();
    assertEquals(lent?.every((byte) => byte === value), true, `chunk ${i}`);
    while (peer.unreadBytes > 0 || loop.held !== undefined) {
      loop.giveBack(port.chunks.at(-1)!); // there is one
      await turn();
    }
    loop.giveBack(port.chunks.at(-1)!); // there is one
    await turn();
  }
});

unit("ReadLoop that lends reads into one buffer again and again", async () => {
  const { loop, port, transport, peer } = open();
  loop.lends = true;
  for (let i = 0; i < 100; i++) {
    await peer.write(bytes(i));
    await turn();
  }
  assertEquals(port.chunks.length, 100);
  assertEquals(new Set(transport.windows.slice(1).map((window) => window.buffer)).size, 1);
});

unit("ReadLoop that stops lending gives away only chunks that stay as they are", async () => {
  const { loop, port, peer } = open();
  loop.lends = true;
  await peer.write(bytes(1));
  await turn();
  loop.lends = false;
  for (let i = 2; i < 100; i++) {
    await peer.write(bytes(i));
    await turn();
  }
  // The read that was out when it changed belongs to the new kind.
  for (const [i, chunk] of port.chunks.entries()) if (i > 0) assertEquals([...chunk], [i + 1]);
});

unit("ReadLoop holds the very bytes it has read, without a copy", async () => {
  const { loop, port, peer } = open();
  port.answer = () => "hold";
  await peer.write(bytes(1, 2));
  await turn();
  loop.resume();
  assertStrictEquals(port.chunks[0]?.buffer, port.chunks[1]?.buffer);
  assertEquals(port.chunks[0]?.byteOffset, port.chunks[1]?.byteOffset);
});
