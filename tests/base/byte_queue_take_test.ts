// The two ways to consume a ByteQueue: `take`, which hands bytes over, and `skip`, which throws them away.

import { Buffer } from "node:buffer";
import { assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import { ByteQueue } from "../../src/base/byte_queue.ts";
import { countCopied } from "./count_copied.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

/** 0, 1, 2, ... `length - 1`. */
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i);

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

// ---- take ----

unit("ByteQueue.take() gives windows on the chunk, one behind the other, without a copy", () => {
  const queue = new ByteQueue();
  const chunk = counting(10).subarray(2); // 2 to 9
  queue.push(chunk);
  const copied = countCopied(() => {
    const first = queue.take(3);
    const second = queue.take(4, 1);
    assertEquals([first, second], [bytes(2, 3, 4), bytes(6, 7, 8)]);
    for (const taken of [first, second]) assertStrictEquals(taken.buffer, chunk.buffer);
  });
  assertEquals([copied, queue.at, queue.length], [0, 7, 1]);
});

// A stash of 4, a chunk of 4 behind it, and every piece of the 8, stripped of everything it can be.
for (let count = 0; count <= 8; count++) {
  unit(`ByteQueue.take(${count}) of 8 bytes in stash and chunk is one piece, and the rest stays`, () => {
    for (let strip = 0; strip <= count; strip++) {
      for (const skipped of [0, 1]) {
        const queue = new ByteQueue();
        queue.push(counting(4 + skipped).subarray(0, 4));
        queue.push(counting(8).subarray(4));
        if (skipped > 0) queue.skip(skipped);
        const size = Math.min(count, 8 - skipped);
        const from = Math.min(strip, size);
        const taken = queue.take(size, from);
        assertEquals(taken, counting(8).subarray(skipped + from, skipped + size));
        assertEquals(queue.length, 8 - skipped - size);
        queue.push(bytes(8));
        assertEquals(queue.takeAll(), counting(9).subarray(skipped + size));
        assertEquals(taken, counting(8).subarray(skipped + from, skipped + size), "what was taken has changed");
      }
    }
  });
}

unit("ByteQueue.take() of everything leaves the stash for whoever took it", () => {
  const queue = new ByteQueue();
  queue.push(bytes(1, 2));
  queue.push(bytes(3));
  const taken = queue.take(3);
  queue.push(bytes(7, 8, 9));
  queue.gather(3);
  assertEquals([taken, queue.take(3)], [bytes(1, 2, 3), bytes(7, 8, 9)]);
});

unit("ByteQueue.take() and takeAll() of a Buffer give plain Uint8Arrays", () => {
  const queue = new ByteQueue();
  const chunk = Buffer.from("pooled");
  queue.push(chunk);
  for (const taken of [queue.take(2), queue.takeAll()]) {
    assertStrictEquals(Object.getPrototypeOf(taken), Uint8Array.prototype);
    assertStrictEquals(taken.buffer, chunk.buffer);
  }
  queue.push(Buffer.from("ab"));
  queue.push(Buffer.from("cd"));
  for (const taken of [queue.take(3), queue.takeAll()]) {
    assertStrictEquals(Object.getPrototypeOf(taken), Uint8Array.prototype);
  }
});

unit("ByteQueue.take() of a frame across two chunks takes no more of the second than it needs", () => {
  const queue = new ByteQueue();
  queue.push(counting(3));
  queue.push(counting(1_000));
  const copied = countCopied(() => assertEquals(queue.take(5), bytes(0, 1, 2, 0, 1)));
  assertLessOrEqual(copied, 5);
  assertEquals([queue.stashed, queue.length], [0, 998]);
});

// ---- skip ----

// Three pieces of every kind: a stash of 4, an unread chunk of 4, and every number of bytes to skip.
for (let count = 0; count <= 10; count++) {
  unit(`ByteQueue.skip(${count}) throws away ${Math.min(count, 8)} of 8 bytes in stash and chunk`, () => {
    const queue = new ByteQueue();
    queue.push(counting(4));
    queue.push(counting(8).subarray(4));
    assertEquals(queue.stashed, 4);
    assertEquals(queue.skip(count), Math.min(count, 8));
    assertEquals(queue.length, Math.max(0, 8 - count));
    queue.push(bytes(8));
    assertEquals(queue.takeAll(), counting(9).subarray(Math.min(count, 8)));
  });
}

unit("ByteQueue.skip() goes on after a gather", () => {
  const queue = new ByteQueue();
  queue.push(counting(5));
  queue.gather(3);
  assertEquals(queue.skip(1), 1);
  assertEquals(queue.gather(3), true);
  assertEquals(queue.takeStash(), bytes(1, 2, 3));
  assertEquals(queue.takeAll(), bytes(4));
});

unit("ByteQueue.skip() copies nothing, lets go of a chunk that it goes through, and says how far it got", () => {
  const queue = new ByteQueue();
  const copied = countCopied(() => {
    for (let left = 10_500; left > 0;) {
      queue.push(counting(1_000));
      left -= queue.skip(left);
      if (left > 0) assertEquals([queue.length, queue.chunk.length], [0, 0]);
    }
  });
  assertEquals([copied, queue.length], [0, 500]);
  assertEquals(queue.takeAll(), counting(1_000).subarray(500));
});

unit("ByteQueue.skip() of the very last byte and takeAll() let go of the chunk", () => {
  const queue = new ByteQueue();
  queue.push(counting(1_000));
  queue.skip(999);
  assertEquals([queue.skip(1), queue.length, queue.chunk.length], [1, 0, 0]);
  queue.push(counting(1_000));
  queue.take(1);
  assertEquals([queue.takeAll().length, queue.length, queue.chunk.length], [999, 0, 0]);
});

unit("ByteQueue.skip() lets go of the stash with its last byte", () => {
  const queue = new ByteQueue();
  queue.push(counting(1_000));
  queue.push(bytes(1, 2));
  assertEquals(queue.skip(1_000), 1_000);
  assertEquals([queue.stashed, queue.stashBytes.buffer.byteLength], [0, 0]);
  assertEquals(queue.take(2), bytes(1, 2));
});

unit("ByteQueue.takeAll() of stash and chunk gives one piece and leaves nothing", () => {
  const queue = new ByteQueue();
  queue.push(counting(4));
  queue.push(counting(100).subarray(4));
  queue.skip(2);
  assertEquals(queue.takeAll(), counting(100).subarray(2));
  assertEquals([queue.length, queue.chunk.length, queue.stashBytes.length], [0, 0, 0]);
});
