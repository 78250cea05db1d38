import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { memoryPair } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { FakeTime } from "../base/fake_time.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i);

function unit(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Whether the promise has settled once everything that was due has run. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(() => done = true, () => done = true);
  for (let i = 0; i < 20; i++) await null;
  return done;
}

/** Writes it all, however little is taken at a time. */
async function writeAll(transport: Transport, data: Uint8Array): Promise<number[]> {
  const taken: number[] = [];
  for (let at = 0; at < data.length;) {
    const count = await transport.write(data.subarray(at));
    taken.push(count);
    at += count;
  }
  return taken;
}

unit("memoryPair() carries bytes", async () => {
  const [ours, theirs] = memoryPair();
  assertEquals(await ours.write(counting(5)), 5);
  const buffer = new Uint8Array(10);
  assertEquals(await theirs.read(buffer), 5);
  assertEquals(buffer.subarray(0, 5), counting(5));
});

unit("memoryPair() puts several writes into one read", async () => {
  const [ours, theirs] = memoryPair();
  await ours.write(bytes(1, 2));
  await ours.write(bytes(3));
  await ours.write(bytes(4, 5));
  const buffer = new Uint8Array(4);
  assertEquals([await theirs.read(buffer), buffer], [4, bytes(1, 2, 3, 4)]);
  assertEquals([await theirs.read(buffer), buffer[0]], [1, 5]);
});

unit("memoryPair({ maxWriteBytes }) takes no more at a time", async () => {
  const [ours, theirs] = memoryPair({ maxWriteBytes: 4 });
  assertEquals(await writeAll(ours, counting(10)), [4, 4, 2]);
  assertEquals(await theirs.read(new Uint8Array(20)), 10);
});

unit("memoryPair({ maxReadBytes }) gives no more at a time", async () => {
  const [ours, theirs] = memoryPair({ maxReadBytes: 3 });
  await ours.write(counting(7));
  const buffer = new Uint8Array(20);
  assertEquals([await theirs.read(buffer), await theirs.read(buffer), await theirs.read(buffer)], [3, 3, 1]);
});

unit("memoryPair({ capacityBytes }) lets writes wait until the peer has read", async () => {
  const [ours, theirs] = memoryPair({ capacityBytes: 4 });
  assertEquals(await ours.write(counting(10)), 4);
  assertEquals(ours.unreadBytes, 4);
  const write = ours.write(counting(10));
  assertEquals(await settled(write), false);
  await theirs.read(new Uint8Array(3));
  assertEquals([await write, ours.unreadBytes], [3, 4]);
});

unit("memoryPair() takes the bytes when it carries them, not when write() is called", async () => {
  const [ours, theirs] = memoryPair({ capacityBytes: 2 });
  await ours.write(bytes(1, 2));
  const late = bytes(3, 4);
  const write = ours.write(late);
  late.fill(9);
  const buffer = new Uint8Array(2);
  await theirs.read(buffer);
  await write;
  late.fill(0); // settled: the buffer is the caller's again
  await theirs.read(buffer);
  assertEquals(buffer, bytes(9, 9));
});

unit("memoryPair() copies a Buffer, too", async () => {
  const [ours, theirs] = memoryPair();
  const buffer = Buffer.from("abc");
  await ours.write(buffer);
  buffer.fill("x");
  const received = Buffer.alloc(3);
  await theirs.read(received);
  assertEquals(received.toString(), "abc");
});

unit("memoryPair() loses a write that nobody awaited before close()", async () => {
  const [ours, theirs] = memoryPair();
  const write = assertRejects(() => ours.write(bytes(1)), Deno.errors.Interrupted);
  ours.close();
  await write;
  assertEquals(await theirs.read(new Uint8Array(1)), null);
});

