// The records of the engine "node": made by the runtime's object below the TLS socket, or by its streams where there is none.

import { assertEquals } from "@std/assert";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { RecordLayer } from "../../src/tls/record_layer.ts";
import { link } from "./engines.ts";
import { relay } from "./relay.ts";
import { pattern, readAll } from "./support.ts";

const { of } = RecordLayer;

/** Until it is disposed of, record layers are looked for like that. */
function instead(find: typeof of): Disposable {
  RecordLayer.of = find;
  return { [Symbol.dispose]: () => void (RecordLayer.of = of) };
}

Deno.test("TLS sockets of this runtime have a record layer, on both sides", async () => {
  const found: boolean[] = [];
  using _ = instead((stream, receiver) => {
    const layer = of(stream, receiver);
    found.push(layer !== undefined);
    return layer;
  });
  await using _linked = await link("node");
  assertEquals(found, [true, true]);
});

Deno.test("a stream that is built differently has no record layer", () => {
  const receiver = { arrived() {} };
  for (const handle of [undefined, null, {}, Object.create({ writeBuffer() {} })]) {
    assertEquals(of(Object.assign(new Duplex(), { _handle: handle }), receiver), undefined);
  }
});

Deno.test("in another version of the runtime TLS sockets have no record layer, and work", async () => {
  for (const runtime of ["2.10.0", "3.0.0", "2.90.1"]) {
    using _ = instead((stream, receiver) => {
      const layer = of(stream, receiver, runtime);
      assertEquals(layer, undefined);
      return layer;
    });
    await using linked = await link("node");
    linked.accepted.pipe(linked.accepted);
    linked.client.end("hello");
    assertEquals(`${Buffer.from(await readAll(linked.client))}`, "hello");
  }
});

Deno.test("without a record layer TLS carries bytes both ways, and an orderly end", async () => {
  using _ = instead(() => undefined);
  await using linked = await link("node", { tcp: { allowHalfOpen: true } });
  const { client, accepted } = linked;
  const bytes = pattern(3_000_000);
  accepted.pipe(accepted);
  client.end(bytes);
  assertEquals(Buffer.compare(await readAll(client), bytes), 0);
  assertEquals([(await client.closed).reason, (await accepted.closed).reason], ["local", "peer"]);
});

Deno.test("without a record layer TLS tells a FIN without close_notify as truncated", async () => {
  using _ = instead(() => undefined);
  await using relayed = await relay("node");
  const { accepted, client } = relayed;
  const came = once(accepted, "data");
  client.resume();
  client.write("all I ha");
  await came;
  relayed.end();
  assertEquals([(await accepted.closed).reason, (await client.closed).reason], ["truncated", "truncated"]);
});
