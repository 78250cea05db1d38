/** Sockets whose bytes nobody reads, or reads any more: their ends are seen all the same. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import { framed, TcpError, type TCPSocket } from "../../mod.ts";
import { FrameDecoderStream, lines } from "../../src/framing/mod.ts";
import { KINDS, openPair } from "../support/kinds.ts";

const LARGE = new Uint8Array(300_000);

/** What is emitted at the end of a socket. */
function record(socket: TCPSocket): string[] {
  const events: string[] = [];
  for (const event of ["end", "finish", "error"] as const) socket.on(event, () => void events.push(event));
  socket.on("close", (hadError) => events.push(`close ${hadError}`));
  return events;
}

for (const kind of KINDS) {
  Deno.test(`${kind.name}: a server's socket that ended and was never read is over when its peer ends`, async () => {
    for (const order of ["peer first", "server first"]) {
      await using pair = await openPair(kind);
      const { app, inside, client } = pair;
      const events = record(inside);
      client.resume();
      if (order === "server first") inside.end("bye");
      client.end("unread");
      if (order === "peer first") {
        while (inside.bytesRead === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        inside.end("bye");
      }
      const { reason, bytesRead } = await inside.closed;
      assertEquals([reason, bytesRead, app.connections.size], ["local", 6, 0]);
      assertEquals(events, ["finish", "end", "close false"]);
      assertEquals((await client.closed).bytesRead, 3);
    }
  });

  Deno.test(`${kind.name}: close() does not wait for unread bytes of a socket that has ended`, async () => {
    for (const listens of [false, true]) {
      await using pair = await openPair(kind);
      const { app, inside, client } = pair;
      if (listens) inside.on("shutdown", () => {});
      client.resume();
      client.end(LARGE); // more than is read ahead: its FIN cannot be seen
      inside.end("bye");
      await once(inside, "finish");
      const { ended, forced } = await app.close({ drainMs: 60_000 });
      assertEquals([ended, forced], [1, 0]);
    }
  });

  Deno.test(`${kind.name}: neither does a signal, nor await using`, async () => {
    for (const way of ["signal", "await using"]) {
      await using pair = await openPair(kind);
      const { app, inside, client } = pair;
      client.resume();
      client.end(LARGE);
      inside.end("bye");
      await once(inside, "finish");
      if (way === "await using") await app[Symbol.asyncDispose]();
      else {
        const closed = app.closeOnSignals({ signals: ["SIGUSR2"], drainMs: 60_000 });
        Deno.kill(Deno.pid, "SIGUSR2");
        assertEquals((await closed).forced, 0);
      }
      assertEquals((await inside.closed).reason, "local");
    }
  });

  Deno.test(`${kind.name}: close() does not wait for what comes after it and nobody reads`, async () => {
    await using pair = await openPair(kind);
    const { app, client } = pair;
    client.on("end", () => client.end(LARGE)).resume();
    const { ended, forced } = await app.close({ drainMs: 60_000 });
    assertEquals([ended, forced], [1, 0]);
  });

  Deno.test(`${kind.name}: close() does not wait for what comes behind the last message that was wanted`, async () => {
    await using pair = await openPair(kind, {}, (socket) => {
      const peer = framed(socket, lines());
      peer.once("message", (line) => {
        peer.send(line);
        socket.end();
      });
    });
    const { app, inside, client } = pair;
    client.resume();
    client.write("one\ntwo\n");
    await once(inside, "finish");
    client.end(LARGE);
    const { ended, forced } = await app.close({ drainMs: 60_000 });
    assertEquals([ended, forced], [1, 0]);
  });

  Deno.test(`${kind.name}: what a server's socket is asked for in the turn of its end is not thrown away`, async () => {
    await using pair = await openPair(kind);
    const { inside, client } = pair;
    client.resume();
    client.end("late");
    while (inside.bytesRead === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    inside.end("bye");
    assertEquals((await Array.fromAsync(inside, String)).join(""), "late");
  });

  Deno.test(`${kind.name}: a paused server's socket keeps what came, and a client keeps it always`, async () => {
    await using pair = await openPair(kind);
    const { inside, client } = pair;
    inside.pause();
    client.end("question");
    inside.end("answer");
    await Promise.all([once(inside, "finish"), once(client, "finish")]);
    while (inside.bytesRead < 8 || client.bytesRead < 6) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals((await Array.fromAsync(client, String)).join(""), "answer");
    const data = once(inside, "data");
    inside.resume();
    assertEquals(String((await data)[0]), "question");
    assertEquals((await inside.closed).reason, "local");
  });

  // ---- a readable that was left ----

  const ways: Record<string, (socket: TCPSocket) => Promise<unknown>> = {
    "cancelled before it was read": (socket) => socket.readable.cancel(),
    "cancelled after a read": async (socket) => {
      const reader = socket.readable.getReader();
      await reader.read();
      await reader.cancel();
    },
    "cancelled inside a chunk": async (socket) => {
      const reader = socket.readable.getReader({ mode: "byob" });
      await reader.read(new Uint8Array(2));
      await reader.cancel();
    },
    "left by a loop": async (socket) => {
      for await (const _ of socket.readable) break;
    },
    "piped to a sink that fails": (socket) =>
      assertRejects(() =>
        socket.readable.pipeTo(new WritableStream({ write: () => Promise.reject(new Error("full")) }))
      ),
    "decoded by a codec that fails": (socket) =>
      assertRejects(async () => {
        for await (const _ of socket.readable.pipeThrough(new FrameDecoderStream(lines({ maxFrameBytes: 3 }))));
      }),
  };
  for (const [way, leave] of Object.entries(ways)) {
    Deno.test(`${kind.name}: what comes for a readable ${way} is thrown away, and the end is seen`, async () => {
      await using pair = await openPair(kind);
      const { inside, client } = pair;
      client.write("first of many");
      await leave(inside);
      for (let i = 0; i < 3; i++) client.write(LARGE);
      inside.resume(); // as those who want to be rid of the rest do
      client.resume().end();
      const { reason, bytesRead } = await inside.closed;
      assertEquals([reason, bytesRead], ["peer", 13 + 3 * LARGE.length]);
    });

    Deno.test(`${kind.name}: a client whose readable was ${way} sees the server's end`, async () => {
      await using pair = await openPair(kind);
      const { inside, client } = pair;
      inside.write("first of many");
      await leave(client);
      inside.resume();
      inside.end(LARGE);
      const { reason, bytesRead } = await client.closed;
      assertEquals([reason, bytesRead], ["peer", 13 + LARGE.length]);
    });
  }
}

const [plain] = KINDS;

Deno.test("a readable that was cancelled hands the read side on to whoever claims it next", async () => {
  await using pair = await openPair(plain!);
  const { inside, client } = pair;
  const reader = inside.readable.getReader();
  client.write("one");
  assertEquals(String(new TextDecoder().decode((await reader.read()).value)), "one");
  await reader.cancel();
  const chunks: Uint8Array[] = [];
  inside.on("data", (chunk) => chunks.push(chunk));
  client.write("two");
  await once(inside, "data");
  client.end("three");
  await inside.closed;
  assertEquals(chunks.map(String), ["two", "three"]);
});

Deno.test("cancelling a readable does not disturb whoever reads otherwise", async () => {
  await using pair = await openPair(plain!);
  const { inside, client } = pair;
  const text: string[] = [];
  inside.on("data", (chunk) => text.push(String(chunk)));
  await inside.readable.cancel();
  client.end("heard");
  await inside.closed;
  assertEquals(text, ["heard"]);
});

Deno.test("a readable with preventCancel keeps its claim", async () => {
  await using pair = await openPair(plain!);
  const { inside, client } = pair;
  client.write("one");
  for await (const _ of inside.readable.values({ preventCancel: true })) break;
  assertThrows(() => inside.resume(), TcpError, "the readable stream already reads");
});
