// 100 MiB to a reader that takes its time: little of it is held anywhere, none is lost, and the ends arrive.

import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { once } from "node:events";
import type { TCPSocket } from "../../mod.ts";
import { NodeTlsClient, NodeTlsContext } from "../../src/tls/node_tls.ts";
import { recordedPair, turn } from "../socket/recording_transport.ts";
import { type Engine, ENGINES, link, type Linked } from "./engines.ts";
import { authority, pattern, server } from "./support.ts";

const MIB = 1_048_576;
const TOTAL_BYTES = 100 * MIB;
const CHUNK = pattern(MIB);
// What the two ends and TLS may take while nothing moves; the kernel's buffers do not count, but keep bytes as well.
const MOST_STUCK_BYTES = 32 * MIB;
// Nothing moved for that long: the buffers between the ends are full.
const STUCK_MS = 250;

/** Sends it all, and never more than `write()` wants. */
async function sendAll(sender: TCPSocket): Promise<void> {
  for (let sent = 0; sent < TOTAL_BYTES; sent += CHUNK.length) {
    const goesOn = sender.write(CHUNK);
    assertLessOrEqual(sender.writableLength, CHUNK.length);
    if (!goesOn) await once(sender, "drain");
  }
  sender.end();
}

/** Who sends to whom. */
const WAYS: readonly (readonly [string, (linked: Linked) => readonly [sender: TCPSocket, receiver: TCPSocket]])[] = [
  ["client to server", ({ client, accepted }) => [client, accepted]],
  ["server to client", ({ client, accepted }) => [accepted, client]],
];

/** The events of an end, in their order. */
function hear(socket: TCPSocket): string[] {
  const heard: string[] = [];
  for (const event of ["end", "finish", "error", "close"] as const) socket.on(event, () => heard.push(event));
  return heard;
}

/** Counts and compares what comes. `taken` is called with every chunk. */
function check(receiver: TCPSocket, taken: () => void): () => number {
  let at = 0;
  receiver.on("data", (data) => {
    for (let from = 0; from < data.length;) {
      const expected = CHUNK.subarray((at + from) % MIB, (at + from) % MIB + data.length - from);
      if (Buffer.compare(data.subarray(from, from + expected.length), expected) !== 0) {
        throw new Error(`other bytes came than were sent, behind ${at + from}`);
      }
      from += expected.length;
    }
    at += data.length;
    taken();
  });
  return () => at;
}

async function run(engine: Engine, way: typeof WAYS[number][1], slow: boolean): Promise<void> {
  await using linked = await link(engine);
  const [sender, receiver] = way(linked);
  const [sent, received] = [hear(sender), hear(receiver)];
  const before = Deno.memoryUsage().rss;
  sender.resume();
  const sending = sendAll(sender);
  if (!slow) {
    // The receiver has no reader yet.
    sender.setTimeout(STUCK_MS);
    await once(sender, "timeout");
    sender.setTimeout(0);
    const { rss } = Deno.memoryUsage();
    assert(sender.writableLength > 0, "everything went somewhere");
    assertLessOrEqual(receiver.bytesRead, 65_536);
    assertEquals([sent, received], [[], []]);
    assertLess(sender.bytesWritten, MOST_STUCK_BYTES);
    assertLess(rss - before, MOST_STUCK_BYTES);
  }
  // While it flows the runtime has garbage of its own, so that what is under way is counted in bytes.
  let mostBetween = 0;
  const total = check(receiver, () => {
    mostBetween = Math.max(mostBetween, sender.bytesWritten - receiver.bytesRead);
    if (!slow) return;
    receiver.pause();
    setImmediate(() => receiver.resume());
  });
  receiver.on("end", () => receiver.end());
  await sending;
  assertEquals([(await receiver.closed).reason, (await sender.closed).reason], ["peer", "local"]);
  assertEquals([total(), receiver.bytesRead], [TOTAL_BYTES, TOTAL_BYTES]);
  assertEquals([received, sent], [["end", "finish", "close"], ["finish", "end", "close"]]);
  assertLess(mostBetween, MOST_STUCK_BYTES);
}

for (const engine of ENGINES) {
  for (const [name, way] of WAYS) {
    Deno.test(`TLS (${engine}, ${name}) holds 100 MiB back while nobody reads`, () => run(engine, way, false));
    Deno.test(`TLS (${engine}, ${name}) holds 100 MiB back while they are read slowly`, () => run(engine, way, true));
  }
}

Deno.test("TLS (node) holds back a peer whose records of one byte nobody reads, and then gets them all", async () => {
  const { transport, peer } = recordedPair();
  const [ours, theirs] = await Promise.all([
    new NodeTlsContext({ cert: server.cert, key: server.key }).secure(transport),
    new NodeTlsClient({ ca: authority.cert }).secure(peer, "localhost"),
  ]);
  const sent = pattern(1_000);
  for (let at = 0; at < sent.length; at++) {
    await theirs.write(sent.subarray(at, at + 1));
    await turn();
  }
  assert(peer.unreadBytes > 500 * 20, `${peer.unreadBytes} bytes are left below`);
  const received = new Uint8Array(sent.length);
  for (let at = 0; at < sent.length;) at += await ours.read(received.subarray(at)) ?? sent.length;
  assertEquals([received, peer.unreadBytes], [sent, 0]);
  ours.close();
  theirs.close();
});
