// Every way to read and write a socket, over TLS.

import { assertEquals } from "@std/assert";
import { once } from "node:events";
import { framed, MessageProtocol } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { ENGINES, link } from "./engines.ts";
import { connectTo, listenEcho, pattern, readAll, server } from "./support.ts";

const BYTES = pattern(2_000_000);

/** Everything that could happen now has happened. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

for (const engine of ENGINES) {
  Deno.test(`TLS (${engine}) gives nothing between pause() and resume(), and then all of it`, async () => {
    await using linked = await link(engine);
    const { client, accepted } = linked;
    const heard: string[] = [];
    accepted.on("data", (data) => heard.push(String(data)));
    for (const event of ["end", "close"] as const) accepted.on(event, () => heard.push(event));
    const first = once(accepted, "data");
    client.write("before");
    await first;
    accepted.pause();
    client.resume();
    const finished = once(client, "finish");
    client.end(" behind");
    await finished;
    await turns();
    assertEquals([heard, accepted.isPaused()], [["before"], true]);
    accepted.resume();
    await accepted.closed;
    assertEquals(heard, ["before", " behind", "end", "close"]);
  });

  Deno.test(`TLS (${engine}) may be paused and resumed at every chunk`, async () => {
    await using linked = await link(engine);
    const { client, accepted } = linked;
    const chunks: Uint8Array[] = [];
    let wanted = true;
    accepted.on("data", (data) => {
      if (!wanted) throw new Error("a chunk came while it was paused");
      chunks.push(data);
      wanted = false;
      accepted.pause();
      setImmediate(() => {
        wanted = true;
        accepted.resume();
      });
    });
    client.resume();
    client.end(BYTES);
    assertEquals((await accepted.closed).reason, "peer");
    assertEquals(Buffer.compare(Buffer.concat(chunks), BYTES), 0);
  });

  Deno.test(`TLS (${engine}) pipes through another TLS connection and back`, async () => {
    await using echo = listenEcho({ tls: { cert: server.cert, key: server.key } });
    await using linked = await link(engine, { tcp: { allowHalfOpen: true } });
    const { client, accepted } = linked;
    const beyond = await connectTo(echo, { tls: { engine } });
    accepted.pipe(beyond);
    beyond.pipe(accepted);
    const received = readAll(client);
    client.end(BYTES);
    assertEquals(Buffer.compare(await received, BYTES), 0);
    assertEquals((await beyond.closed).bytesRead, BYTES.length);
    assertEquals((await accepted.closed).reason, "peer");
  });

  Deno.test(`TLS (${engine}) pipes a socket into itself`, async () => {
    await using linked = await link(engine);
    const { client, accepted } = linked;
    accepted.pipe(accepted);
    const received = readAll(client);
    client.end(BYTES);
    assertEquals(Buffer.compare(await received, BYTES), 0);
  });

  Deno.test(`TLS (${engine}) is an iteration on both ends`, async () => {
    await using linked = await link(engine, { tcp: { allowHalfOpen: true } });
    const { client, accepted } = linked;
    const received = readAll(client);
    client.end(BYTES);
    for await (const chunk of accepted) accepted.write(chunk);
    accepted.end();
    assertEquals(Buffer.compare(await received, BYTES), 0);
  });

  Deno.test(`TLS (${engine}) closes when an iteration is left`, async () => {
    await using linked = await link(engine);
    const { client, accepted } = linked;
    client.on("error", () => {/* it is cut off */});
    client.resume();
    client.write("first");
    for await (const _chunk of accepted) break;
    assertEquals((await accepted.closed).reason, "destroyed");
    await client.closed;
  });

  Deno.test(`TLS (${engine}) is a pair of web streams on both ends`, async () => {
    await using linked = await link(engine, { tcp: { allowHalfOpen: true } });
    const { client, accepted } = linked;
    const echoing = accepted.readable.pipeTo(accepted.writable);
    const sending = new Blob([BYTES.slice()]).stream().pipeTo(client.writable);
    const received = new Uint8Array(await new Response(client.readable).arrayBuffer());
    await Promise.all([sending, echoing]);
    assertEquals(Buffer.compare(received, BYTES), 0);
    assertEquals([(await client.closed).reason, (await accepted.closed).reason], ["local", "peer"]);
  });

  Deno.test(`TLS (${engine}) carries a thousand framed lines there and back`, async () => {
    await using linked = await link(engine);
    const [asks, answers] = [framed(linked.client, lines()), framed(linked.accepted, lines())];
    answers.on("message", (line) => answers.send(line.toUpperCase()));
    const received: string[] = [];
    const all = new Promise<void>((resolve) => {
      asks.on("message", (line) => {
        if (received.push(line) === 1_000) resolve();
      });
    });
    for (let index = 0; index < 1_000; index++) asks.send(`line ${index}`);
    await all;
    assertEquals(received, Array.from({ length: 1_000 }, (_, index) => `LINE ${index}`));
  });

  Deno.test(`TLS (${engine}) carries large and small messages of a MessageProtocol in order`, async () => {
    await using linked = await link(engine);
    const asks = new MessageProtocol<string>(linked.client).attach();
    const answers = new MessageProtocol<string>(linked.accepted).attach();
    answers.onMessage = (message) => answers.send(message);
    const sent = [500_000, 1, 100_000, 0, 16_384].map((length, index) => `${index}`.repeat(length));
    const received: string[] = [];
    const all = new Promise<void>((resolve) => {
      asks.onMessage = (message) => {
        if (received.push(message) === sent.length) resolve();
      };
    });
    for (const message of sent) asks.send(message);
    await all;
    assertEquals(received, sent);
  });
}