unit("memoryPair() takes writes in their order", async () => {
  const [ours, theirs] = memoryPair({ capacityBytes: 3 });
  const writes = [ours.write(bytes(1, 2)), ours.write(bytes(3)), ours.write(bytes(4))];
  assertEquals(await Promise.all(writes.slice(0, 2)), [2, 1]);
  const buffer = new Uint8Array(3);
  await theirs.read(buffer);
  await writes[2];
  assertEquals([buffer, await theirs.read(new Uint8Array(3))], [bytes(1, 2, 3), 1]);
});

unit("memoryPair() refuses a read while one is pending", async () => {
  const [ours, theirs] = memoryPair();
  const first = theirs.read(new Uint8Array(1));
  await assertRejects(() => theirs.read(new Uint8Array(1)), Deno.errors.Busy);
  await ours.write(bytes(1));
  assertEquals(await first, 1);
});

unit("memoryPair() reads into the buffer only once the bytes are there", async () => {
  const [ours, theirs] = memoryPair();
  const buffer = new Uint8Array(3);
  const read = theirs.read(buffer);
  assertEquals(await settled(read), false);
  assertEquals(buffer, bytes(0, 0, 0));
  await ours.write(bytes(7));
  await read;
  assertEquals(buffer, bytes(7, 0, 0));
});

// ---- latency ----

unit("memoryPair({ latencyMs }) delivers that much later", async () => {
  using time = new FakeTime();
  const [ours, theirs] = memoryPair({ latencyMs: 30 });
  const read = theirs.read(new Uint8Array(5));
  assertEquals(await ours.write(bytes(1, 2)), 2);
  time.tick(29);
  assertEquals(await settled(read), false);
  time.tick(1);
  assertEquals(await read, 2);
});

unit("memoryPair({ latencyMs }) delivers bytes and FIN in their order", async () => {
  using time = new FakeTime();
  const [ours, theirs] = memoryPair({ latencyMs: 30 });
  await ours.write(bytes(1));
  time.tick(10);
  await ours.write(bytes(2));
  ours.close();
  time.tick(30);
  const buffer = new Uint8Array(5);
  assertEquals([await theirs.read(buffer), await theirs.read(buffer)], [2, null]);
  assertEquals(buffer.subarray(0, 2), bytes(1, 2));
});

unit("memoryPair({ latencyMs }) acknowledges that much later, too", async () => {
  using time = new FakeTime();
  const [ours, theirs] = memoryPair({ latencyMs: 30, capacityBytes: 2 });
  await ours.write(bytes(1, 2));
  const write = ours.write(bytes(3));
  time.tick(30);
  await theirs.read(new Uint8Array(2));
  time.tick(29);
  assertEquals(await settled(write), false);
  time.tick(1);
  assertEquals(await write, 1);
});

unit("memoryPair({ latencyMs }) leaves no timer behind once both ends are closed", async () => {
  using time = new FakeTime();
  const [ours, theirs] = memoryPair({ latencyMs: 30 });
  await ours.write(bytes(1));
  await theirs.write(bytes(1));
  ours.close();
  theirs.close();
  assertEquals(time.timers, 0);
});

unit("memoryPair() without latency uses no timer", async () => {
  using time = new FakeTime();
  const [ours, theirs] = memoryPair();
  await ours.write(bytes(1));
  await theirs.read(new Uint8Array(1));
  ours.close();
  assertEquals(time.timers, 0);
});

// ---- faults ----

unit("MemoryTransport.reset() closes its own end", async () => {
  const [ours] = memoryPair();
  const read = assertRejects(() => ours.read(new Uint8Array(1)), Deno.errors.Interrupted);
  ours.reset();
  await read;
  assertThrows(() => ours.close(), Deno.errors.BadResource);
  assertThrows(() => ours.reset(), Deno.errors.BadResource);
});

unit("MemoryTransport.reset() lets arrive what was sent before", async () => {
  const [ours, theirs] = memoryPair();
  await theirs.write(bytes(1, 2));
  theirs.reset();
  assertEquals(await ours.read(new Uint8Array(5)), 2);
  await assertRejects(() => ours.read(new Uint8Array(5)), Deno.errors.ConnectionReset);
});

