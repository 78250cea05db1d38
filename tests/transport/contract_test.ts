// What every transport promises: each case runs in memory and over real sockets, which shows that the one mimics the other.

import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import type { Transport } from "../../src/transport/transport.ts";
import { type Engine, ENGINES, openResettable, type Pair, RESETTABLE } from "./engines.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

function each(name: string, fn: (pair: Pair, engine: Engine) => Promise<void>): void {
  for (const engine of ENGINES) {
    Deno.test(`Transport (${engine.name}) ${name}`, async () => {
      await using pair = await engine.open();
      await fn(pair, engine);
    });
  }
}

function eachReset(name: string, fn: (pair: Pair) => Promise<void>): void {
  for (const engine of RESETTABLE) {
    Deno.test(`Transport (${engine.name}) ${name}`, async () => {
      await using pair = await openResettable(engine);
      await fn(pair);
    });
  }
}

/** Reads until there are that many bytes, or the end. */
async function readBytes(transport: Transport, length: number): Promise<Uint8Array> {
  const whole = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const count = await transport.read(whole.subarray(at));
    if (count === null) break;
    at += count;
  }
  return whole.subarray(0, at);
}

/** Writes zeros until a write waits (or takes suspiciously long), and gives that write and the bytes that were taken. */
async function fill(transport: Transport, engine: Engine): Promise<{ waiting: Promise<number>; taken: number }> {
  const chunk = new Uint8Array(engine.capacityBytes);
  for (let taken = 0;;) {
    const write = transport.write(chunk);
    const count = await Promise.race([write, new Promise<null>((resolve) => setTimeout(() => resolve(null), 100))]);
    if (count === null) return { waiting: write, taken };
    taken += count;
  }
}

/** The code of the error that `run` rejects with. */
async function codeOf(run: () => Promise<unknown>): Promise<unknown> {
  const error: Error & { code?: unknown } = await assertRejects(run, Error);
  return error.code;
}

each("carries bytes both ways", async ({ ours, theirs }) => {
  assertEquals(await ours.write(bytes(1, 2, 3)), 3);
  assertEquals(await theirs.write(bytes(4, 5)), 2);
  assertEquals(await readBytes(theirs, 3), bytes(1, 2, 3));
  assertEquals(await readBytes(ours, 2), bytes(4, 5));
});

each("gives a read no more than its buffer holds and keeps the rest", async ({ ours, theirs }) => {
  await ours.write(bytes(1, 2, 3, 4, 5));
  assertEquals(await readBytes(theirs, 2), bytes(1, 2));
  assertEquals(await readBytes(theirs, 3), bytes(3, 4, 5));
});

each("settles a read that was there before the bytes", async ({ ours, theirs }) => {
  const buffer = new Uint8Array(10);
  const read = theirs.read(buffer);
  await ours.write(bytes(7, 8));
  assertEquals(await read, 2);
  assertEquals(buffer.subarray(0, 2), bytes(7, 8));
});

each("takes a part of a large write and the rest once the peer reads", async ({ ours, theirs }, engine) => {
  const large = Uint8Array.from({ length: 2 * engine.capacityBytes }, (_, i) => i % 251);
  let taken = await ours.write(large);
  assertLess(taken, large.length);
  const reading = readBytes(theirs, large.length);
  while (taken < large.length) taken += await ours.write(large.subarray(taken));
  const received = await reading;
  assert(Buffer.compare(received, large) === 0, "other bytes came than were sent");
});

each("lets a write wait while the peer does not read", async ({ ours, theirs }, engine) => {
  const { waiting, taken } = await fill(ours, engine);
  await readBytes(theirs, taken);
  assert(await waiting > 0);
});

each("takes nothing for an empty write and gives nothing for an empty read", async ({ ours, theirs }) => {
  assertEquals(await ours.write(bytes()), 0);
  await theirs.write(bytes(1));
  assertEquals(await ours.read(bytes()), 0);
});

each("gives null at the peer's FIN, behind its bytes, and again", async ({ ours, theirs }) => {
  await theirs.write(bytes(1));
  await theirs.closeWrite();
  const buffer = new Uint8Array(4);
  assertEquals([await ours.read(buffer), await ours.read(buffer), await ours.read(buffer)], [1, null, null]);
});

