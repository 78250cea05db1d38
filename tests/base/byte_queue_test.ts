import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import { ByteQueue } from "../../src/base/byte_queue.ts";
import { countCopied } from "./count_copied.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

/** 0, 1, 2, ... `length - 1`. */
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i);

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

unit("ByteQueue.push() keeps a chunk without a copy", () => {
  const queue = new ByteQueue();
  const chunk = bytes(1, 2, 3);
  queue.push(chunk);
  assertStrictEquals(queue.chunk, chunk);
  assertEquals([queue.at, queue.end, queue.stashed, queue.length], [0, 3, 0, 3]);
});

unit("ByteQueue.push() stashes what was unread of the chunk before", () => {
  const queue = new ByteQueue();
  queue.push(bytes(1, 2, 3, 4));
  queue.at = 2;
  queue.push(bytes(5, 6));
  assertEquals([queue.stashed, queue.length], [2, 4]);
  assertEquals(queue.takeAll(), bytes(3, 4, 5, 6));
});

unit("ByteQueue.push() of an empty chunk loses nothing", () => {
  const queue = new ByteQueue();
  queue.push(bytes(1, 2));
  queue.push(bytes());
  queue.push(bytes(3));
  queue.push(bytes());
  assertEquals(queue.length, 3);
  assertEquals(queue.takeAll(), bytes(1, 2, 3));
});

unit("ByteQueue.gather() says false until the bytes are there and frees the chunk", () => {
  const queue = new ByteQueue();
  queue.push(bytes(1, 2));
  assertEquals(queue.gather(3), false);
  assertEquals([queue.stashed, queue.at, queue.end, queue.chunk.length], [2, 0, 0, 0]);
  queue.push(bytes(3, 4));
  assertEquals(queue.gather(3), true);
  assertEquals([queue.stashed, queue.length], [3, 4]);
  assertEquals(queue.stashBytes.subarray(0, 3), bytes(1, 2, 3));
});

unit("ByteQueue.gather() of nothing is true", () => {
  assertEquals(new ByteQueue().gather(0), true);
});

unit("ByteQueue.takeStash() hands the stash over for good", () => {
  const queue = new ByteQueue();
  queue.push(bytes(1, 2));
  queue.gather(2);
  const taken = queue.takeStash();
  queue.push(bytes(8, 9));
  queue.gather(2);
  assertEquals(taken, bytes(1, 2));
  assertEquals(queue.takeStash(), bytes(8, 9));
  assertEquals(queue.length, 0);
});

unit("ByteQueue.takeStash() of a part leaves the rest stashed, and later bytes do not touch what was taken", () => {
  const queue = new ByteQueue();
  queue.push(bytes(1, 2, 3, 4));
  queue.gather(4);
  const first = queue.takeStash(3);
  assertEquals([queue.stashed, queue.stashBytes], [1, bytes(4)]);
  for (let i = 5; i < 200; i++) queue.push(bytes(i));
  assertEquals(queue.gather(4), true);
  assertEquals([first, queue.takeStash(4)], [bytes(1, 2, 3), bytes(4, 5, 6, 7)]);
  assertEquals(queue.takeAll(), counting(200).subarray(8));
});

unit("ByteQueue does not keep a stashed chunk alive by a window on it", () => {
  const queue = new ByteQueue();
  const chunk = bytes(1, 2, 3);
  queue.push(chunk);
  queue.push(bytes(4));
  chunk.fill(9);
  assertEquals(queue.takeAll(), bytes(1, 2, 3, 4));
});

unit("ByteQueue.takeAll() gives one piece without a copy", () => {
  const queue = new ByteQueue();
  const chunk = bytes(1, 2, 3, 4);
  queue.push(chunk);
  queue.at = 1;
  const rest = queue.takeAll();
  assertStrictEquals(rest.buffer, chunk.buffer);
  assertEquals(rest, bytes(2, 3, 4));
  assertEquals(queue.length, 0);
});

unit("ByteQueue.takeAll() of an empty queue is empty", () => {
  assertEquals(new ByteQueue().takeAll(), bytes());
});

