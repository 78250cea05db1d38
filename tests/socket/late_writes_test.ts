// Writes around the moment at which both ends have ended their side, where half-open is off.

import { assertEquals } from "@std/assert";
import process from "node:process";
import { createServer, framed, MessageProtocol, type TCPSocket } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { openEnds, SIDES, WIRES } from "../support/wires.ts";
import { readAll } from "../tls/support.ts";

const WORD = "one more";

/** What a socket tells, in order. */
function hear(socket: TCPSocket): string[] {
  const heard: string[] = [];
  for (const event of ["end", "finish"] as const) socket.on(event, () => heard.push(event));
  socket.on("error", (error) => heard.push(`error ${error.code}`));
  socket.on("close", (failed) => heard.push(`close ${failed}`));
  return heard;
}

/** Ways to write behind the peer's end. */
const WAYS: Readonly<Record<string, (socket: TCPSocket) => void>> = {
  "process.nextTick": (socket) => {
    socket.resume().on("end", () => process.nextTick(() => socket.write(WORD)));
  },
  "process.nextTick, by end(data)": (socket) => {
    socket.resume().on("end", () => process.nextTick(() => socket.end(WORD)));
  },
  "process.nextTick, by a writer": (socket) => {
    const writer = socket.writable.getWriter();
    socket.resume().on("end", () => process.nextTick(() => void writer.write(new TextEncoder().encode(WORD))));
  },
  "process.nextTick, out of the data listener of the last chunk": (socket) => {
    socket.on("data", () => process.nextTick(() => process.nextTick(() => socket.write(WORD))));
  },
};

/** Ways that come too late, as in Node: those who want to answer in their own time ask for half-open. */
const TOO_LATE: Readonly<Record<string, (socket: TCPSocket, write: () => void) => void>> = {
  "a tick later": (socket, write) => {
    socket.resume().on("end", () => process.nextTick(() => process.nextTick(write)));
  },
  "a microtask": (socket, write) => {
    socket.resume().on("end", () => queueMicrotask(write));
  },
  "an async listener": (socket, write) => {
    socket.resume().on("end", async () => {
      await null;
      write();
    });
  },
  "behind an iteration": async (socket, write) => {
    for await (const _chunk of socket) { /* none will come */ }
    write();
  },
};

for (const wire of WIRES) {
  for (const side of SIDES) {
    for (const [name, way] of Object.entries(WAYS)) {
      Deno.test(`A write behind the peer's end goes out (${wire}, ${side}): ${name}`, async () => {
        await using ends = await openEnds(wire, side);
        const { socket, peer } = ends;
        const heard = hear(socket);
        way(socket);
        peer.end("hello");
        assertEquals(String(await readAll(peer)), WORD);
        const { reason, bytesWritten } = await socket.closed;
        assertEquals([heard, reason, bytesWritten], [["end", "finish", "close false"], "peer", WORD.length]);
      });
    }

    Deno.test(`A write behind the peer's end goes out (${wire}, ${side}): framed and MessageProtocol`, async () => {
      await using ends = await openEnds(wire, side);
      const { socket, peer } = ends;
      const messages = framed(socket, lines());
      messages.on("message", () => {});
      const protocol = new MessageProtocol(socket, { codec: lines() });
      socket.on("end", () =>
        process.nextTick(() => {
          messages.send("one");
          protocol.send("two");
        }));
      peer.end();
      assertEquals(String(await readAll(peer)), "one\ntwo\n");
    });

    for (const [name, way] of Object.entries(TOO_LATE)) {
      Deno.test(`A write after both ends have ended fails with EPIPE (${wire}, ${side}): ${name}`, async () => {
        await using ends = await openEnds(wire, side);
        const { socket, peer } = ends;
        const heard = hear(socket);
        way(socket, () => {
          const taken = socket.write("late", (error) => heard.push(`late ${error && "code" in error && error.code}`));
          heard.push(`taken ${taken}`);
        });
        peer.resume().end();
        const receipt = await socket.closed;
        assertEquals(heard, ["end", "taken false", "late EPIPE", "error EPIPE", "close true"]);
        assertEquals([receipt.reason, receipt.bytesWritten, receipt.unsentBytes], ["error", 0, 0]);
      });
    }

    Deno.test(`A write after both ends have ended fails with EPIPE (${wire}, ${side}): we ended first`, async () => {
      await using ends = await openEnds(wire, side);
      const { socket, peer } = ends;
      const heard = hear(socket);
      socket.resume().on("end", () => {
        socket.write("late", (error) => heard.push(`late ${error && "code" in error && error.code}`));
      });
      socket.end();
      peer.resume();
      await socket.closed;
      assertEquals(heard, ["finish", "end", "late EPIPE", "error EPIPE", "close true"]);
    });

    Deno.test(`A write after both ends have ended fails with EPIPE (${wire}, ${side}): a writer`, async () => {
      await using ends = await openEnds(wire, side);
      const { socket, peer } = ends;
      const heard = hear(socket);
      const writer = socket.writable.getWriter();
      const { promise: failed, resolve } = Promise.withResolvers<unknown>();
      socket.resume().on("end", () => {
        const write = () => writer.write(new Uint8Array(4)).catch(resolve);
        process.nextTick(() => process.nextTick(() => void write()));
      });
      writer.closed.catch(() => {/* told by the write */});
      peer.resume().end();
      const error = await failed;
      assertEquals(error instanceof Error && "code" in error && error.code, "EPIPE");
      await socket.closed;
      assertEquals(heard, ["end", "error EPIPE", "close true"]);
    });

    Deno.test(`A write after both ends have ended fails with EPIPE (${wire}, ${side}): framed`, async () => {
      await using ends = await openEnds(wire, side);
      const { socket, peer } = ends;
      const heard = hear(socket);
      const messages = framed(socket, lines());
      messages.on("message", () => {});
      socket.on("end", () => process.nextTick(() => process.nextTick(() => heard.push(`${messages.send("late")}`))));
      peer.resume().end();
      await socket.closed;
      assertEquals(heard, ["end", "false", "error EPIPE", "close true"]);
    });
  }
}

Deno.test("A write after both ends have ended fails with EPIPE when the socket is over already", async () => {
  await using ends = await openEnds("TCP", "server");
  const { socket, peer } = ends;
  peer.resume().end();
  for await (const _chunk of socket.readable) { /* none will come */ }
  await socket.closed;
  const { promise, resolve } = Promise.withResolvers<Error | null | undefined>();
  assertEquals(socket.write("late", resolve), false);
  const error = await promise;
  assertEquals(error instanceof Error && "code" in error && error.code, "EPIPE");
  assertEquals(socket.write("late"), false); // as a broadcast to many does: there is nobody to tell
});

Deno.test("A write after both ends have ended reaches onError where nobody else hears of it", async () => {
  const { promise: told, resolve } = Promise.withResolvers<[code: unknown, id: number | undefined]>();
  const app = createServer();
  app.onError((error, socket) => resolve(["code" in error && error.code, socket?.id]));
  let id = 0;
  app.onConnection((socket) => {
    id = socket.id;
    socket.resume().on("end", () => process.nextTick(() => process.nextTick(() => void socket.write("late"))));
  });
  await using _closed = app.listen(0, "127.0.0.1");
  using peer = await Deno.connect({ port: app.address()!.port, hostname: "127.0.0.1" });
  await peer.closeWrite();
  assertEquals(await told, ["EPIPE", id]);
});
