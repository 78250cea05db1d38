// The bytes of the write queue: what is joined, what is copied, what goes out when. Buffers and callbacks have files of their own.

import { assertEquals, assertStrictEquals } from "@std/assert";
import { concat } from "../framing/decode.ts";
import { WriteQueue } from "../../src/socket/write_queue.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { makeQueue } from "./recording_port.ts";
import { readAvailable, recordedPair, turn } from "./recording_transport.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const counting = (length: number, first = 0) => Uint8Array.from({ length }, (_, i) => i % 251 + first);

function unit(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn: async () => await fn() });
}

unit("WriteQueue joins the small writes of one turn into one write", async () => {
  const { transport, faults, peer } = recordedPair();
  const { queue } = makeQueue(transport);
  for (let i = 0; i < 100; i++) {
    queue.append(bytes(i));
    queue.schedule();
  }
  assertEquals(transport.writes.length, 0); // not before the turn is over
  assertEquals(await readAvailable(peer, faults), Uint8Array.from({ length: 100 }, (_, i) => i));
  assertEquals(transport.writeSizes, [100]);
});

unit("WriteQueue.flush() sends at once, without waiting for the turn's end", async () => {
  const { transport, faults, peer } = recordedPair();
  const { queue } = makeQueue(transport);
  queue.append(bytes(1));
  queue.flush();
  assertEquals(transport.writeSizes, [1]);
  assertEquals(await readAvailable(peer, faults), bytes(1));
});

unit("WriteQueue flushes every queue of one turn in one microtask, in the order they were written to", async () => {
  const pairs = [recordedPair(), recordedPair(), recordedPair()];
  const order: number[] = [];
  for (const [i, { transport }] of pairs.entries()) {
    const { queue, port } = makeQueue(transport);
    port.flushing = () => void order.push(i);
    queue.append(bytes(i));
    queue.schedule();
    queue.schedule();
  }
  await null;
  assertEquals(order, [0, 1, 2]);
  await turn();
  assertEquals(pairs.map(({ transport }) => transport.writeSizes), [[1], [1], [1]]);
});

unit("WriteQueue copies small writes, so that the caller may reuse its buffer", async () => {
  const { transport, faults, peer } = recordedPair();
  const { queue } = makeQueue(transport);
  const buffer = new Uint8Array(4_096);
  assertEquals(queue.copies(buffer.length), true);
  for (let i = 1; i <= 3; i++) queue.append(buffer.fill(i));
  buffer.fill(9);
  queue.flush();
  const received = await readAvailable(peer, faults);
  assertEquals([received[0], received[4_096], received[8_192], received.length], [1, 2, 3, 3 * 4_096]);
});

unit("WriteQueue keeps large writes by reference", async () => {
  const { transport, faults, peer } = recordedPair();
  const { queue } = makeQueue(transport);
  const large = counting(4_097);
  assertEquals(queue.copies(large.length), false);
  queue.append(large);
  queue.flush();
  assertEquals(await readAvailable(peer, faults), large);
  assertStrictEquals(transport.writes[0]?.buffer, large.buffer);
});

unit("WriteQueue keeps the order of small and large writes", async () => {
  const { transport, faults, peer } = recordedPair();
  const { queue } = makeQueue(transport);
  const parts = [3, 5_000, 10, 4_096, 4_097, 1, 1, 70_000, 2].map((size, i) => counting(size, i));
  for (const part of parts) queue.append(part);
  assertEquals(queue.length, parts.reduce((sum, part) => sum + part.length, 0));
  queue.flush();
  assertEquals(await readAvailable(peer, faults), concat(...parts));
});

unit("WriteQueue fills staging buffers to their end and starts new ones", async () => {
  const { transport, faults, peer } = recordedPair({ capacityBytes: 1_000_000 });
  const { queue } = makeQueue(transport);
  const parts = Array.from({ length: 50 }, (_, i) => counting(1_024, i));
  for (const part of parts) queue.append(part);
  queue.flush();
  assertEquals(await readAvailable(peer, faults), concat(...parts));
  assertEquals(transport.writeSizes, [16_384, 16_384, 16_384, 2_048]);
});

