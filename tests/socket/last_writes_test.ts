// What was written before a socket is destroyed: offered to the kernel once, and told as it was.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { ConnectionPool, createServer, framed, MessageProtocol, TCPSocket } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { resolveSocketSettings } from "../../src/socket/settings.ts";
import { adoptTransport } from "../../src/socket/tcp_socket.ts";
import { createNetwork } from "../../src/testing/mod.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { FakeTime } from "../base/fake_time.ts";
import { connectOn, openEnds, serverOn, SIDES, WIRES } from "../support/wires.ts";
import { connectTo, readAll, server } from "../tls/support.ts";
import { RecordingTransport } from "./recording_transport.ts";

const WORD = "farewell";

/** What a socket tells from now on, in order. */
function hear(socket: TCPSocket): string[] {
  const heard: string[] = [];
  for (const event of ["end", "finish", "drain"] as const) socket.on(event, () => heard.push(event));
  socket.on("error", (error) => heard.push(`error ${error.code ?? error.message}`));
  socket.on("close", (failed) => heard.push(`close ${failed}`));
  return heard;
}

/** A callback that says how it was called. */
function tellIn(heard: string[], name: string): (error?: Error | null) => void {
  return (error) => {
    heard.push(error ? `${name} ${"code" in error ? error.code : error.message}` : name);
  };
}

/** So that the session tickets of TLS are read: over unread bytes the kernel resets, and what is under way may be lost. */
async function greet(peer: TCPSocket, socket: TCPSocket): Promise<void> {
  peer.write("hi");
  await once(socket, "data");
}

/** Ways to leave right after a write, and what the socket tells of it; those of real Node. */
const WAYS: Readonly<Record<string, { leave(socket: TCPSocket, heard: string[]): void; told: string[] }>> = {
  "write() and destroy()": {
    leave(socket, heard) {
      socket.write(WORD, tellIn(heard, "written"));
      socket.destroy();
    },
    told: ["written", "close false"],
  },
  "two writes and destroy()": {
    leave(socket, heard) {
      socket.write(WORD.slice(0, 4), tellIn(heard, "first"));
      socket.write(WORD.slice(4), tellIn(heard, "second"));
      socket.destroy();
    },
    told: ["first", "second", "close false"],
  },
  "write() and destroy(error)": {
    leave(socket, heard) {
      socket.write(WORD, tellIn(heard, "written"));
      socket.destroy(new Error("enough"));
    },
    told: ["written", "error enough", "close true"],
  },
  "end(data) and destroy()": {
    leave(socket, heard) {
      socket.end(WORD, tellIn(heard, "ended"));
      socket.destroy();
    },
    told: ["ended ERR_STREAM_DESTROYED", "close false"],
  },
  "end(data) and destroy(error)": {
    leave(socket, heard) {
      socket.end(WORD, tellIn(heard, "ended"));
      socket.destroy(new Error("enough"));
    },
    told: ["ended enough", "error enough", "close true"],
  },
  "write(), end() and a late write()": {
    leave(socket, heard) {
      socket.write(WORD, tellIn(heard, "written"));
      socket.end(tellIn(heard, "ended"));
      assertEquals(socket.write("late", tellIn(heard, "late")), false);
    },
    told: [
      "written",
      "ended ERR_STREAM_WRITE_AFTER_END",
      "late ERR_STREAM_WRITE_AFTER_END",
      "error ERR_STREAM_WRITE_AFTER_END",
      "close true",
    ],
  },
  "write(), end() and a late write() without a callback": {
    leave(socket) {
      socket.write(WORD);
      socket.end();
      socket.write("late");
    },
    told: ["error ERR_STREAM_WRITE_AFTER_END", "close true"],
  },
  "a corked write(), end() and destroy()": {
    leave(socket, heard) {
      socket.cork();
      socket.write(WORD, tellIn(heard, "written"));
      socket.end();
      socket.destroy();
    },
    told: ["written", "close false"],
  },
  "write() and resetAndDestroy()": {
    leave(socket, heard) {
      socket.write(WORD, tellIn(heard, "written"));
      socket.resetAndDestroy();
    },
    told: ["written", "close false"],
  },
  "write() of a large view and destroy()": {
    leave(socket, heard) {
      const bytes = new Uint8Array(200_000).fill(32);
      bytes.set(new TextEncoder().encode(WORD));
      socket.write(bytes, tellIn(heard, "written"));
      socket.destroy();
    },
    told: ["written", "close false"],
  },
  "a write that is in flight and destroy()": {
    leave(socket, heard) {
      socket.write(WORD, tellIn(heard, "written"));
      queueMicrotask(() => socket.destroy());
    },
    told: ["written", "close false"],
  },
  "a write that is in flight, another one and destroy(error)": {
    leave(socket, heard) {
      socket.write(WORD.slice(0, 4), tellIn(heard, "first"));
      queueMicrotask(() => {
        socket.write(WORD.slice(4), tellIn(heard, "second"));
        socket.destroy(new Error("enough"));
      });
    },
    told: ["first", "second", "error enough", "close true"],
  },
  "await using": {
    async leave(socket, heard) {
      await using leaving = socket;
      leaving.write(WORD, tellIn(heard, "written"));
    },
    told: ["written", "close false"],
  },
};

