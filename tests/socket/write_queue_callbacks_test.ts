// When the callbacks of the write queue are called, and with what.

import { assertEquals, assertStrictEquals } from "@std/assert";
import type { WriteQueue } from "../../src/socket/write_queue.ts";
import { makeQueue } from "./recording_port.ts";
import { readAvailable, recordedPair, turn } from "./recording_transport.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

function unit(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Appends so many bytes and notes, when they are sent, their name and how many bytes were. */
function write(queue: WriteQueue, size: number, name: string, log: string[]): void {
  queue.append(new Uint8Array(size));
  queue.whenSent((error) => void log.push(error ? `${name}: ${error.message}` : `${name} at ${queue.sentBytes}`));
}

unit("WriteQueue calls back in order, each once the kernel has its bytes", async () => {
  const { transport, faults, peer } = recordedPair({ maxWriteBytes: 4 });
  const { queue } = makeQueue(transport);
  const log: string[] = [];
  for (const name of ["a", "b", "c", "d"]) write(queue, 3, name, log);
  queue.flush();
  await readAvailable(peer, faults);
  assertEquals(log, ["a at 4", "b at 8", "c at 12", "d at 12"]);
});

unit("WriteQueue does not call back before the kernel has the bytes", async () => {
  const { transport, faults, peer } = recordedPair({ capacityBytes: 5 });
  const { queue } = makeQueue(transport);
  const log: string[] = [];
  write(queue, 5, "a", log);
  write(queue, 1, "b", log);
  queue.flush();
  await turn();
  assertEquals(log, ["a at 5"]);
  await readAvailable(peer, faults);
  assertEquals(log, ["a at 5", "b at 6"]);
});

unit("WriteQueue never calls back while write() still runs", async () => {
  const { transport } = recordedPair();
  const { queue } = makeQueue(transport);
  const log: string[] = [];
  write(queue, 1, "a", log);
  queue.flush();
  assertEquals(log, []);
  await turn();
  assertEquals(log, ["a at 1"]);
});

unit("WriteQueue calls back for small, large and large again at their own bytes", async () => {
  const { transport, faults, peer } = recordedPair();
  const { queue } = makeQueue(transport);
  const log: string[] = [];
  write(queue, 10, "small", log);
  write(queue, 5_000, "large", log);
  write(queue, 6_000, "larger", log);
  queue.flush();
  await readAvailable(peer, faults);
  assertEquals(log, ["small at 10", "large at 5010", "larger at 11010"]);
});

unit("WriteQueue calls back for an empty write behind what was queued before it", async () => {
  const { transport, faults, peer } = recordedPair({ capacityBytes: 2 });
  const { queue } = makeQueue(transport);
  const log: string[] = [];
  write(queue, 4, "a", log);
  write(queue, 0, "empty", log);
  queue.flush();
  await turn();
  assertEquals(log, []);
  await readAvailable(peer, faults);
  assertEquals(log, ["a at 4", "empty at 4"]);
});

unit("WriteQueue calls back for an empty write where nothing else is queued", async () => {
  const { transport } = recordedPair();
  const { queue } = makeQueue(transport);
  const log: string[] = [];
  write(queue, 0, "empty", log);
  queue.schedule();
  assertEquals([log, queue.hasCallbacks], [[], true]);
  await turn();
  assertEquals([log, queue.hasCallbacks], [["empty at 0"], false]);
});

unit("WriteQueue settles the last callbacks after flushed(), where its connection does", async () => {
  const { transport } = recordedPair();
  const { queue, port } = makeQueue(transport);
  queue.append(bytes(1));
  queue.whenSent(() => void port.told.push("callback"));
  queue.flush();
  await turn();
  assertEquals(port.told, ["flushing", "wrote 1", "flushed", "callback"]);
});

unit("WriteQueue sends what a callback writes", async () => {
  const { transport, faults, peer } = recordedPair();
  const { queue } = makeQueue(transport);
  queue.append(bytes(1));
  queue.whenSent(() => {
    queue.append(bytes(2));
    queue.schedule();
  });
  queue.flush();
  assertEquals(await readAvailable(peer, faults), bytes(1, 2));
  await turn();
  assertEquals(await readAvailable(peer, faults), new Uint8Array(0));
  assertEquals([queue.idle, transport.writeSizes], [true, [1, 1]]);
});

unit("WriteQueue keeps the callbacks in order when one of them writes", async () => {
  const { transport, faults, peer } = recordedPair({ maxWriteBytes: 2 });
  const { queue } = makeQueue(transport);
  const log: string[] = [];
  queue.append(bytes(1, 2));
  queue.whenSent(() => {
    log.push("first");
    write(queue, 2, "late", log);
  });
  write(queue, 2, "second", log);
  queue.flush();
  await readAvailable(peer, faults);
  await turn();
  assertEquals(log, ["first", "second at 4", "late at 6"]);
});

unit("WriteQueue writes nothing more after a callback closed it", async () => {
  const { transport, faults, peer } = recordedPair({ maxWriteBytes: 2 });
  const { queue, port } = makeQueue(transport);
  queue.append(bytes(1, 2));
  queue.whenSent(() => {
    queue.close();
    queue.abort(() => new Error("enough"));
    transport.close();
  });
  const log: string[] = [];
  write(queue, 5_000, "never", log);
  queue.flush();
  assertEquals(await readAvailable(peer, faults), bytes(1, 2));
  await turn();
  assertEquals([log, queue.length, port.told.includes("writeFailed")], [["never: enough"], 0, false]);
});

// ---- the end ----

unit("WriteQueue.abort() fails every callback in order and forgets the bytes", async () => {
  const { transport } = recordedPair({ capacityBytes: 2 });
  const { queue, port } = makeQueue(transport);
  const log: string[] = [];
  for (const name of ["a", "b", "c"]) write(queue, 3, name, log);
  queue.flush();
  await turn();
  const concluded = new Promise<void>((resolve) => assertEquals(queue.conclude(resolve), true));
  transport.close();
  await concluded;
  queue.close();
  queue.abort(() => new Error("gone"));
  assertEquals([log, queue.length, queue.hasCallbacks], [["a: gone", "b: gone", "c: gone"], 0, false]);
  assertEquals([queue.sentBytes, queue.lostBytes, port.told.at(-1)], [2, 7, "wrote 2"]);
});

unit("WriteQueue.abort() twice calls back once", async () => {
  const { queue } = makeQueue();
  const log: string[] = [];
  write(queue, 3, "a", log);
  queue.abort(() => new Error("gone"));
  queue.abort(() => new Error("again"));
  await turn();
  assertEquals(log, ["a: gone"]);
});

unit("WriteQueue hands a failed write to its port and calls nobody back by itself", async () => {
  const { transport, faults } = recordedPair();
  const { queue, port } = makeQueue(transport);
  const log: string[] = [];
  const mine = new Error("no route");
  faults.failWrites(mine, 3);
  write(queue, 2, "a", log);
  write(queue, 5_000, "b", log);
  queue.flush();
  await turn();
  assertEquals(log, ["a at 2"]);
  assertStrictEquals(port.failure, mine);
  queue.abort(() => mine);
  assertEquals(log, ["a at 2", "b: no route"]);
});

unit("WriteQueue after close() keeps still", async () => {
  const { transport } = recordedPair();
  const { queue, port } = makeQueue(transport);
  queue.append(bytes(1));
  queue.schedule();
  queue.close();
  await turn();
  queue.flush();
  assertEquals([transport.writes.length, port.told], [0, []]);
});

unit("WriteQueue hands the reset of the peer to its port", async () => {
  const { transport, peer } = recordedPair({ capacityBytes: 2 });
  const { queue, port } = makeQueue(transport);
  queue.append(bytes(1, 2, 3));
  queue.flush();
  await turn();
  peer.reset();
  await turn();
  const { failure } = port;
  assertEquals(failure instanceof Error && "code" in failure && failure.code, "ECONNRESET");
});
