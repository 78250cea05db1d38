// The read loop over a transport that gives what has come in memory of its own.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import type { MemoryTransport } from "../../src/transport/memory.ts";
import { Random } from "../../src/testing/random.ts";
import { concat } from "../framing/decode.ts";
import { makeReader } from "./recording_reader.ts";
import { recordedPair, RecordingTransport, turn } from "./recording_transport.ts";

const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251);

function unit(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Gives what comes as chunks of its own, and writes down which. */
class TakingTransport extends RecordingTransport {
  readonly given: Buffer[] = [];

  async take(): Promise<Buffer | null> {
    const buffer = Buffer.alloc(70_000);
    const bytes = await super.read(buffer);
    this.windows.pop();
    if (bytes === null) return null;
    const chunk = Buffer.from(buffer.subarray(0, bytes));
    this.given.push(chunk);
    return chunk;
  }
}

/** A loop that is open to such an end of a pair. */
function open() {
  const { faults, peer } = recordedPair();
  const transport = new TakingTransport(faults);
  const reader = makeReader();
  reader.loop.open(transport);
  return { ...reader, transport, peer };
}

async function send(peer: MemoryTransport, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await peer.write(bytes.subarray(at));
  await turn();
}

unit("ReadLoop hands on the transport's own chunks as they are, and makes no buffer", async () => {
  const { port, transport, peer } = open();
  await send(peer, counting(10));
  await send(peer, counting(9_000));
  await peer.closeWrite();
  await turn();
  assertEquals(port.told, ["fresh 10", "fresh 9000", "end"]);
  for (const [i, chunk] of transport.given.entries()) assertStrictEquals(port.chunks[i], chunk);
  assertEquals([transport.given.length, transport.windows.length], [2, 0]);
});

unit("ReadLoop copies them into its one buffer where it lends", async () => {
  const { loop, port, transport, peer } = open();
  loop.lends = true;
  await send(peer, counting(10)); // this one was asked for before
  await send(peer, counting(20));
  await send(peer, counting(30));
  assertEquals(port.taken, [counting(10), counting(20), counting(30)]);
  assertStrictEquals(port.chunks[1]!.buffer, port.chunks[2]!.buffer);
  assertEquals(transport.given.length, 1);
});

for (const held of [1, 5_000, 40_000]) {
  unit(`ReadLoop notices a FIN, and a reset, behind ${held} bytes that it holds`, async () => {
    for (const end of ["FIN", "reset"]) {
      const { loop, port, peer } = open();
      port.answer = () => "hold";
      await send(peer, counting(held));
      await send(peer, counting(7));
      if (end === "FIN") await peer.closeWrite();
      else peer.reset();
      await turn();
      assertEquals(port.told.slice(1), [end === "FIN" ? "end waits" : "failed ECONNRESET"]);
      assertEquals(port.arrivedBytes, 7);
      if (end === "reset") continue;
      port.answer = () => "go";
      loop.resume();
      assertEquals(port.told.slice(2), [`again ${held + 7}`, "end"]);
      assertEquals(concat(...port.taken), concat(counting(held), counting(7)));
    }
  });
}

unit("ReadLoop reads 4 KiB at most behind what it holds", async () => {
  const { loop, port, peer } = open();
  port.answer = () => "hold";
  await send(peer, counting(3_000));
  for (let i = 0; i < 20; i++) await send(peer, counting(1_000));
  assertEquals(port.arrivedBytes, 4_096);
  assertEquals(loop.held?.length, 3_000 + 4_096);
  port.answer = () => "go";
  loop.resume();
  await turn();
  assertEquals(port.taken.reduce((sum, { length }) => sum + length, 0), 23_000);
});

unit("ReadLoop gives the outcome of the read that was under way to whoever takes over", async () => {
  for (const end of [false, true]) {
    const { loop, port, peer } = open();
    const outcome = loop.park();
    if (end) await peer.closeWrite();
    else await send(peer, counting(5));
    assertEquals(await outcome, end ? null : Buffer.from(counting(5)));
    assertEquals(port.told, []);
  }
});

unit("ReadLoop tells of a failure once", async () => {
  const { port, peer } = open();
  peer.reset();
  await turn();
  assertEquals(port.told, ["failed ECONNRESET"]);
});

unit("ReadLoop loses no byte and keeps their order, whatever is said to the chunks", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const { loop, port, peer } = open();
    let lent: Buffer | undefined;
    port.answer = (chunk) => {
      const answer = (["go", "go", "hold", "wait"] as const)[random.below(4)]!;
      if (answer === "wait") lent = chunk;
      return answer;
    };
    const sent: Uint8Array[] = [];
    for (let i = 0; i < 40; i++) {
      const part = counting(1 + random.below(random.below(5) === 0 ? 20_000 : 200));
      sent.push(part);
      void peer.write(part);
      if (random.below(3) > 0) await turn();
      if (random.below(4) === 0) loop.lends = random.below(2) === 0 && !loop.refuses;
      if (lent !== undefined && random.below(2) === 0) {
        const chunk = lent;
        lent = undefined;
        loop.giveBack(chunk);
      } else if (random.below(2) === 0) loop.resume();
      if (peer.full === true) await turn();
    }
    port.answer = () => "go";
    while (
      port.taken.reduce((sum, { length }) => sum + length, 0) < sent.reduce((sum, { length }) => sum + length, 0)
    ) {
      if (lent !== undefined) loop.giveBack(lent);
      lent = undefined;
      loop.resume();
      await turn();
    }
    assert(Buffer.compare(concat(...port.taken), concat(...sent)) === 0, `seed ${seed}`);
  }
});
