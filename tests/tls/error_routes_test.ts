// Over TLS, too, a failed connection is told to protocols and `closed`, and a pipe counts for nobody.

import { assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { framed, MessageProtocol } from "../../mod.ts";
import { frames, lines } from "../../src/framing/mod.ts";
import { clientOfNode } from "../support/node_peers.ts";
import { Uncaught } from "../support/uncaught.ts";
import { ENGINES } from "./engines.ts";
import { relay, type Relayed } from "./relay.ts";

type Codes = (string | undefined)[];

/** A connection through a relay; `errors` is what reached `onError`. */
async function relayed(engine: typeof ENGINES[number]): Promise<Relayed & { errors: Codes }> {
  const link = await relay(engine);
  const errors: Codes = [];
  link.app.onError(({ code }) => errors.push(code));
  return Object.assign(link, { errors });
}

for (const engine of ENGINES) {
  Deno.test(`${engine}: framed and a MessageProtocol hear that the connection was reset, on both ends`, async () => {
    using uncaught = new Uncaught();
    await using link = await relayed(engine);
    const codes: Codes = [];
    framed(link.client, lines()).on("message", () => {}).on("error", ({ code }) => codes.push(code));
    new MessageProtocol(link.accepted).attach().onError = ({ code }) => codes.push(code);
    const closed = [link.client, link.accepted].map((end) => new Promise((resolve) => end.on("close", resolve)));
    link.reset();
    await Promise.all(closed);
    assertEquals([codes, link.errors, uncaught.codes], [["ECONNRESET", "ECONNRESET"], [], []]);
  });

  Deno.test(`${engine}: frames, and closed, take a client's reset; the server's socket has onError`, async () => {
    using uncaught = new Uncaught();
    await using link = await relayed(engine);
    link.accepted.resume();
    const { closed } = link.client;
    const failed = assertRejects(() => frames(link.client, lines()).next(), Error, "ECONNRESET");
    link.reset();
    await failed;
    assertEquals((await closed).reason, "reset");
    await link.accepted.closed;
    assertEquals([link.errors, uncaught.codes], [["ECONNRESET"], []]);
  });

  Deno.test(`${engine}: a target of a pipe that is reset tells onError, and the source is taken off`, async () => {
    using uncaught = new Uncaught();
    await using link = await relayed(engine);
    await using from = await clientOfNode();
    link.client.on("error", () => {});
    const unpiped = once(link.accepted, "unpipe");
    from.socket.pipe(link.accepted);
    from.peer.write("hello");
    await once(link.client, "data");
    link.reset();
    await unpiped;
    await link.accepted.closed;
    assertEquals([link.errors, uncaught.codes, from.socket.isPaused()], [["ECONNRESET"], [], true]);
  });
}
