import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { toText } from "@std/streams";
import { once } from "node:events";
import { Duplex, finished, pipeline, Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import net from "node:net";
import { KINDS, openPair } from "../support/kinds.ts";
import { connect, createServer, TcpError, type TcpServer, type TCPSocket } from "../../mod.ts";

const text = new TextEncoder();

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Both ends of one connection over loopback. */
async function withPair(
  run: (client: TCPSocket, inside: TCPSocket, app: TcpServer) => Promise<void>,
  halfOpen = false,
): Promise<void> {
  await using app = createServer().withOptions({ tcp: { allowHalfOpen: halfOpen } });
  const accepted = once(app, "connection");
  app.onError(() => {}).onConnection(() => {}).listen(0, "127.0.0.1");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1", tcp: { allowHalfOpen: halfOpen } });
  const [inside] = await accepted;
  try {
    await run(client, inside, app);
  } finally {
    client.destroy();
    inside.destroy();
  }
}

Deno.test("readable gives what came and closes at the peer's end", () =>
  withPair(async (client, inside) => {
    inside.end("over the stream");
    assertEquals(await toText(client.readable), "over the stream");
    assertEquals((await client.closed).reason, "peer");
  }));

Deno.test("a BYOB reader gets the bytes in its own buffers, whatever their size", () =>
  withPair(async (client, inside) => {
    inside.end("abcdefghij");
    const reader = client.readable.getReader({ mode: "byob" });
    let read = "";
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(3));
      if (done) break;
      read += new TextDecoder().decode(value);
    }
    assertEquals(read, "abcdefghij");
  }));

Deno.test("chunks of a readable stay as they were while more comes", () =>
  withPair(async (client, inside) => {
    const reader = client.readable.getReader();
    const kept: Uint8Array[] = [];
    for (const word of ["one", "two", "three"]) {
      inside.write(word);
      kept.push((await reader.read()).value!);
    }
    assertEquals(kept.map((chunk) => new TextDecoder().decode(chunk)), ["one", "two", "three"]);
  }));

Deno.test("8 MiB through readable and writable arrive whole", () =>
  withPair(async (client, inside) => {
    const sent = crypto.getRandomValues(new Uint8Array(65_536));
    const echoing = inside.readable.pipeTo(inside.writable);
    const writer = client.writable.getWriter();
    const writing = (async () => {
      for (let i = 0; i < 128; i++) await writer.write(sent);
      await writer.close();
    })();
    let at = 0;
    for await (const chunk of client.readable) {
      for (const byte of chunk) {
        if (byte !== sent[at % sent.length]) throw new Error(`byte ${at} differs`);
        at++;
      }
    }
    assertEquals(at, 128 * 65_536);
    await Promise.all([writing, echoing]);
  }, true));

Deno.test("cancelling readable concerns what comes only: writes go on", () =>
  withPair(async (client, inside) => {
    inside.write("ignored");
    await client.readable.cancel();
    const heard = once(inside, "data");
    client.write("still writing");
    assertEquals(String((await heard)[0]), "still writing");
    assertEquals(client.destroyed, false);
  }));

Deno.test("aborting writable destroys with the reason, which is not thrown besides", () =>
  withPair(async (client) => {
    await client.writable.abort(new Error("enough"));
    const { reason, error } = await client.closed;
    assertEquals([reason, error?.message], ["error", "enough"]);
  }));

for (const kind of KINDS) {
  Deno.test(`aborting writable ends a write that waits for its peer at once, over ${kind.name}`, async () => {
    await using pair = await openPair(kind);
    const { client } = pair;
    const writer = client.writable.getWriter();
    const failed = assertRejects(() => writer.write(new Uint8Array(67_108_864)), Error, "enough");
    // Nobody reads at the other end: the kernel takes a part of it, and there it stays.
    while (client.bytesWritten === client.writableLength) await turn();
    await writer.abort(new Error("enough"));
    const { reason, error, unsentBytes } = await client.closed;
    assertEquals([reason, error?.message], ["error", "enough"]);
    assert(unsentBytes > 0);
    await failed;
    await assertRejects(() => writer.closed, Error, "enough");
  });
}

Deno.test("aborting writable without a reason is an AbortError", () =>
  withPair(async (client) => {
    await client.writable.abort();
    assertEquals((await client.closed).error?.name, "AbortError");
  }));

