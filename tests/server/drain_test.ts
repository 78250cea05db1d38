import { assert, assertEquals, assertGreaterOrEqual, assertStrictEquals, assertThrows } from "@std/assert";
import { once } from "node:events";
import { createServer, MessageProtocol, type ServerOptions, type TCPSocket } from "../../mod.ts";
import { FrameDecoderStream, frames, lines } from "../../src/framing/mod.ts";
import { Peer } from "../documentation/peer.ts";

/** A server, and a peer connected to it. */
async function open(onConnection: (socket: TCPSocket) => void, options: ServerOptions = {}) {
  const app = createServer("tcp", options).onConnection(onConnection).listen(0, "127.0.0.1");
  const { port } = app.address()!; // listening
  const accepted = once(app, "connection");
  const peer = await Peer.connect(port);
  const socket: TCPSocket = (await accepted)[0];
  return { app, port, peer, socket };
}

Deno.test("close() reports who ended and how long it took", async () => {
  const { app, peer } = await open((socket) => socket.end("bye"));
  assertEquals(String(await peer.readToEnd()), "bye");
  const closed = app.close({ drainMs: 60_000 });
  peer.close();
  const { tookMs, ...report } = await closed;
  assertEquals(report, { ended: 1, forced: 0, unsentBytes: 0 });
  assertGreaterOrEqual(tookMs, 0);
});

Deno.test("close() reports who was cut off, and the bytes that were lost with them", async () => {
  const { app, peer, socket } = await open((socket) => socket.write(new Uint8Array(32_000_000)));
  const { tookMs, ...report } = await app.close({ drainMs: 20 });
  const { reason, unsentBytes } = await socket.closed;
  assertEquals([report, reason], [{ ended: 0, forced: 1, unsentBytes }, "shutdown"]);
  assert(unsentBytes > 0 && tookMs >= 19, `${unsentBytes} bytes, ${tookMs} ms`);
  peer.close();
});

Deno.test("close() of a server without connections reports nothing, at once", async () => {
  const { ended, forced, unsentBytes } = await createServer().close({ settleMs: 60_000 });
  assertEquals([ended, forced, unsentBytes], [0, 0, 0]);
});

Deno.test("ready tells whether new connections are wanted", async () => {
  const app = createServer().onConnection(() => {});
  assertEquals(app.ready, false);
  app.listen(0, "127.0.0.1");
  assertEquals(app.ready, true);
  const closed = app.close();
  assertEquals(app.ready, false);
  await closed;
  app.listen(0, "127.0.0.1");
  assertEquals(app.ready, true);
  await app.close();
});

Deno.test("close({ settleMs }) still accepts, not ready any more, and then drains", async () => {
  const { app, port, peer } = await open((socket) => socket.on("data", (data) => socket.write(data)));
  const startedAt = performance.now();
  const closed = app.close({ settleMs: 300 });
  assertEquals([app.ready, app.listening], [false, true]);
  const late = await Peer.connect(port);
  for (const one of [peer, late]) {
    await one.write("ok");
    assertEquals(await one.readText("ok"), "ok");
  }
  assertEquals((await peer.readToEnd()).length, 0);
  assert(performance.now() - startedAt >= 295, "it must not end anybody before settleMs is over");
  assertEquals(app.listening, false);
  peer.close();
  late.close();
  const { ended, forced, tookMs } = await closed;
  assertEquals([ended, forced], [2, 0]);
  assertGreaterOrEqual(tookMs, 295);
});

Deno.test("close() again gives the same promise, also while it settles and from a shutdown listener", async () => {
  const again: unknown[] = [];
  const { app, peer } = await open((socket) =>
    socket.on("shutdown", () => {
      again.push(app.close());
      socket.end();
    })
  );
  const first = app.close({ settleMs: 1 });
  again.push(app.close({ settleMs: 60_000 }));
  await peer.readToEnd();
  peer.close();
  await first;
  again.push(app.close());
  assertEquals(again.length, 3);
  for (const promise of again) assertStrictEquals(promise, first);
});

