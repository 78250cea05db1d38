// The end of a write queue: what is queued is offered once more, and a write in flight is waited for.

import { assertEquals } from "@std/assert";
import type { Transport } from "../../src/transport/transport.ts";
import { makeQueue } from "./recording_port.ts";
import { readAvailable, recordedPair, turn } from "./recording_transport.ts";

const counting = (length: number, first = 0) => Uint8Array.from({ length }, (_, i) => (i + first) % 251);

function unit(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A kernel with room for that many bytes, in which nothing ever becomes free. */
class Kernel {
  readonly taken: number[] = [];
  readonly transport: Transport;
  fails: ((error: Error) => void) | undefined;

  constructor(room: number) {
    let left = room;
    const write = (bytes: Uint8Array): Promise<number> => {
      if (left === 0) return new Promise((_, reject) => this.fails = reject);
      const taken = Math.min(left, bytes.length);
      left -= taken;
      this.taken.push(...bytes.subarray(0, taken));
      return Promise.resolve(taken);
    };
    const nothing = () => Promise.reject(new Error("Only written to"));
    const address: Deno.Addr = { transport: "tcp", hostname: "127.0.0.1", port: 1 };
    this.transport = {
      write,
      read: nothing,
      closeWrite: nothing,
      close: () => this.fails?.(new Error("closed")),
      localAddr: address,
      remoteAddr: address,
    };
  }
}

unit("WriteQueue.conclude() has nothing to wait for where nothing is queued", async () => {
  const { transport } = recordedPair();
  const { queue, port } = makeQueue(transport);
  assertEquals(queue.conclude(() => port.told.push("concluded")), false);
  await turn();
  assertEquals(port.told, []);
  transport.close();
});

unit("WriteQueue.conclude() offers everything, and tells nothing else", async () => {
  const { transport, faults, peer } = recordedPair();
  const { queue, port } = makeQueue(transport);
  const parts = [3, 5_000, 10, 40_000].map((size, i) => counting(size, i));
  for (const part of parts) queue.append(part);
  assertEquals(queue.conclude(() => port.told.push("concluded")), true);
  assertEquals(transport.writeSizes, [3]); // at once
  assertEquals((await readAvailable(peer, faults)).length, 45_013);
  assertEquals([port.told, queue.length, queue.sentBytes], [["concluded"], 0, 45_013]);
  transport.close();
});

unit("WriteQueue.conclude() waits for the write in flight and offers what is behind it", async () => {
  const { transport, faults, peer } = recordedPair({ maxWriteBytes: 2 });
  const { queue, port } = makeQueue(transport);
  queue.append(counting(3));
  queue.flush();
  queue.append(counting(2, 3));
  assertEquals(queue.conclude(() => port.told.push("concluded")), true);
  assertEquals(await readAvailable(peer, faults), counting(5));
  assertEquals(port.told, ["flushing", "concluded"]);
  transport.close();
});

unit("WriteQueue.conclude() ends when the kernel takes a part", async () => {
  const kernel = new Kernel(4);
  const { queue, port } = makeQueue(kernel.transport);
  queue.append(counting(3));
  queue.append(counting(5_000, 3));
  const concluded = new Promise<void>((resolve) => assertEquals(queue.conclude(resolve), true));
  await concluded;
  assertEquals([queue.full, queue.sentBytes, queue.length], [true, 4, 4_999]);
  assertEquals([kernel.taken, port.told], [[0, 1, 2, 3], []]);
});

unit("WriteQueue says that the kernel is full while a write waits for room", async () => {
  const kernel = new Kernel(2);
  const { queue, port } = makeQueue(kernel.transport);
  queue.append(counting(3));
  queue.flush();
  assertEquals(queue.full, false);
  await turn();
  assertEquals([queue.full, queue.inFlight], [true, true]);
  const concluded = new Promise<void>((resolve) => assertEquals(queue.conclude(resolve), true));
  kernel.transport.close();
  await concluded;
  assertEquals([queue.sentBytes, queue.length, port.told], [2, 1, ["flushing", "wrote 2"]]);
});

unit(
  "WriteQueue.conclude() does not offer what is corked, or behind a failed write, or without a connection",
  async () => {
    const { transport } = recordedPair();
    const corked = makeQueue(transport);
    corked.queue.corked = 1;
    corked.queue.append(counting(3));
    assertEquals(corked.queue.conclude(() => corked.port.told.push("concluded")), false);

    const pending = makeQueue();
    pending.queue.append(counting(3));
    assertEquals(pending.queue.conclude(() => pending.port.told.push("concluded")), false);

    const kernel = new Kernel(0);
    const failed = makeQueue(kernel.transport);
    failed.port.writeFailed = () => {
      assertEquals(failed.queue.conclude(() => failed.port.told.push("concluded")), false);
      failed.port.told.push("failed");
    };
    failed.queue.append(counting(3));
    failed.queue.append(counting(5_000));
    failed.queue.flush();
    kernel.transport.close();
    await turn();
    assertEquals([corked, pending, failed].map(({ port }) => port.told), [[], [], ["flushing", "failed"]]);
    assertEquals([transport.writeSizes, failed.queue.length], [[], 5_003]);
    transport.close();
  },
);

unit("WriteQueue sends nothing that is queued after conclude()", async () => {
  const { transport, faults, peer } = recordedPair();
  const { queue } = makeQueue(transport);
  queue.append(counting(3));
  // As an encoder does whose message closes the connection.
  queue.reserve(10);
  queue.conclude(() => {});
  queue.commit(10);
  queue.flush();
  assertEquals(await readAvailable(peer, faults), counting(3));
  assertEquals(queue.length, 0);
  transport.close();
});