for (const options of [{ maxWriteBytes: 1 }, { maxWriteBytes: 7 }, { capacityBytes: 5 }, { maxReadBytes: 3 }]) {
  unit(`WriteQueue sends the same bytes over a link with ${JSON.stringify(options)}`, async () => {
    const { transport, faults, peer } = recordedPair(options);
    const { queue, port } = makeQueue(transport);
    const parts = [counting(20), counting(4_200, 5), counting(30, 7)];
    for (const part of parts) queue.append(part);
    queue.flush();
    assertEquals(await readAvailable(peer, faults), concat(...parts));
    await turn();
    assertEquals([queue.length, queue.sentBytes, queue.idle], [0, 4_250, true]);
    assertEquals(port.told.filter((it) => !it.startsWith("wrote")), ["flushing", "flushed"]);
  });
}

unit("WriteQueue has one write in flight, and what comes meanwhile leaves together behind it", async () => {
  const { transport, faults, peer } = recordedPair({ capacityBytes: 100 });
  const { queue, port } = makeQueue(transport);
  queue.append(counting(100));
  queue.flush();
  await turn();
  queue.append(counting(60));
  queue.flush(); // waits for the peer
  await turn();
  for (let i = 0; i < 20; i++) {
    queue.append(bytes(i));
    queue.schedule();
    queue.flush();
  }
  await turn();
  assertEquals([transport.mostWrites, transport.writeSizes], [1, [100, 60]]);
  await readAvailable(peer, faults);
  await turn();
  assertEquals([transport.mostWrites, transport.writeSizes], [1, [100, 60, 20]]);
  assertEquals(port.told, ["flushing", "wrote 100", "flushed", "flushing", "wrote 160", "wrote 180", "flushed"]);
});

unit("WriteQueue counts what is queued and what was sent", async () => {
  const { transport, faults, peer } = recordedPair({ capacityBytes: 10 });
  const { queue } = makeQueue(transport);
  assertEquals([queue.length, queue.sentBytes, queue.idle], [0, 0, true]);
  queue.append(counting(25));
  assertEquals([queue.length, queue.sentBytes, queue.idle], [25, 0, false]);
  queue.flush();
  await turn();
  assertEquals([queue.length, queue.sentBytes, queue.idle], [15, 10, false]);
  await readAvailable(peer, faults);
  assertEquals([queue.length, queue.sentBytes, queue.idle], [0, 25, true]);
});

unit("WriteQueue keeps what was written before it was open", async () => {
  const { transport, faults, peer } = recordedPair();
  const { queue } = makeQueue();
  queue.append(bytes(1, 2));
  queue.schedule();
  queue.flush();
  await turn();
  queue.open(transport);
  queue.append(bytes(3));
  queue.flush();
  assertEquals(await readAvailable(peer, faults), bytes(1, 2, 3));
});

unit("WriteQueue makes nothing of an empty write", () => {
  const { queue } = makeQueue();
  queue.append(bytes());
  assertEquals([queue.length, queue.idle], [0, true]);
});

// ---- cork ----

unit("WriteQueue lets nothing leave while it is corked, and then everything together", async () => {
  const { transport, faults, peer } = recordedPair();
  const { queue } = makeQueue(transport);
  queue.corked = 1;
  for (let i = 0; i < 5; i++) {
    queue.append(bytes(i));
    queue.schedule();
    queue.flush();
    await turn();
  }
  assertEquals([transport.writes.length, queue.length], [0, 5]);
  queue.corked = 0;
  queue.schedule();
  assertEquals(await readAvailable(peer, faults), bytes(0, 1, 2, 3, 4));
  assertEquals(transport.writeSizes, [5]);
});

unit("WriteQueue ends with the write in flight when it is corked meanwhile, and says so", async () => {
  const { transport, faults, peer } = recordedPair({ capacityBytes: 10 });
  const { queue, port } = makeQueue(transport);
  queue.append(counting(15));
  queue.flush();
  await turn();
  queue.corked = 1;
  queue.append(bytes(99));
  assertEquals(await readAvailable(peer, faults), counting(15));
  assertEquals([port.told.at(-1), queue.length, queue.idle], ["flushed", 1, false]);
  queue.corked = 0;
  queue.flush();
  assertEquals(await readAvailable(peer, faults), bytes(99));
});