Deno.test("a reset errors the readable and the writable in use, and a client's is not thrown besides", async () => {
  const listener = net.createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const accepted = once(listener, "connection");
  const client = await connect({ port: (listener.address() as net.AddressInfo).port, host: "127.0.0.1" });
  const [peer] = await accepted;
  const reading = client.readable.getReader().read();
  peer.resetAndDestroy();
  assertEquals((await assertRejects(() => reading, TcpError)).code, "ECONNRESET");
  assertEquals((await client.closed).reason, "reset");
  listener.close();
  await once(listener, "close");
});

Deno.test("iteration gives one chunk a turn and ends at the peer's end", () =>
  withPair(async (client, inside) => {
    inside.end("all of it");
    let read = "";
    for await (const chunk of client) read += chunk;
    assertEquals(read, "all of it");
  }));

Deno.test("leaving an iteration early destroys the socket", () =>
  withPair(async (client, inside) => {
    inside.write("first");
    for await (const chunk of client) {
      assertEquals(String(chunk), "first");
      break;
    }
    assertEquals((await client.closed).reason, "destroyed");
  }));

Deno.test("a reset during the body of an iteration is thrown by the next turn", async () => {
  const listener = net.createServer((peer) => peer.write("x")).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const accepted = once(listener, "connection");
  const client = await connect({ port: (listener.address() as net.AddressInfo).port, host: "127.0.0.1" });
  const [peer] = await accepted;
  const error = await assertRejects(async () => {
    for await (const _ of client) {
      peer.resetAndDestroy();
      await client.closed;
    }
  }, TcpError);
  assertEquals(error.code, "ECONNRESET");
  listener.close();
  await once(listener, "close");
});

Deno.test("a second face that reads is refused with ERR_READ_CLAIMED; touching one is not", () =>
  withPair(async (client, inside) => {
    assert(client.readable instanceof ReadableStream);
    client.on("data", () => {});
    for (
      const second of [
        () => client[Symbol.asyncIterator]().next(),
        () => client.readable.getReader().read(),
      ]
    ) assertEquals((await assertRejects(second, TcpError)).code, "ERR_READ_CLAIMED");

    const next = inside[Symbol.asyncIterator]().next();
    let refused: unknown;
    try {
      inside.on("data", () => {});
    } catch (error) {
      refused = error;
    }
    assert(refused instanceof TcpError && refused.code === "ERR_READ_CLAIMED");
    assertEquals(inside.listenerCount("data"), 0, "a refused listener is not left behind");
    client.end();
    assertEquals((await next).done, true);
  }));

Deno.test("lifecycle events come whichever face reads", () =>
  withPair(async (client, inside) => {
    const events: string[] = [];
    for (const event of ["end", "finish", "close"] as const) client.on(event, () => events.push(event));
    inside.end("x");
    for await (const _ of client);
    await client.closed;
    assertEquals(events, ["end", "finish", "close"]);
  }));

Deno.test("node's Readable.pipe writes into a socket", () =>
  withPair(async (client, inside) => {
    Readable.from(["one ", "two ", "three"]).pipe(client as unknown as Writable);
    assertEquals((await Array.fromAsync(inside, String)).join(""), "one two three");
  }));

Deno.test("node's pipeline runs from a socket through itself to another", () =>
  withPair(async (client, inside) => {
    const chunks: string[] = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        chunks.push(String(chunk));
        done();
      },
    });
    const piped = promisify(pipeline)(client as unknown as Readable, sink);
    inside.end("through the pipeline");
    await piped;
    assertEquals(chunks.join(""), "through the pipeline");
  }));

Deno.test("node's finished sees the end of a socket", () =>
  withPair(async (client, inside) => {
    const done = new Promise<unknown>((resolve) => finished(client as unknown as Readable, resolve));
    client.resume();
    inside.end();
    assertEquals(await done ?? undefined, undefined);
  }));

Deno.test("node's Duplex.fromWeb wraps the two streams", () =>
  withPair(async (client, inside) => {
    // deno-lint-ignore no-explicit-any -- node's types know other web streams than the runtime's
    const duplex = Duplex.fromWeb(client as any);
    inside.on("data", (data) => inside.end(`Echo: ${data}`));
    duplex.write("duplex");
    const chunks: string[] = [];
    for await (const chunk of duplex) chunks.push(String(chunk));
    assertEquals(chunks.join(""), "Echo: duplex");
  }));

