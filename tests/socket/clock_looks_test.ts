/** What traffic costs at the clock: a look takes longer than much of what is done with a small chunk. */

import { assert, assertLessOrEqual } from "@std/assert";
import { once } from "node:events";
import { createServer, framed, type ServerOptions, type TCPSocket } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { connect } from "../../tcp.ts";
import { useClock } from "../../src/base/clock.ts";
import { Peer } from "../documentation/peer.ts";

const CHUNKS = 300;
// For timers, which look when they are due, and for the opening of connections.
const FEW = 20;

/** Looks at the clock while `work` is done. */
async function countLooks(work: () => Promise<void>): Promise<number> {
  let looks = 0;
  const [, restore] = useClock((before) => ({
    ...before,
    now() {
      looks++;
      return before.now();
    },
  }));
  try {
    await work();
  } finally {
    restore();
  }
  return looks;
}

async function talk(peer: Peer): Promise<void> {
  for (let i = 0; i < CHUNKS; i++) {
    await peer.write("some words\n");
    await peer.readText("some words\n");
  }
}

const ANSWERS: [how: string, answer: (socket: TCPSocket) => void][] = [
  ["a listener", (socket) => socket.on("data", (data) => socket.write(data))],
  ["a pipe", (socket) => socket.pipe(socket)],
  ["a codec", (socket) => {
    const peer = framed(socket, lines());
    peer.on("message", (line) => peer.send(line));
  }],
];

const LOOKS: [what: string, options: ServerOptions, looks: number][] = [
  ["read and answered at once", {}, 1],
  // Who asks when something last left has to be told of both.
  [
    "read and answered under deadlines",
    { deadlines: { idleMs: 60_000, frameMs: 60_000 }, tcp: { timeout: 60_000 } },
    2,
  ],
];

for (const [what, options, most] of LOOKS) {
  for (const [how, answer] of ANSWERS) {
    Deno.test(`a chunk ${what} costs ${most} looks at the clock at most, by ${how}`, async () => {
      await using app = createServer("tcp", options).onConnection(answer).listen(0, "127.0.0.1");
      using peer = await Peer.connect(app.address()!.port);
      const looks = await countLooks(() => talk(peer));
      assertLessOrEqual(looks, most * CHUNKS + FEW);
      assert(looks > 0);
    });
  }
}

Deno.test("a chunk that is written in a turn of its own costs one look at the clock", async () => {
  await using app = createServer("tcp").listen(0, "127.0.0.1");
  const accepting = once(app, "connection");
  app.onConnection(() => {});
  await using client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  client.resume();
  const [socket] = await accepting;
  const received = once(client, "end");
  const looks = await countLooks(async () => {
    for (let i = 0; i < CHUNKS; i++) {
      await new Promise((sent) => socket.write("some words\n", sent));
      await new Promise((turn) => setTimeout(turn, 0));
    }
    socket.end();
    await received;
  });
  assertLessOrEqual(looks, 2 * CHUNKS + FEW); // it is read, too, by the client
});
