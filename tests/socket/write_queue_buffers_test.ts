// The buffers of the write queue: borrowed and given back, reserved and committed.

import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import { borrowStaging, returnStaging, STAGING_BYTES } from "../../src/socket/staging.ts";
import { concat } from "../framing/decode.ts";
import { makeQueue } from "./recording_port.ts";
import { readAvailable, recordedPair, turn } from "./recording_transport.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251);

function unit(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn: async () => await fn() });
}

// ---- staging ----

unit("WriteQueue borrows no staging buffer before its first small write", () => {
  const first = borrowStaging();
  returnStaging(first);
  const { queue } = makeQueue();
  queue.append(counting(5_000));
  const again = borrowStaging();
  assertStrictEquals(again, first);
  returnStaging(again);
});

unit("WriteQueue gives its staging buffers back once the kernel has their bytes, and not before", async () => {
  const { transport, faults, peer } = recordedPair({ capacityBytes: 10 });
  const { queue } = makeQueue(transport);
  queue.append(counting(30));
  queue.flush();
  await turn();
  const own = transport.writes[0]?.buffer;
  const meanwhile = borrowStaging();
  assertNotEquals(meanwhile.buffer, own);
  returnStaging(meanwhile);
  await readAvailable(peer, faults);
  await turn();
  const after = borrowStaging();
  assertStrictEquals(after.buffer, own);
  returnStaging(after);
});

unit("WriteQueue gives no staging buffer back that a write still looks at when it is aborted", async () => {
  const { transport, peer } = recordedPair({ capacityBytes: 10 });
  const { queue } = makeQueue(transport);
  queue.append(counting(30));
  queue.flush();
  await turn();
  const own = transport.writes[0]?.buffer;
  queue.close();
  queue.abort(() => new Error("gone"));
  const borrowed = Array.from({ length: 300 }, borrowStaging);
  assertEquals(borrowed.some((buffer) => buffer.buffer === own), false);
  for (const buffer of borrowed) returnStaging(buffer);
  await peer.read(new Uint8Array(100));
  await turn();
  transport.close();
});

unit("WriteQueue sends no byte that stood in a staging buffer before", async () => {
  const dirty = borrowStaging().fill(0xdd);
  returnStaging(dirty);
  const { transport, faults, peer } = recordedPair();
  const { queue } = makeQueue(transport);
  queue.append(bytes(1, 2));
  queue.reserve(100);
  queue.commit(0);
  queue.append(bytes(3));
  queue.flush();
  assertStrictEquals(transport.writes[0]?.buffer, dirty.buffer);
  assertEquals(await readAvailable(peer, faults), bytes(1, 2, 3));
});

// ---- reservations ----

for (const size of [1, 100, 4_096, 4_097, STAGING_BYTES, 50_000]) {
  unit(`WriteQueue.reserve(${size}) gives room for that much, in its place between other writes`, async () => {
    const { transport, faults, peer } = recordedPair();
    const { queue } = makeQueue(transport);
    queue.append(bytes(1, 2, 3));
    const buffer = queue.reserve(size);
    buffer.fill(7, queue.at, queue.at + size);
    queue.commit(size);
    queue.append(bytes(4));
    queue.flush();
    assertEquals(await readAvailable(peer, faults), concat(bytes(1, 2, 3), new Uint8Array(size).fill(7), bytes(4)));
  });

  unit(`WriteQueue.reserve(${size}) sends only what is committed of it`, async () => {
    const { transport, faults, peer } = recordedPair();
    const { queue } = makeQueue(transport);
    queue.reserve(size).fill(8, queue.at, queue.at + 1);
    queue.commit(1);
    queue.reserve(size); // an encoder that threw
    assertEquals(queue.length, 1);
    queue.append(bytes(9));
    queue.flush();
    assertEquals(await readAvailable(peer, faults), bytes(8, 9));
  });
}

unit(
  "WriteQueue frees what was reserved for a large frame when all of it is sent, and never what the user wrote",
  async () => {
    const { transport, faults, peer } = recordedPair({ capacityBytes: 30_000 });
    const { queue } = makeQueue(transport);
    const own = new Uint8Array(20_000).fill(1);
    queue.append(own);
    const buffer = queue.reserve(60_000);
    buffer.fill(2, queue.at, queue.at + 50_000);
    queue.commit(50_000);
    queue.flush();
    const received: Uint8Array[] = [];
    while (queue.length > 0) {
      assert(!(buffer.buffer as ArrayBuffer).detached);
      received.push(await readAvailable(peer, faults));
      await turn();
    }
    received.push(await readAvailable(peer, faults));
    assertEquals(concat(...received), concat(own, new Uint8Array(50_000).fill(2)));
    assertEquals([(buffer.buffer as ArrayBuffer).detached, own.length], [true, 20_000]);
  },
);

unit("WriteQueue.reserve() without a commit leaves nothing to send", async () => {
  const { transport } = recordedPair();
  const { queue, port } = makeQueue(transport);
  queue.reserve(10);
  queue.reserve(10_000);
  queue.schedule();
  await turn();
  assertEquals([transport.writes.length, queue.length, port.told], [0, 0, []]);
});
