/**
 * What a request costs over a bare `framed` send: `deno bench -A tests/bench/requester_bench.ts`. Each iteration is 1,000
 * messages there and back over loopback, both ends in this process, so the difference of two lines in microseconds is
 * nanoseconds per request.
 */

import { connect, createRequester, createServer, framed } from "../../mod.ts";
import { lengthPrefixed } from "../../src/framing/mod.ts";

const MESSAGES = 1_000;
const body = new Uint8Array(64);

const app = createServer();
app.onConnection((socket) => {
  const peer = framed(socket, lengthPrefixed());
  peer.on("message", (message) => peer.send(message));
});
app.listen(0, "127.0.0.1");

async function connected() {
  return framed(await connect({ port: app.address()!.port, host: "127.0.0.1" }), lengthPrefixed()); // it listens
}

const bare = await connected();
let left = 0;
let done = () => {};
bare.on("message", () => {
  if (--left === 0) done();
});

Deno.bench({ name: "bare framed: send and a message listener", group: "1,000 messages", baseline: true }, async () => {
  left = MESSAGES;
  const all = new Promise<void>((resolve) => done = resolve);
  for (let count = 0; count < MESSAGES; count++) bare.send(body);
  await all;
});

const promised = await connected();
const resolvers: ((message: Uint8Array) => void)[] = [];
let at = 0;
promised.on("message", (message) => resolvers[at++]!(message)); // one for each that was sent

Deno.bench({ name: "bare framed, and a promise for each", group: "1,000 messages" }, async () => {
  resolvers.length = at = 0;
  const all: Promise<Uint8Array>[] = [];
  for (let count = 0; count < MESSAGES; count++) {
    all.push(new Promise((resolve) => void resolvers.push(resolve)));
    promised.send(body);
  }
  for (const answer of all) await answer;
});

const ordered = createRequester(await connected(), { ordered: true, maxInFlight: MESSAGES });

Deno.bench({ name: "createRequester, in order", group: "1,000 messages" }, async () => {
  const all: Promise<Uint8Array>[] = [];
  for (let count = 0; count < MESSAGES; count++) all.push(ordered.request(body));
  for (const answer of all) await answer;
});

const idOf = (message: Uint8Array) => message[0]! | message[1]! << 8; // 64 bytes
const identified = createRequester(await connected(), { idOf, answerTo: idOf, maxInFlight: MESSAGES });
const bodies = Array.from({ length: MESSAGES }, (_, id) => {
  const message = new Uint8Array(64);
  message.set([id & 255, id >> 8]);
  return message;
});

Deno.bench({ name: "createRequester, by id", group: "1,000 messages" }, async () => {
  const all: Promise<Uint8Array>[] = [];
  for (const message of bodies) all.push(identified.request(message));
  for (const answer of all) await answer;
});
