// What becomes of a target's errors, and of the source, when a pipe cannot go on.

import { assertEquals, assertStrictEquals } from "@std/assert";
import { once } from "node:events";
import fs from "node:fs";
import process from "node:process";
import { Readable, Writable } from "node:stream";
import { TCPSocket } from "../../mod.ts";
import { acceptedFromNode, clientOfNode, freePort, type NodePeered } from "../support/node_peers.ts";
import { Uncaught } from "../support/uncaught.ts";

const MEGABYTE = 1_048_576;
const SOURCES: [what: string, open: () => Promise<NodePeered>][] = [
  ["a server's socket", acceptedFromNode],
  ["a client", clientOfNode],
];

/** How often `target` is told that `source` was taken off. */
function unpipes(target: Writable | TCPSocket, source: TCPSocket): { count: number; first: Promise<void> } {
  const told = Promise.withResolvers<void>();
  const unpiped = { count: 0, first: told.promise };
  target.on("unpipe", (from: unknown) => {
    assertStrictEquals(from, source);
    unpiped.count++;
    told.resolve();
  });
  return unpiped;
}

/** What comes of `source` until its end, by a listener that is added now. */
async function rest(source: TCPSocket): Promise<number> {
  let bytes = 0;
  source.on("data", (chunk) => bytes += chunk.length);
  await once(source, "end");
  return bytes;
}

// ---- errors ----

for (const [what, open] of SOURCES) {
  Deno.test(`${what} piped into a client that is refused: the error is uncaught, as without the pipe`, async () => {
    using uncaught = new Uncaught();
    await using from = await open();
    const target = new TCPSocket().connect(freePort(), "127.0.0.1");
    const unpiped = unpipes(target, from.socket);
    from.socket.pipe(target);
    from.peer.write("hello");
    assertEquals((await uncaught.first()).code, "ECONNREFUSED");
    await unpiped.first;
    assertEquals([uncaught.codes, from.errors, unpiped.count], [["ECONNREFUSED"], [], 1]);
    assertEquals([from.socket.destroyed, from.socket.isPaused()], [false, true]);
  });

  Deno.test(`${what} piped into a client that is refused: its own listener is told once, and nobody else`, async () => {
    using uncaught = new Uncaught();
    await using from = await open();
    const codes: (string | undefined)[] = [];
    const target = new TCPSocket().on("error", ({ code }) => codes.push(code)).connect(freePort(), "127.0.0.1");
    from.peer.write(new Uint8Array(MEGABYTE)); // more than is copied: a chunk is lent
    from.socket.pipe(target);
    await new Promise((resolve) => target.on("close", resolve));
    assertEquals([codes, uncaught.codes, from.errors], [["ECONNREFUSED"], [], []]);
  });

  Deno.test(`${what} piped into a file that cannot be opened: the error is uncaught, as without the pipe`, async () => {
    using uncaught = new Uncaught();
    await using from = await open();
    const target = fs.createWriteStream("/nosuch/file");
    const unpiped = unpipes(target, from.socket);
    from.socket.pipe(target);
    from.peer.write("hello");
    assertEquals((await uncaught.first()).code, "ENOENT");
    await unpiped.first;
    assertEquals([uncaught.codes, from.errors, from.socket.isPaused()], [["ENOENT"], [], true]);
  });

  Deno.test(`${what} piped into a full disk: the stream's listener is told, and the source is taken off`, async () => {
    using uncaught = new Uncaught();
    await using from = await open();
    const target = fs.createWriteStream("/dev/full");
    const unpiped = unpipes(target, from.socket);
    const failed = once(target, "error");
    from.socket.pipe(target);
    assertEquals(target.listenerCount("error"), 1); // ours, that of once()
    from.peer.write("hello");
    const [error] = await failed;
    assertEquals(error.code, "ENOSPC");
    await unpiped.first;
    assertEquals([uncaught.codes, unpiped.count, from.socket.destroyed], [[], 1, false]);
  });

  Deno.test(`${what} piped into a full disk that nobody watches: the error is uncaught`, async () => {
    using uncaught = new Uncaught();
    await using from = await open();
    from.socket.pipe(fs.createWriteStream("/dev/full"));
    from.peer.write("hello");
    assertEquals((await uncaught.first()).code, "ENOSPC");
  });
}