for (const wire of WIRES) {
  for (const side of SIDES) {
    for (const [name, { leave, told }] of Object.entries(WAYS)) {
      Deno.test(`What was written arrives (${wire}, ${side}): ${name}`, async () => {
        await using ends = await openEnds(wire, side);
        const { socket, peer } = ends;
        if (side === "client") await greet(peer, socket);
        const reading = readAll(peer);
        const heard = hear(socket);
        leave(socket, heard);
        const { bytesWritten, unsentBytes } = await socket.closed;
        const text = String(await reading);
        assertEquals(text.trimEnd(), WORD);
        assertEquals([bytesWritten, unsentBytes], [text.length, 0]);
        assertEquals(socket.bytesWritten, text.length);
        assertEquals(heard, told);
        if (side === "server") assertEquals(ends.app.metrics().bytesWritten, text.length);
      });
    }

    Deno.test(`What was written arrives (${wire}, ${side}): the writable stream and destroy()`, async () => {
      await using ends = await openEnds(wire, side);
      const writer = ends.socket.writable.getWriter();
      const reading = readAll(ends.peer);
      await writer.ready;
      const writing = writer.write(new TextEncoder().encode(WORD));
      ends.socket.destroy();
      await writing;
      assertEquals(String(await reading), WORD);
      await writer.closed.then(() => assert(false, "It was not closed in order"), () => {});
    });

    Deno.test(`What was written arrives (${wire}, ${side}): the writable stream and its abort()`, async () => {
      await using ends = await openEnds(wire, side);
      const writer = ends.socket.writable.getWriter();
      ends.socket.on("error", () => {});
      const reading = readAll(ends.peer);
      await writer.ready;
      const writing = writer.write(new TextEncoder().encode(WORD));
      writer.closed.catch(() => {});
      await Promise.all([writing, writer.abort(new Error("enough"))]);
      assertEquals(String(await reading), WORD);
    });

    Deno.test(`What was written arrives (${wire}, ${side}): an iteration that is left`, async () => {
      await using ends = await openEnds(wire, side);
      const reading = readAll(ends.peer);
      ends.peer.write("go");
      for await (const _chunk of ends.socket) {
        ends.socket.write(WORD);
        break;
      }
      assertEquals(String(await reading), WORD);
    });

    Deno.test(`What was written arrives (${wire}, ${side}): framed, send() and destroy()`, async () => {
      await using ends = await openEnds(wire, side);
      const reading = readAll(ends.peer);
      const messages = framed(ends.socket, lines());
      messages.send(WORD);
      ends.socket.destroy();
      assertEquals(String(await reading), `${WORD}\n`);
    });

    Deno.test(`What was written arrives (${wire}, ${side}): MessageProtocol, send() and destroy(error)`, async () => {
      await using ends = await openEnds(wire, side);
      ends.socket.on("error", () => {});
      const reading = readAll(ends.peer);
      const protocol = new MessageProtocol(ends.socket).attach();
      protocol.send({ word: WORD });
      ends.socket.destroy(new Error("enough"));
      assertEquals(String((await reading).subarray(4)), JSON.stringify({ word: WORD }));
    });
  }

  /** What a client of that handler gets, and what the server counts. */
  const served = async (
    handler: (socket: TCPSocket) => void,
    ask: string,
  ): Promise<{ text: string; bytesWritten: number }> => {
    await using app = serverOn(wire).onConnection(handler).onError(() => {}).listen(0, "127.0.0.1");
    const closed: Promise<unknown>[] = [];
    app.onConnection((socket) => closed.push(socket.closed));
    const client = await connectOn(wire, app);
    if (ask !== "") client.write(ask);
    const text = String(await readAll(client));
    await Promise.all(closed);
    return { text, bytesWritten: app.metrics().bytesWritten };
  };

  Deno.test(`What was written arrives (${wire}): a handler that writes and throws`, async () => {
    const handler = (socket: TCPSocket) => {
      socket.write(WORD);
      throw new Error("My fault");
    };
    assertEquals(await served(handler, ""), { text: WORD, bytesWritten: WORD.length });
  });

  Deno.test(`What was written arrives (${wire}): a data listener that writes and throws`, async () => {
    const handler = (socket: TCPSocket) => {
      socket.on("data", () => {
        socket.write(WORD);
        throw new Error("My fault");
      });
    };
    assertEquals(await served(handler, "ask"), { text: WORD, bytesWritten: WORD.length });
  });

  Deno.test(`What was written arrives (${wire}): an async data listener that writes and rejects`, async () => {
    const handler = (socket: TCPSocket) => {
      socket.on("data", async () => {
        await Promise.resolve();
        socket.write(WORD);
        throw new Error("My fault");
      });
    };
    assertEquals(await served(handler, "ask"), { text: WORD, bytesWritten: WORD.length });
  });

  Deno.test(`What was written arrives (${wire}): a ConnectionPool that is full`, async () => {
    const pool = new ConnectionPool(0);
    const handler = (socket: TCPSocket) => {
      socket.write(WORD);
      assertEquals(pool.addConnection(socket), false);
    };
    assertEquals(await served(handler, ""), { text: WORD, bytesWritten: WORD.length });
  });

  Deno.test(`What was written arrives (${wire}): app.destroy()`, async () => {
    const handler = (socket: TCPSocket) => {
      socket.on("data", () => {
        socket.write(WORD);
        app.destroy();
      });
    };
    const app = serverOn(wire).onConnection(handler).listen(0, "127.0.0.1");
    const client = await connectOn(wire, app);
    client.write("ask");
    assertEquals(String(await readAll(client)), WORD);
    const { forced, unsentBytes } = await app.close();
    assertEquals([forced, unsentBytes, app.metrics().bytesWritten], [1, 0, WORD.length]);
  });

  Deno.test(`What the kernel has no room for is told (${wire})`, async () => {
    await using ends = await openEnds(wire, "server");
    const { socket, peer } = ends;
    const heard = hear(socket);
    const bytes = new Uint8Array(32 * 1_048_576);
    socket.write(bytes, tellIn(heard, "much"));
    // Over the bound of the queue: nobody waits for the peer of such a socket.
    assertEquals(socket.write(WORD, tellIn(heard, "behind")), false);
    const { bytesWritten, unsentBytes, reason } = await socket.closed;
    assertEquals([bytesWritten + unsentBytes, reason], [bytes.length, "overflow"]);
    assertEquals(heard, ["much EOVERFLOW", "behind EOVERFLOW", "error EOVERFLOW", "close true"]);
    assertEquals(ends.app.metrics().bytesWritten, bytesWritten);
    const arrived = (await readAll(peer)).length;
    // Of a write that is not whole a part of its records may have arrived.
    if (wire === "TCP") assertEquals(arrived, bytesWritten);
    else assert(arrived >= bytesWritten && arrived < bytesWritten + 65_536);
  });
}

