// The records of the engine "node": made by the runtime's object below the TLS socket, or by its streams where there is none.

import { assert, assertEquals } from "@std/assert";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { RecordLayer, type RecordReceiver } from "../../src/tls/record_layer.ts";
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

Deno.test("small records that come together are handed on together, and large ones as they are", async () => {
  const receivers: RecordReceiver[] = [];
  using _ = instead((stream, receiver) => {
    receivers.push(receiver);
    return of(stream, receiver);
  });
  await using linked = await link("node");
  const { accepted, client } = linked;
  const sizes: number[] = [];
  accepted.on("data", ({ length }) => sizes.push(length));
  // What each side gets before the client's record comes.
  const before = [10, 20, 4_000, 50_000, 5, 6].map((length) => Buffer.alloc(length, length));
  for (const receiver of receivers) for (const chunk of before) receiver.arrived(Buffer.from(chunk));
  client.write("end");
  while (accepted.bytesRead < 54_041 + 3) await once(accepted, "data");
  // The first was waited for; the rest is taken as it stands there.
  assertEquals(sizes, [10, 16_384, 20 + 4_000 + 50_000 - 16_384, 5 + 6, 3]);
});

Deno.test("large records are freed when they are sent, small ones and the user's bytes are let be", async () => {
  const sealed: Uint8Array<ArrayBuffer>[] = [];
  using _ = instead((stream, receiver) => {
    const layer = of(stream, receiver);
    if (layer === undefined) return layer;
    const seal = layer.seal.bind(layer);
    layer.seal = (pieces, total) => {
      const records = seal(pieces, total);
      if (records !== undefined) sealed.push(records);
      return records;
    };
    return layer;
  });
  await using linked = await link("node");
  const { accepted, client } = linked;
  const bytes = pattern(1_000_000);
  accepted.write("small");
  assertEquals(String((await once(client, "data"))[0]), "small");
  client.end(bytes);
  assertEquals(Buffer.compare(await readAll(accepted), bytes), 0);
  await Promise.all([client.closed, accepted.closed]);
  const [small, ...large] = sealed;
  assert(!small!.buffer.detached && large.length > 10 && large.every(({ buffer }) => buffer.detached));
  assertEquals(bytes.length, 1_000_000);
});