unit("MemoryTransport.reset() is told even if bytes were on their way to it", async () => {
  using time = new FakeTime();
  const [ours, theirs] = memoryPair({ latencyMs: 10 });
  await ours.write(bytes(1));
  theirs.reset();
  time.tick(30);
  await assertRejects(() => ours.read(new Uint8Array(5)), Deno.errors.ConnectionReset);
});

unit("MemoryTransport.blackHole() lets nothing arrive, neither way, and reads wait", async () => {
  const [ours, theirs] = memoryPair();
  await ours.write(bytes(1));
  ours.blackHole();
  assertEquals([await ours.write(bytes(2)), await theirs.write(bytes(3))], [1, 1]);
  assertEquals(await theirs.read(new Uint8Array(5)), 1); // what had arrived
  const reads = [ours.read(new Uint8Array(5)), theirs.read(new Uint8Array(5))];
  for (const read of reads) assertEquals(await settled(read), false);
  const interrupted = reads.map((read) => assertRejects(() => read, Deno.errors.Interrupted));
  ours.close();
  theirs.close();
  await Promise.all(interrupted);
});

unit("MemoryTransport.blackHole() acknowledges nothing: writes stop at the capacity", async () => {
  const [ours, theirs] = memoryPair({ capacityBytes: 4 });
  await ours.write(bytes(1, 2));
  theirs.blackHole();
  await theirs.read(new Uint8Array(2));
  assertEquals(await ours.write(counting(5)), 2);
  const write = ours.write(bytes(9));
  assertEquals(await settled(write), false);
  const interrupted = assertRejects(() => write, Deno.errors.Interrupted);
  ours.close();
  await interrupted;
});

unit("MemoryTransport.blackHole() hides the peer's end", async () => {
  const [ours, theirs] = memoryPair();
  ours.blackHole();
  theirs.reset();
  const read = ours.read(new Uint8Array(1));
  assertEquals(await settled(read), false);
  const interrupted = assertRejects(() => read, Deno.errors.Interrupted);
  ours.close();
  await interrupted;
});

unit("MemoryTransport.failWrites() fails the next write, and later ones with EPIPE", async () => {
  const [ours] = memoryPair();
  const mine = new Error("no route");
  ours.failWrites(mine);
  assertStrictEquals(await assertRejects(() => ours.write(bytes(1))), mine);
  await assertRejects(() => ours.write(bytes(1)), Deno.errors.BrokenPipe);
});

unit("MemoryTransport.failWrites() takes some bytes first", async () => {
  const [ours, theirs] = memoryPair();
  const mine = new Error("no route");
  ours.failWrites(mine, 3);
  assertEquals([await ours.write(bytes(1, 2)), await ours.write(bytes(3, 4))], [2, 1]);
  assertStrictEquals(await assertRejects(() => ours.write(bytes(4))), mine);
  assertEquals(await theirs.read(new Uint8Array(9)), 3);
});

// ---- options ----

const BAD: [options: unknown, message: string][] = [
  [{ maxReadBytes: 0 }, 'Option "maxReadBytes" must be an integer from 1 to 9007199254740991; it is 0'],
  [{ maxWriteBytes: "1" }, 'Option "maxWriteBytes" must be an integer from 1 to 9007199254740991; it is "1"'],
  [{ capacityBytes: -1 }, 'Option "capacityBytes" must be an integer from 1 to 9007199254740991; it is -1'],
  [{ latencyMs: Infinity }, 'Option "latencyMs" must be from 0 to 2147483647 milliseconds; it is Infinity'],
  [
    { latency: 5 },
    'Option "latency" is unknown; "options" takes maxReadBytes, maxWriteBytes, capacityBytes, latencyMs',
  ],
];

for (const [options, message] of BAD) {
  unit(`memoryPair(${JSON.stringify(options)}) is refused by option, rule and value`, () => {
    assertEquals(assertThrows(() => Reflect.apply(memoryPair, undefined, [options]), Error).message, message);
    return Promise.resolve();
  });
}