Deno.test("What the kernel has room for arrives when a socket with much more of it is destroyed", async () => {
  await using ends = await openEnds("TCP", "server");
  const { socket, peer } = ends;
  const heard = hear(socket);
  const bytes = new Uint8Array(32 * 1_048_576);
  socket.write(bytes, tellIn(heard, "much"));
  socket.destroy();
  const { bytesWritten, unsentBytes } = await socket.closed;
  assert(bytesWritten > 0);
  assertEquals(bytesWritten + unsentBytes, bytes.length);
  assertEquals(heard, ["much ERR_STREAM_DESTROYED", "close false"]);
  assertEquals((await readAll(peer)).length, bytesWritten);
});

Deno.test("What was written arrives at every one of many sockets that are destroyed in one turn", async () => {
  const sockets: TCPSocket[] = [];
  const { promise: full, resolve } = Promise.withResolvers<void>();
  const app = createServer().onConnection((socket) => {
    if (sockets.push(socket) === 300) resolve();
  });
  app.listen(0, "127.0.0.1");
  const clients = await Promise.all(Array.from({ length: 300 }, () => connectTo(app, { tls: false })));
  await full;
  const texts = Promise.all(clients.map(async (client) => String(await readAll(client))));
  for (const socket of sockets) {
    socket.write(WORD);
    socket.destroy();
  }
  assertEquals(new Set(await texts), new Set([WORD]));
  await app.close();
});