Deno.test("destroy() cuts settling and draining short, and the report tells", async () => {
  for (const settleMs of [60_000, 0]) {
    const { app, peer, socket } = await open((socket) => socket.on("shutdown", () => {}));
    const closed = app.close({ settleMs, drainMs: 60_000 });
    app.destroy();
    assertEquals([app.listening, socket.destroyed], [false, true]);
    const { ended, forced } = await closed;
    assertEquals([ended, forced], [0, 1]);
    peer.close();
  }
});

Deno.test("destroy() without a close() before it reports, too", async () => {
  const { app, peer } = await open(() => {});
  app.destroy();
  assertEquals((await app.close()).forced, 1);
  peer.close();
});

Deno.test("close() refuses a settleMs that is none", () => {
  assertThrows(() => createServer().close({ settleMs: -1 }), RangeError, '"settleMs"');
  assertThrows(
    () => Reflect.apply(createServer().close, createServer(), [{ settle: 1 }]),
    TypeError,
    'Option "settle" is unknown; "options" takes settleMs, drainMs',
  );
});

// ---- accepted requests ----

interface Numbered {
  number: number;
}

Deno.test("an accepted message is answered although its handler is asynchronous", async () => {
  const handled = Promise.withResolvers<void>();
  const { promise: accepted, resolve: accept } = Promise.withResolvers<void>();
  const { app, peer } = await open((socket) => {
    const protocol = new MessageProtocol<Numbered>(socket).attach();
    protocol.onMessage = async ({ number }) => {
      accept();
      await handled.promise;
      protocol.send({ number });
    };
  });
  await peer.writeMessage({ number: 7 });
  await accepted;
  const closed = app.close({ drainMs: 60_000 });
  handled.resolve();
  assertEquals(await peer.readMessage(), { number: 7 });
  assertEquals((await peer.readToEnd()).length, 0);
  peer.close();
  assertEquals((await closed).ended, 1);
});

Deno.test("a message that is read after shutdown does not hold back the end", async () => {
  const first = Promise.withResolvers<void>();
  const never = Promise.withResolvers<void>();
  let accept: () => void = () => {};
  const { app, peer } = await open((socket) => {
    const protocol = new MessageProtocol<Numbered>(socket).attach();
    protocol.onMessage = async ({ number }) => {
      accept();
      await (number === 1 ? first.promise : never.promise);
      protocol.send({ number });
    };
  });
  const accepted = new Promise<void>((resolve) => accept = resolve);
  await peer.writeMessage({ number: 1 });
  await accepted;
  const closed = app.close({ drainMs: 60_000 });
  const another = new Promise<void>((resolve) => accept = resolve);
  await peer.writeMessage({ number: 2 });
  await another;
  first.resolve();
  assertEquals(await peer.readMessage(), { number: 1 });
  assertEquals((await peer.readToEnd()).length, 0);
  peer.close();
  assertEquals((await closed).ended, 1);
});

Deno.test("a handler that rejects while the server drains holds nothing back", async () => {
  const handled = Promise.withResolvers<void>();
  const { promise: accepted, resolve: accept } = Promise.withResolvers<void>();
  const { app, peer, socket } = await open((socket) => {
    const protocol = new MessageProtocol(socket).attach();
    protocol.onMessage = async () => {
      accept();
      await handled.promise;
      throw new Error("no answer");
    };
  });
  const errors: string[] = [];
  app.onError(({ message }) => errors.push(message));
  await peer.writeMessage({});
  await accepted;
  const closed = app.close({ drainMs: 60_000 });
  handled.resolve();
  await closed;
  assertEquals([errors, (await socket.closed).reason], [["no answer"], "error"]);
  peer.close();
});