Deno.test("a socket pipes into itself and into others, with backpressure and the end", () =>
  withPair(async (client, inside) => {
    inside.pipe(inside);
    const sent = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 7919 >> 8);
    const received: Uint8Array[] = [];
    client.on("data", (data) => received.push(data));
    client.end(sent);
    await client.closed;
    assertEquals(new Uint8Array(await new Blob(received as Uint8Array<ArrayBuffer>[]).arrayBuffer()), sent);
  }));

Deno.test("pipe with end: false leaves the target open", () =>
  withPair(async (client, inside) => {
    const target = new Writable({ write: (_chunk, _encoding, done) => done() });
    client.pipe(target, { end: false });
    inside.end("x");
    await client.closed;
    assertEquals(target.writableEnded, false);
  }));

Deno.test("unpipe stops reading; a new data listener goes on where it stopped", () =>
  withPair(async (client, inside) => {
    const chunks: string[] = [];
    const target = new Writable({
      write(chunk, _encoding, done) {
        chunks.push(String(chunk));
        client.unpipe(target);
        done();
      },
    });
    client.pipe(target);
    inside.write("one");
    await once(target, "unpipe");
    const next = once(client, "data");
    inside.write("two");
    assertEquals(String((await next)[0]), "two");
    assertEquals(chunks, ["one"]);
  }));

Deno.test("one source piped to two targets waits for the slower one and gives both everything", () =>
  withPair(async (client, inside) => {
    const counts = [0, 0];
    const targets = counts.map((_, i) =>
      new Writable({
        highWaterMark: i === 0 ? 1 : 1_000_000,
        write(chunk, _encoding, done) {
          counts[i]! += chunk.length; // i is an index of counts
          i === 0 ? setTimeout(done, 0) : done();
        },
      })
    );
    const ends = targets.map((target) => once(target, "finish"));
    for (const target of targets) client.pipe(target);
    inside.end(text.encode("x".repeat(500_000)));
    await Promise.all(ends);
    assertEquals(counts, [500_000, 500_000]);
  }));

Deno.test("a pipe's target that throws is a handler's failure: onError, and the socket is closed", () =>
  withPair(async (_client, inside, app) => {
    const failed = new Promise<string>((resolve) => app.removeAllListeners("error").onError((e) => resolve(e.message)));
    const target = new Writable();
    target.write = () => {
      throw new Error("target throws");
    };
    inside.pipe(target);
    _client.write("x");
    assertEquals(await failed, "target throws");
    assertEquals((await inside.closed).reason, "error");
  }));

Deno.test("a chunk that is being sent stays as it is while its pipe is taken off and others come and go", () =>
  withPair(async (client, inside) => {
    const sent = Uint8Array.from({ length: 16_000_000 }, (_, i) => i * 7919 >> 8);
    inside.pipe(inside);
    let at = 0;
    const done = new Promise<void>((resolve, reject) => {
      client.on("data", (data) => {
        for (const byte of data) if (byte !== sent[at++]) return reject(new Error(`byte ${at - 1} differs`));
        inside.unpipe();
        inside.pipe(inside).pipe(inside);
        inside.unpipe();
        inside.pipe(inside);
        if (at === sent.length) resolve();
      });
    });
    client.write(sent);
    await done;
  }));

Deno.test("a pipe that is refused leaves nothing on its target", () =>
  withPair((client, inside) => {
    const next = client[Symbol.asyncIterator]().next();
    const target = new Writable({ write: (_chunk, _encoding, done) => done() });
    const before = target.eventNames().length;
    const error = assertThrows(() => client.pipe(target), TcpError);
    assertEquals([error.code, target.eventNames().length], ["ERR_READ_CLAIMED", before]);
    inside.end();
    return next.then(() => {});
  }));

Deno.test("readable fails a BYOB read whose end comes inside an element, and nothing else", async () => {
  await using app = createServer().onConnection((socket) => socket.resume().end(new Uint8Array(3)));
  app.listen(0, "127.0.0.1");
  const socket = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  const reader = socket.readable.getReader({ mode: "byob" });
  await assertRejects(() => reader.read(new Uint32Array(4)), TypeError);
  assertEquals((await socket.closed).reason, "peer");
});