for (const wire of WIRES) {
  const ways: Record<string, (socket: TCPSocket) => void> = {
    "write() and destroy()": (socket) => {
      socket.write(WORD);
      socket.destroy();
    },
    "end(data) and destroy()": (socket) => socket.end(WORD).destroy(),
    "await using": async (socket) => {
      await using leaving = socket;
      leaving.write(WORD);
    },
  };
  for (const [name, leave] of Object.entries(ways)) {
    Deno.test(`What was written arrives (${wire}): ${name} where the connection begins`, async () => {
      await using app = serverOn(wire).onConnection(leave).listen(0, "127.0.0.1");
      const closed = once(app, "connection").then(([socket]: TCPSocket[]) => socket!.closed);
      assertEquals(String(await readAll(await connectOn(wire, app))), WORD);
      const { bytesWritten, unsentBytes } = await closed;
      assertEquals([bytesWritten, unsentBytes, app.metrics().open], [WORD.length, 0, 0]);
    });
  }
}

Deno.test("What is corked, or waits for the connection, is not offered, and told as unsent", async () => {
  await using ends = await openEnds("TCP", "client");
  const { app, socket, peer } = ends;
  socket.cork();
  socket.write(WORD);
  socket.destroy();
  const early = new TCPSocket().connect(app.address()!.port, "127.0.0.1");
  early.write(WORD);
  early.destroy();
  for (const one of [socket, early]) {
    const { bytesWritten, unsentBytes } = await one.closed;
    assertEquals([bytesWritten, unsentBytes, one.bytesWritten], [0, WORD.length, WORD.length]);
  }
  assertEquals((await readAll(peer)).length, 0);
});

Deno.test("What was written for behind the handshake does not leave in the clear when the socket is destroyed", async () => {
  await using ends = await openEnds("TCP", "server");
  const { socket, peer } = ends;
  const reading = readAll(peer);
  socket.on("error", () => {});
  socket.write("220 go on");
  const { cert, key } = server;
  const upgrading = socket.upgradeTls({ cert, key });
  socket.write("secret");
  socket.destroy();
  await assertRejects(() => upgrading);
  assertEquals(String(await reading), "220 go on");
  const { bytesWritten, unsentBytes } = await socket.closed;
  assertEquals([bytesWritten, unsentBytes], [9, 6]);
});

