// How large the buffers of the read loop are: small for the idle, large for the busy.

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { makeReader } from "./recording_reader.ts";
import { recordedPair, turn } from "./recording_transport.ts";

const KIB = 1_024;

function unit(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

function open() {
  const { transport, peer } = recordedPair({ capacityBytes: 8 * KIB * KIB });
  const { loop, port } = makeReader();
  loop.open(transport);
  /** Every buffer that was made, by its size. */
  const buffers = () => [...new Set(transport.windows.map(({ buffer }) => buffer))].map((it) => it.byteLength);
  return { loop, port, transport, peer, buffers };
}

unit("ReadLoop starts with 256 bytes", async () => {
  const { buffers } = open();
  await turn();
  assertEquals(buffers(), [256]);
});

unit("ReadLoop grows to 64 KiB while reads fill its buffer, and no further", async () => {
  const { buffers, peer, port } = open();
  await peer.write(new Uint8Array(1_000 * KIB));
  await turn();
  assertEquals(port.taken.reduce((sum, chunk) => sum + chunk.length, 0), 1_000 * KIB);
  assertEquals(buffers().slice(0, 4), [256, 4 * KIB, 16 * KIB, 64 * KIB]);
  assertEquals(Math.max(...buffers()), 64 * KIB);
});

unit("ReadLoop that has grown reads large pieces at once", async () => {
  const { peer, port } = open();
  await peer.write(new Uint8Array(2_000 * KIB));
  await turn();
  // All but the first few reads.
  assertLessOrEqual(port.chunks.length, 5 + Math.ceil(2_000 / 64) + 1);
});

unit("ReadLoop shrinks again when a connection wants little, seldom", async () => {
  const { buffers, peer, port } = open();
  await peer.write(new Uint8Array(1_000 * KIB));
  await turn();
  const before = buffers().length;
  for (let i = 0; i < 5_000 && buffers().at(-1) !== 256; i++) {
    port.movedAt += 60_000;
    await peer.write(new Uint8Array(20));
    await turn();
  }
  assert(buffers().length > before, "it must have made other buffers");
  assertEquals(buffers().at(-1), 256);
});

unit("ReadLoop that lends shrinks, too", async () => {
  const { buffers, loop, peer, port } = open();
  loop.lends = true;
  await peer.write(new Uint8Array(1_000 * KIB));
  await turn();
  assertEquals(buffers().at(-1), 64 * KIB);
  for (let i = 0; i < 10_000 && buffers().at(-1) !== 256; i++) {
    port.movedAt += 60_000;
    await peer.write(new Uint8Array(20));
    await turn();
  }
  assertEquals(buffers().at(-1), 256);
});

unit("ReadLoop that lends makes no buffer for what is like what came before", async () => {
  const { buffers, loop, peer, port } = open();
  loop.lends = true;
  for (let i = 0; i < 500; i++) {
    port.movedAt += i % 2 * 3_000;
    await peer.write(new Uint8Array(200));
    await turn();
  }
  assertEquals(buffers(), [256, 256]); // the first is of the time when it did not lend
});

unit("ReadLoop keeps its size while large reads come now and then", async () => {
  const { buffers, peer, port } = open();
  await peer.write(new Uint8Array(1_000 * KIB));
  await turn();
  for (let i = 0; i < 20; i++) {
    port.movedAt += 60_000;
    await peer.write(new Uint8Array(100));
    await turn();
    await peer.write(new Uint8Array(60 * KIB));
    await turn();
  }
  assertEquals(buffers().at(-1), 64 * KIB);
});

unit("ReadLoop cuts many small chunks out of one buffer", async () => {
  const { buffers, peer } = open();
  for (let i = 0; i < 10; i++) {
    await peer.write(new Uint8Array(10));
    await turn();
  }
  assertEquals(buffers(), [256]);
});

unit("ReadLoop never reads into a window of less than half its buffer", async () => {
  const { transport, peer } = open();
  for (let i = 0; i < 300; i++) {
    await peer.write(new Uint8Array(50 + i));
    await turn();
  }
  for (const window of transport.windows) {
    assert(window.length * 2 >= window.buffer.byteLength, `${window.length} of ${window.buffer.byteLength}`);
  }
});

unit("ReadLoop that lends grows, too", async () => {
  const { loop, buffers, peer } = open();
  loop.lends = true;
  await peer.write(new Uint8Array(1_000 * KIB));
  await turn();
  assertEquals(buffers(), [256, 4 * KIB, 16 * KIB, 64 * KIB]);
});