// ---- everything at once ----

for (const seed of [1, 2, 3, 4, 5]) {
  unit(`WriteQueue loses and swaps no byte in a long random use, seed ${seed}`, async () => {
    let state = seed;
    const random = (below: number) => (state = state * 48_271 % 2_147_483_647) % below;
    const { transport, faults, peer } = recordedPair({ maxWriteBytes: 1 + random(9_000), capacityBytes: 20_000 });
    const { queue } = makeQueue(transport);
    const expected: Uint8Array[] = [];
    const received: Uint8Array[] = [];
    for (let i = 0; i < 300; i++) {
      const part = counting(random(3) === 0 ? random(12_000) : random(200), i);
      expected.push(part);
      if (random(2) === 0) queue.append(new Uint8Array(part));
      else {
        queue.reserve(part.length + random(50)).set(part, queue.at);
        queue.commit(part.length);
      }
      if (random(4) === 0) queue.corked = random(2);
      if (random(3) === 0) queue.flush();
      else queue.schedule();
      if (random(5) === 0) await turn();
      if (random(7) === 0) received.push(await readAvailable(peer, faults));
    }
    queue.corked = 0;
    queue.flush();
    received.push(await readAvailable(peer, faults));
    assertEquals(Buffer.compare(concat(...received), concat(...expected)), 0);
    assertEquals([queue.length, queue.idle, transport.mostWrites], [0, true, 1]);
  });
}

unit(
  "WriteQueue gives large writes together to a transport that takes several, up to 64 KiB, and loses no byte",
  async () => {
    const written: Uint8Array[] = [];
    const [near] = memoryPair();
    const transport = Object.assign(near, {
      writeAll(pieces: readonly Uint8Array[]) {
        const bytes = concat(...pieces);
        written.push(bytes);
        return Promise.resolve(bytes.length);
      },
      write: (bytes: Uint8Array) => transport.writeAll([bytes]),
    });
    const done = Promise.withResolvers<void>();
    const queue = new WriteQueue({
      flushing() {},
      wrote() {},
      flushed: () => done.resolve(),
      writeFailed: (error) => done.reject(error),
      settle() {},
    });
    queue.open(transport);
    const sizes = [5_000, 10, 30_000, 20_000, 20_000, 70_000];
    for (const [i, size] of sizes.entries()) queue.append(new Uint8Array(size).fill(i + 1));
    queue.flush();
    await done.promise;
    assertEquals(written.map(({ length }) => length), [55_010, 20_000, 70_000]);
    assertEquals(
      written.flatMap((bytes) => [...bytes]),
      sizes.flatMap((size, i) => Array(size).fill(i + 1)),
    );
    near.close();
  },
);

unit("WriteQueue fails where bytes were transferred before they were sent, and sends nothing behind them", async () => {
  for (const together of [false, true]) {
    const { transport, faults, peer } = recordedPair();
    const writeAll = async (pieces: readonly Uint8Array[]) => await transport.write(concat(...pieces));
    const { queue, port } = makeQueue(together ? Object.assign(transport, { writeAll }) : transport);
    const gone = counting(5_000);
    for (const each of [bytes(1), counting(6_000), gone, bytes(2)]) queue.append(each);
    gone.buffer.transfer();
    queue.flush();
    assertEquals(await readAvailable(peer, faults), concat(bytes(1), counting(6_000)));
    assertEquals([port.told.at(-1), Reflect.get(Object(port.failure), "code")], ["writeFailed", "ERR_INVALID_STATE"]);
    transport.close();
  }
});

unit("WriteQueue fails where bytes were transferred when a part of them was sent", async () => {
  const gone = counting(20_000);
  const [near] = memoryPair();
  const write = async () => {
    await Promise.resolve();
    gone.buffer.transfer();
    return 6_000;
  };
  const { queue, port } = makeQueue(Object.assign(near, { write }));
  queue.append(gone);
  queue.append(bytes(2));
  queue.flush();
  await turn();
  assertEquals([port.told.at(-1), Reflect.get(Object(port.failure), "code")], ["writeFailed", "ERR_INVALID_STATE"]);
  assertEquals([queue.sentBytes, queue.length], [6_000, 14_001]);
  near.close();
});