for (const bytes of [0, 5, MEGABYTE]) {
  Deno.test(`a server's socket that is a pipe's target is reset with ${bytes} bytes on their way: onError hears it`, async () => {
    using uncaught = new Uncaught();
    await using from = await clientOfNode();
    await using to = await acceptedFromNode();
    const unpiped = unpipes(to.socket, from.socket);
    from.socket.pipe(to.socket);
    const connected = to.peer.connecting ? once(to.peer, "connect") : undefined;
    await connected;
    if (bytes > 0) {
      from.peer.write(new Uint8Array(bytes));
      while (from.socket.bytesRead < Math.min(bytes, 65_536)) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    to.peer.resetAndDestroy();
    const { reason } = await to.socket.closed;
    await unpiped.first;
    assertEquals([reason, to.errors.length, unpiped.count], ["reset", 1, 1]);
    assertEquals(["ECONNRESET", "EPIPE"].includes(to.errors[0]?.code ?? ""), true);
    assertEquals(uncaught.codes, []);
  });
}

Deno.test("a pipe adds no listener to a socket, and none for errors to any target", async () => {
  await using from = await clientOfNode();
  await using to = await acceptedFromNode();
  const names = () => to.socket.eventNames();
  const before = names();
  from.socket.pipe(to.socket);
  assertEquals(names(), before);
  from.socket.unpipe(to.socket);
  const target = new Writable();
  from.socket.pipe(target);
  assertEquals([target.listenerCount("error"), target.listenerCount("close")], [0, 1]);
  from.socket.unpipe(target);
  assertEquals(target.eventNames().filter((name) => name !== "prefinish"), []);
});

Deno.test("a Readable of node:stream piped into a server's socket that is reset: onError hears the reset itself", async () => {
  using uncaught = new Uncaught();
  await using to = await acceptedFromNode();
  const source = new Readable({ read() {} });
  source.pipe(to.socket as unknown as NodeJS.WritableStream); // as the runtime takes it
  source.push("hello");
  await once(to.peer, "data");
  to.peer.resetAndDestroy();
  await to.socket.closed;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([to.errors.map(({ code }) => code), uncaught.codes], [["ECONNRESET"], []]);
});

Deno.test("destroySoon() is no listener either: a reset while it waits is uncaught", async () => {
  using uncaught = new Uncaught();
  await using from = await clientOfNode();
  from.peer.pause();
  from.socket.write(new Uint8Array(32 * MEGABYTE)); // more than the kernel takes
  from.socket.destroySoon();
  await new Promise((resolve) => setTimeout(resolve, 0));
  from.peer.resetAndDestroy();
  assertEquals(["ECONNRESET", "EPIPE"].includes((await uncaught.first()).code ?? ""), true);
});

// ---- targets that are closed, or close ----

/** What the target does, and what reaches it of 1 MiB at most. */
const ENDS: [what: string, end: (to: NodePeered) => unknown][] = [
  ["was destroyed before", (to) => to.socket.destroy()],
  ["was destroyed and has closed", async (to) => {
    to.socket.destroy();
    await once(to.socket, "close");
  }],
  ["has ended", (to) => to.socket.end()],
];

for (const [source, open] of SOURCES) {
  for (const [what, end] of ENDS) {
    Deno.test(`${source} piped into a socket that ${what} is taken off, and loses nothing`, async () => {
      using uncaught = new Uncaught();
      await using from = await open();
      await using to = await clientOfNode();
      const ending = end(to);
      if (ending instanceof Promise) await ending; // and no turn of the loop otherwise
      const unpiped = unpipes(to.socket, from.socket);
      from.socket.pipe(to.socket);
      await unpiped.first;
      from.peer.end(new Uint8Array(MEGABYTE));
      assertEquals(from.socket.isPaused(), true);
      assertEquals(await rest(from.socket), MEGABYTE);
      assertEquals([unpiped.count, uncaught.codes, from.errors], [1, [], []]);
    });

    Deno.test(`${source} with bytes waiting, piped into a socket that ${what}, is taken off and can be read on`, async () => {
      using uncaught = new Uncaught();
      await using from = await open();
      await using to = await clientOfNode();
      from.peer.end("hello");
      while (from.socket.bytesRead < 5) await new Promise((resolve) => setTimeout(resolve, 0));
      const ending = end(to);
      if (ending instanceof Promise) await ending; // and no turn of the loop otherwise
      const unpiped = unpipes(to.socket, from.socket);
      from.socket.pipe(to.socket);
      await unpiped.first;
      assertEquals(from.socket.isPaused(), true);
      from.socket.resume();
      await once(from.socket, "end");
      assertEquals(unpiped.count, 1);
      assertEquals([from.errors, uncaught.codes.filter((code) => code !== "ERR_STREAM_WRITE_AFTER_END")], [[], []]);
    });
  }

  Deno.test(`${source} piped into a socket that is destroyed meanwhile is taken off, and goes on to the next`, async () => {
    using uncaught = new Uncaught();
    await using from = await open();
    await using to = await clientOfNode();
    await using next = await clientOfNode();
    const unpiped = unpipes(to.socket, from.socket);
    to.peer.pause();
    from.socket.pipe(to.socket);
    let sent = 0;
    const feed = () => {
      while (!from.peer.destroyed && from.peer.write(new Uint8Array(65_536))) sent += 65_536;
    };
    from.peer.on("drain", feed);
    feed();
    // What waits may be less than the high-water mark: the last chunk that was read.
    while (to.socket.writableLength === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    to.socket.destroy();
    await unpiped.first;
    assertEquals(from.socket.isPaused(), true);
    from.socket.pipe(next.socket);
    assertEquals(from.socket.isPaused(), false);
    await once(next.peer, "data");
    assertEquals([unpiped.count, from.errors, uncaught.codes], [1, [], []]);
    from.peer.off("drain", feed);
  });

  Deno.test(`${source} piped into a socket whose peer ends is taken off with it`, async () => {
    using uncaught = new Uncaught();
    await using from = await open();
    await using to = await clientOfNode();
    const unpiped = unpipes(to.socket, from.socket);
    from.socket.pipe(to.socket);
    to.socket.resume(); // hears the end
    to.peer.end();
    await unpiped.first;
    from.peer.end("hello");
    assertEquals([await rest(from.socket), uncaught.codes, from.errors], [5, [], []]);
  });

  Deno.test(`${source} piped into a socket that finished long ago: write after end, as in Node`, async () => {
    using uncaught = new Uncaught();
    await using from = await open();
    await using to = await clientOfNode();
    to.socket.end();
    await once(to.socket, "finish");
    const failed = once(to.socket, "error");
    const unpiped = unpipes(to.socket, from.socket);
    from.socket.pipe(to.socket);
    from.peer.write("hello");
    const [error] = await failed;
    await unpiped.first;
    assertEquals([error.code, unpiped.count, uncaught.codes, from.errors], ["ERR_STREAM_WRITE_AFTER_END", 1, [], []]);
  });

  Deno.test(`${source} piped into a writable that was destroyed is taken off, and loses nothing`, async () => {
    await using from = await open();
    const target = new Writable({ write: (_chunk, _encoding, done) => done() });
    target.destroy();
    const unpiped = unpipes(target, from.socket);
    from.socket.pipe(target);
    await unpiped.first;
    from.peer.end("hello");
    assertEquals([from.socket.isPaused(), await rest(from.socket)], [true, 5]);
  });
}

Deno.test("a pipe into the program's own output does not end it", async () => {
  await using from = await clientOfNode();
  const unpiped = unpipes(process.stdout, from.socket);
  from.socket.pipe(process.stdout);
  from.peer.end();
  await unpiped.first;
  assertEquals(process.stdout.writableEnded, false);
});