for (const face of ["iteration", "readable"] as const) {
  Deno.test(`chunks that were read are answered by a loop (${face}) that takes its time`, async () => {
    const working = Promise.withResolvers<void>();
    const { promise: taken, resolve: take } = Promise.withResolvers<void>();
    const { app, peer, socket } = await open(async (socket) => {
      for await (const chunk of face === "iteration" ? socket : socket.readable) {
        take();
        await working.promise;
        socket.write(chunk);
      }
    });
    await peer.write("one");
    await taken;
    await peer.write("two"); // held, because the loop is busy
    while (socket.bytesRead < 6) await new Promise((resolve) => setTimeout(resolve, 1));
    const closed = app.close({ drainMs: 60_000 });
    working.resolve();
    assertEquals(String(await peer.readToEnd()), "onetwo");
    peer.close();
    assertEquals((await closed).ended, 1);
  });

  Deno.test(`a loop (${face}) that waits for more holds nothing back`, async () => {
    const { app, peer } = await open(async (socket) => {
      for await (const chunk of face === "iteration" ? socket : socket.readable) socket.write(chunk);
    });
    await peer.write("one");
    assertEquals(await peer.readText("one"), "one");
    const closed = app.close({ drainMs: 60_000 });
    assertEquals((await peer.readToEnd()).length, 0);
    peer.close();
    assertEquals((await closed).ended, 1);
  });

  Deno.test(`a loop (${face}) that never comes back is cut off after drainMs`, async () => {
    const never = Promise.withResolvers<void>();
    const { promise: taken, resolve: take } = Promise.withResolvers<void>();
    const { app, peer } = await open(async (socket) => {
      for await (const _ of face === "iteration" ? socket : socket.readable) {
        take();
        await never.promise;
      }
    });
    await peer.write("one");
    await taken;
    assertEquals((await app.close({ drainMs: 20 })).forced, 1);
    peer.close();
  });
}

const LOOPS: Record<string, (socket: TCPSocket) => AsyncIterable<string>> = {
  "frames()": (socket) => frames(socket, lines()),
  "frames() of readable": (socket) => frames(socket.readable, lines()),
  "FrameDecoderStream": (socket) => socket.readable.pipeThrough(new FrameDecoderStream(lines())),
};

for (const [face, messagesOf] of Object.entries(LOOPS)) {
  Deno.test(`messages are answered by a loop over ${face} that takes its time`, async () => {
    const working = Promise.withResolvers<void>();
    const { promise: taken, resolve: take } = Promise.withResolvers<void>();
    const { app, peer } = await open(async (socket) => {
      for await (const message of messagesOf(socket)) {
        take();
        await working.promise;
        socket.write(`${message}!`);
      }
    });
    await peer.write("one\n");
    await taken;
    const closed = app.close({ drainMs: 60_000 });
    await new Promise((resolve) => setTimeout(resolve)); // a drain that does not wait has ended the socket by then
    working.resolve();
    assertEquals(String(await peer.readToEnd()), "one!");
    peer.close();
    assertEquals((await closed).ended, 1);
  });
}

// ---- signals ----

Deno.test("closeOnSignals() hears nothing any more once the server has closed, and says how it went", async () => {
  const { app, peer } = await open((socket) => socket.end());
  const closed = app.closeOnSignals({ drainMs: 5_000 });
  assertThrows(() => void app.closeOnSignals(), TypeError, "already");
  peer.close();
  const report = await app.close();
  assertStrictEquals(await closed, report);
  // Another run: the signals are free again.
  app.listen(0, "127.0.0.1");
  const again = app.closeOnSignals();
  app.destroy();
  assertEquals((await again).ended, 0);
});

for (
  const [options, message] of [
    [{ signals: "SIGTERM" }, '"signals" must be an array of signals; it is "SIGTERM"'],
    [{ signals: ["SIGINT", "SIGNOTHING"] }, 'it is ["SIGINT", "SIGNOTHING"]'],
    [{ signals: ["SIGKILL"] }, '"SIGKILL"'],
    [{ drain: 5 }, 'Option "drain" is unknown; "options" takes settleMs, drainMs, signals'],
    [{ drainMs: "5" }, '"drainMs"'],
  ] as const
) {
  Deno.test(`closeOnSignals(${JSON.stringify(options)}) throws and hears nothing`, async () => {
    const app = createServer();
    assertThrows(() => Reflect.apply(app.closeOnSignals, app, [options]), TypeError, message);
    const closed = app.closeOnSignals(); // so it may be called again
    await app.close();
    await closed;
  });
}

Deno.test("closeOnSignals() of a server that has closed already gives its report and hears nothing", async () => {
  const app = createServer().listen(0, "127.0.0.1");
  const report = await app.close();
  assertEquals(await app.closeOnSignals(), report);
});