Deno.test("A socket that is destroyed is destroyed at once, and in the server's set until its last write is answered", async () => {
  await using ends = await openEnds("TCP", "server");
  const { app, socket } = ends;
  const { id } = socket;
  let closed = false;
  socket.on("close", () => closed = true);
  socket.write(WORD);
  socket.destroy();
  assertEquals([socket.destroyed, socket.readyState, socket.write("late"), closed], [true, "closed", false, false]);
  assertEquals(app.connections.get(id), socket);
  await socket.closed;
  assertEquals([closed, app.connections.get(id)], [true, undefined]);
  const { open, accepted, closed: reasons } = app.metrics();
  assertEquals([open, accepted, reasons.destroyed], [0, 1, 1]);
});

for (
  const [what, reason, destroy] of [
    ["by the user", "destroyed", (socket: TCPSocket) => socket.destroy()],
    ["because of its queue", "overflow", (socket: TCPSocket) => socket.write(WORD)],
  ] as const
) {
  Deno.test({
    name: `A peer that takes nothing does not keep a socket that is destroyed ${what}`,
    permissions: "none",
    async fn() {
      await using network = createNetwork();
      const { promise, resolve } = Promise.withResolvers<TCPSocket>();
      const port = network.listen(
        createServer("tcp", { limits: { maxWriteQueueBytes: 100_000 } }).onConnection(resolve),
      );
      const client = await network.connect(port);
      client.pause();
      const socket = await promise;
      socket.on("error", () => {});
      socket.write(new Uint8Array(200_000));
      await network.advance(10); // as much of it as goes is on its way
      destroy(socket);
      const receipt = await socket.closed; // time stands still
      assertEquals(receipt.reason, reason);
      assertEquals(receipt.bytesWritten + receipt.unsentBytes, 200_000);
      assert(receipt.bytesWritten > 0 && receipt.unsentBytes > 0);
      client.destroy();
    },
  });
}

/** A connection whose writes are never answered, nor is it known whether there is room. */
class Silent extends RecordingTransport {
  closed = false;
  override get full(): boolean {
    return false;
  }
  override write(): Promise<number> {
    return new Promise((_, reject) => this.#reject = reject);
  }
  override close(): void {
    this.closed = true;
    this.#reject?.(new Deno.errors.Interrupted("operation canceled"));
    super.close();
  }
  #reject: ((error: Error) => void) | undefined;
}

for (
  const [what, waits, destroy] of [
    ["a moment for its last write", true, (socket: TCPSocket) => socket.destroy()],
    ["not for its last write where the queue was too long", false, (socket: TCPSocket) => socket.write(WORD)],
  ] as const
) {
  Deno.test({
    name: `A socket that is destroyed waits ${what}`,
    permissions: "none",
    async fn() {
      using time = new FakeTime();
      const transport = new Silent(memoryPair()[0]);
      const host = { connectionClosed() {}, connectionFailed() {}, handlerFailed() {} };
      const settings = resolveSocketSettings(undefined, { maxWriteQueueBytes: 5 }, undefined);
      const socket = adoptTransport(transport, settings, host);
      socket.on("error", () => {});
      const { promise: failed, resolve } = Promise.withResolvers<Error | null | undefined>();
      socket.write(WORD, resolve);
      destroy(socket);
      assertEquals([socket.destroyed, transport.closed], [true, !waits]);
      if (waits) {
        time.tick(99);
        assertEquals(transport.closed, false);
        time.tick(1);
      }
      assert(await failed instanceof Error);
      const { bytesWritten, unsentBytes } = await socket.closed;
      assertEquals([bytesWritten, unsentBytes], [0, WORD.length]);
    },
  });
}