each("reads and the peer writes on after closeWrite()", async ({ ours, theirs }) => {
  await ours.closeWrite();
  assertEquals(await theirs.read(new Uint8Array(1)), null);
  await theirs.write(bytes(5));
  assertEquals(await readBytes(ours, 1), bytes(5));
});

each("rejects writes with EPIPE after closeWrite(), which may be called again", async ({ ours }) => {
  await ours.closeWrite();
  assertEquals(await codeOf(() => ours.write(bytes(1))), "EPIPE");
  await ours.closeWrite();
});

each("rejects everything with BadResource after close(), a second close() too", async ({ ours }) => {
  ours.close();
  await assertRejects(() => ours.read(new Uint8Array(1)), Deno.errors.BadResource);
  await assertRejects(() => ours.write(bytes(1)), Deno.errors.BadResource);
  await assertRejects(() => ours.closeWrite(), Deno.errors.BadResource);
  assertThrows(() => ours.close(), Deno.errors.BadResource);
});

each("rejects a pending read with Interrupted on close()", async ({ ours }) => {
  const reading = codeOf(() => ours.read(new Uint8Array(1)));
  ours.close();
  assertEquals(await reading, "EINTR");
});

each("rejects waiting writes with Interrupted on close()", async ({ ours }, engine) => {
  const { waiting } = await fill(ours, engine);
  const rejected = Promise.all([codeOf(() => waiting), codeOf(() => ours.write(bytes(1)))]);
  ours.close();
  assertEquals(await rejected, ["EINTR", "EINTR"]);
});

each("delivers what was written before close(), then null", async ({ ours, theirs }) => {
  await theirs.write(bytes(1, 2));
  theirs.close();
  assertEquals(await readBytes(ours, 5), bytes(1, 2));
  assertEquals(await ours.read(new Uint8Array(1)), null);
});

each("takes one write after the peer's close() and rejects the next with EPIPE", async ({ ours, theirs }, engine) => {
  theirs.close();
  assertEquals(await ours.read(new Uint8Array(1)), null);
  // What TLS itself has sent since may count as that one.
  if (!engine.name.includes("TLS")) assertEquals(await ours.write(bytes(1)), 1);
  const failure = codeOf(async () => {
    // Over loopback the answer to the first write takes a moment.
    for (;;) await ours.write(bytes(1));
  });
  assertEquals(await failure, "EPIPE");
  assertEquals(await ours.read(new Uint8Array(1)), null);
});

each("rejects a waiting write when the peer closes with bytes unread", async ({ ours, theirs }, engine) => {
  const { waiting } = await fill(ours, engine);
  const failure = codeOf(async () => {
    await waiting;
    for (;;) await ours.write(bytes(1));
  });
  theirs.close();
  assertEquals(await failure, "EPIPE");
});

each("has addresses that match the peer's", ({ ours, theirs }) => {
  assertEquals(ours.localAddr, theirs.remoteAddr);
  assertEquals(theirs.localAddr, ours.remoteAddr);
  return Promise.resolve();
});

eachReset("rejects a pending read with ECONNRESET at a reset", async ({ ours, reset }) => {
  const reading = codeOf(() => ours.read(new Uint8Array(1)));
  await reset();
  assertEquals(await reading, "ECONNRESET");
});

eachReset("tells a reset once to a read: then null, and EPIPE for writes", async ({ ours, reset }) => {
  await reset();
  await assertRejects(() => ours.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
  assertEquals(await ours.read(new Uint8Array(1)), null);
  for (let i = 0; i < 2; i++) assertEquals(await codeOf(() => ours.write(bytes(1))), "EPIPE");
  await ours.closeWrite();
});

eachReset("tells a reset once to a write: then EPIPE, and null for reads", async ({ ours, reset }) => {
  await reset();
  assertEquals(await codeOf(() => ours.write(bytes(1))), "ECONNRESET");
  assertEquals(await codeOf(() => ours.write(bytes(1))), "EPIPE");
  assertEquals(await ours.read(new Uint8Array(1)), null);
});
