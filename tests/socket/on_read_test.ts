// Bytes that are lent for the time of a call: from one buffer, whole, in order, and waited for where they are written on.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import { createServer, TCPSocket } from "../../mod.ts";
import { KINDS, openPair } from "../support/kinds.ts";

const MIB = 1_048_576;

/** Bytes that say where they belong. */
function pattern(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8) + (i >> 16) * 7) & 255;
  return bytes;
}

function digest(bytes: Uint8Array): Promise<string> {
  return crypto.subtle.digest("SHA-256", bytes.slice()).then((hash) => new Uint8Array(hash).toHex());
}

/** Everything that comes, up to that many bytes. */
async function collect(socket: TCPSocket, size: number): Promise<Uint8Array> {
  const all = new Uint8Array(size);
  let at = 0;
  for await (const chunk of socket) {
    all.set(chunk, at);
    at += chunk.length;
    if (at === size) break;
  }
  assertEquals(at, size);
  return all;
}

for (const kind of KINDS) {
  Deno.test(`onRead lends every byte, and what is written of it comes back whole (${kind.name})`, async () => {
    await using pair = await openPair(kind);
    const { client, inside } = pair;
    const buffers = new Set<ArrayBufferLike>();
    let chunks = 0;
    inside.onRead((bytes) => {
      buffers.add(bytes.buffer);
      chunks++;
      inside.write(bytes);
    });
    const sent = pattern(4 * MIB);
    client.write(sent);
    assertEquals(await digest(await collect(client, sent.length)), await digest(sent));
    assert(buffers.size <= 8 && buffers.size < chunks, `${buffers.size} buffers for ${chunks} chunks`);
  });

  Deno.test(`onRead waits for what another socket has not sent yet (${kind.name})`, async () => {
    await using from = await openPair(kind);
    await using to = await openPair(kind);
    from.inside.onRead((bytes) => void to.inside.write(bytes));
    const sent = pattern(4 * MIB);
    from.client.write(sent);
    // Nobody reads until that socket is full.
    await once(from.client, "drain", { signal: AbortSignal.timeout(20) }).catch(() => {});
    assertEquals(await digest(await collect(to.client, sent.length)), await digest(sent));
  });

  Deno.test(`onRead stops at false, goes on after resume() and loses nothing (${kind.name})`, async () => {
    await using pair = await openPair(kind);
    const { client, inside } = pair;
    const seen: number[] = [];
    let stopped!: () => void;
    let stops = new Promise<void>((resolve) => stopped = resolve);
    inside.onRead((bytes) => {
      seen.push(...bytes);
      stopped();
      return false;
    });
    const sent = [...pattern(2_000)];
    client.write(Uint8Array.from(sent));
    client.end();
    const ended = once(inside, "end");
    for (let over = false; !over;) {
      await stops;
      assertEquals(inside.isPaused(), true);
      stops = new Promise<void>((resolve) => stopped = resolve);
      inside.resume();
      over = await Promise.race([ended.then(() => true), stops.then(() => false)]);
    }
    assertEquals(seen, sent);
  });
}

Deno.test("onRead claims the read side, and is refused where somebody else has it", async () => {
  await using pair = await openPair(KINDS[0]!);
  const { client, inside } = pair;
  const nothing = () => {};
  inside.onRead(nothing);
  const claimed = { code: "ERR_READ_CLAIMED" };
  for (
    const other of [
      () => inside.on("data", nothing),
      () => inside.onRead(nothing),
      () => inside.pipe(client),
      () => inside.setEncoding("utf8"),
    ]
  ) {
    const error = assertThrows(other, Error, "onRead already reads this socket");
    assertEquals((error as Error & { code: string }).code, claimed.code);
  }
  await assertRejects(() => inside[Symbol.asyncIterator]().next(), Error, "onRead already reads this socket");
  client.on("data", nothing);
  assertThrows(() => client.onRead(nothing), Error, 'the "data" event already reads this socket');
  assertThrows(() => new TCPSocket().setEncoding().onRead(nothing), Error, "setEncoding already reads this socket");
  assertThrows(() => inside.onRead("no" as unknown as () => void), TypeError, "callback");
});

Deno.test("a callback of onRead that throws, or is async, ends its connection and is told to the server", async () => {
  const failed = new Error("mine");
  for (
    const [callback, message] of [
      [() => {
        throw failed;
      }, "mine"],
      [async () => {}, "onRead: the callback must not be async; its bytes are lent for the call only"],
    ] as const
  ) {
    const told = Promise.withResolvers<Error>();
    await using app = createServer().onError((error) => told.resolve(error))
      .onConnection((socket) => socket.onRead(callback as () => void)).listen(0, "127.0.0.1");
    await using client = new TCPSocket();
    client.connect(app.address()!.port, "127.0.0.1", () => client.write("x"));
    assertEquals((await told.promise).message, message);
    client.resume();
    await client.closed;
  }
});

for (const corked of [false, true]) {
  Deno.test(`onRead goes on where the socket that it wrote to is destroyed with the bytes in its queue (${corked})`, async () => {
    await using from = await openPair(KINDS[0]!);
    await using to = await openPair(KINDS[0]!);
    to.client.resume();
    if (corked) to.inside.cork();
    let total = 0;
    let kept = 0;
    const sent = pattern(4 * MIB);
    const all = Promise.withResolvers<void>();
    from.inside.onRead((bytes) => {
      total += bytes.length;
      if (total === sent.length) all.resolve();
      if (to.inside.destroyed) return;
      to.inside.write(bytes);
      if (bytes.length <= 4_096) return; // it was copied
      kept++;
      to.inside.destroy();
    });
    from.client.write(sent);
    await all.promise;
    assertEquals([total, kept], [sent.length, 1]);
  });
}

Deno.test("a client that connects again goes on with onRead", async () => {
  await using app = createServer().onConnection((socket) => socket.end("hello")).listen(0, "127.0.0.1");
  const { port } = app.address()!;
  const client = new TCPSocket();
  let text = "";
  client.onRead((bytes) => void (text += bytes.toString()));
  for (let i = 0; i < 3; i++) {
    client.connect(port, "127.0.0.1");
    await client.closed;
  }
  assertEquals(text, "hellohellohello");
});