unit("ByteQueue.clear() lets go of every byte", () => {
  const queue = new ByteQueue();
  queue.push(counting(1_000));
  queue.push(counting(1_000));
  queue.clear();
  assertEquals([queue.length, queue.stashed, queue.at, queue.end], [0, 0, 0, 0]);
  assertEquals([queue.chunk.length, queue.stashBytes.length], [0, 0]);
});

const KNOWN_BYTES = 1_000_000;

unit("ByteQueue copies at most three times the bytes that come one by one", () => {
  const queue = new ByteQueue();
  const one = bytes(7);
  const copied = countCopied(() => {
    for (let i = 0; i < KNOWN_BYTES; i++) {
      queue.push(one);
      queue.gather(KNOWN_BYTES);
    }
  });
  assertEquals(queue.stashed, KNOWN_BYTES);
  assert(copied >= KNOWN_BYTES, "else nothing was counted");
  assertLessOrEqual(copied, 3 * KNOWN_BYTES);
});

unit("ByteQueue copies at most three times the bytes when nobody knows how many will come", () => {
  const queue = new ByteQueue();
  const copied = countCopied(() => {
    for (let i = 0; i < 100_000; i++) queue.push(bytes(1, 2, 3));
    queue.gather(300_000);
  });
  assertEquals(queue.stashed, 300_000);
  assertLessOrEqual(copied, 3 * 300_000);
});

unit("ByteQueue copies a bounded number of times where bytes are taken from the front of many", () => {
  const queue = new ByteQueue();
  const copied = countCopied(() => {
    queue.push(counting(10_000));
    for (let i = 0; i < 10_000; i++) {
      queue.push(bytes(1, 2, 3, 4));
      queue.gather(10);
      queue.takeStash(4);
    }
  });
  assertEquals(queue.length, 10_000);
  assertLessOrEqual(copied, 4 * 50_000);
});

unit("ByteQueue copies nothing where chunks are consumed before the next one", () => {
  const queue = new ByteQueue();
  const copied = countCopied(() => {
    for (let i = 0; i < 1_000; i++) {
      queue.push(counting(100));
      queue.at = 100;
    }
  });
  assertEquals(copied, 0);
});

unit("ByteQueue holds no buffer of the announced size before the bytes have come", () => {
  const queue = new ByteQueue();
  queue.push(counting(10));
  queue.gather(1_000_000_000);
  assertLessOrEqual(queue.stashBytes.length, 64);
});

unit("ByteQueue makes the last buffer no larger than needed", () => {
  const queue = new ByteQueue();
  queue.push(counting(60));
  queue.gather(100);
  queue.push(counting(60));
  assertEquals(queue.gather(100), true);
  assertEquals(queue.takeStash().buffer.byteLength, 100);
});

unit("ByteQueue.byteAt(), indexOf() and slice() read across stash and chunk and consume nothing", () => {
  const text = counting(40);
  for (let cut = 0; cut <= 40; cut++) {
    for (const taken of [0, 3, cut]) {
      const queue = new ByteQueue();
      queue.push(text.slice(0, cut));
      if (taken > cut) continue;
      queue.take(taken);
      queue.push(text.slice(cut));
      const rest = text.subarray(taken);
      assertEquals(Array.from(rest, (_, i) => queue.byteAt(i)), [...rest]);
      for (let from = 0; from <= rest.length; from++) {
        const found = Array.from({ length: 42 }, (_, byte) => queue.indexOf(byte, from));
        assertEquals(found, Array.from({ length: 42 }, (_, byte) => rest.indexOf(byte, from)));
        for (const to of [from, from + 1, rest.length].filter((to) => to <= rest.length)) {
          const copy = queue.slice(from, to);
          assertEquals(copy, rest.slice(from, to));
          copy.fill(0xff); // nobody else's
        }
      }
      assertEquals([queue.length, queue.indexOf(0xff)], [rest.length, -1]);
      assertEquals(queue.takeAll(), rest.slice());
    }
  }
});

unit("ByteQueue.indexOf() looks at no byte in front of where it is told to begin", () => {
  const queue = new ByteQueue();
  queue.push(bytes(7, 7, 1));
  queue.push(bytes(7, 2));
  assertEquals([0, 1, 2, 3, 4, 5, 9].map((from) => queue.indexOf(7, from)), [0, 1, 3, 3, -1, -1, -1]);
});
