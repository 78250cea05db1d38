// What `framed` does with messages and errors. Changing codec and holding the peer back have their own files.

import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import net from "node:net";
import { framed, FrameError, MessageError, TcpError, TCPSocket } from "../../mod.ts";
import { json, lines } from "../../src/framing/mod.ts";
import { everyCut, frame, utf8 } from "../framing/decode.ts";
import { runModule } from "../support/child.ts";
import { link, type Linked, readBytes } from "./linked.ts";

function each(name: string, fn: (linked: Linked) => void | Promise<void>): void {
  Deno.test(`framed ${name}`, async () => {
    await using linked = await link();
    await fn(linked);
  });
}

/** Lines over the server's socket, and everything they tell. */
function listen({ socket }: Linked) {
  const peer = framed(socket, lines({ maxFrameBytes: 10 }));
  const messages: string[] = [];
  peer.on("message", (line) => messages.push(line));
  return { peer, messages };
}

/** Everything up to the peer's FIN has been dealt with. */
async function finish({ socket, peer }: Linked, ...chunks: (string | Uint8Array)[]): Promise<void> {
  for (const chunk of chunks) await peer.write(typeof chunk === "string" ? utf8(chunk) : chunk);
  await peer.closeWrite();
  await socket.closed;
}

const bad = new Uint8Array([255, 0, 0, 0]); // a length far over the limit

// ---- messages ----

each("emits the messages in order, the last line without an end among them", async (linked) => {
  const { messages } = listen(linked);
  await finish(linked, "a\nb\n", "c", "c\n\nlast");
  assertEquals(messages, ["a", "b", "cc", "", "last"]);
});

Deno.test("framed emits the same messages however the bytes are cut", () => {
  const wire = utf8("1\r\n\në");
  for (const chunks of everyCut(wire)) {
    const messages: string[] = [];
    const socket = new TCPSocket();
    framed(socket, lines()).on("message", (line) => messages.push(line));
    for (const chunk of chunks) socket.emit("data", Buffer.from(chunk));
    socket.emit("end");
    assertEquals(messages, ["1", "", "ë"]);
  }
});

each("sends messages, and frames that were encoded before, in order", async ({ socket, peer }) => {
  const sender = framed(socket, lines());
  assertStrictEquals(sender.socket, socket);
  const encoded = sender.encode("two");
  assertEquals([sender.send("one"), sender.sendEncoded(encoded), sender.send("three")], [true, true, true]);
  assertEquals(await readBytes(peer, 14), utf8("one\ntwo\nthree\n"));
});

each("sends nothing of what its codec cannot say, and gives false on a closed socket", async ({ socket, peer }) => {
  const sender = framed(socket, lines({ maxFrameBytes: 3 }));
  assertThrows(() => sender.send("a\nb"), TypeError);
  assertThrows(() => sender.send("long"), FrameError);
  assertEquals(socket.writableLength, 0);
  sender.send("ok");
  assertEquals(await readBytes(peer, 3), utf8("ok\n"));
  socket.destroy();
  assertEquals([sender.send("bye"), sender.sendEncoded(utf8("bye\n"))], [false, false]);
});

each("delivers no further message of a chunk after destroy() in a listener", async (linked) => {
  const { peer, messages } = listen(linked);
  peer.on("message", (line) => line === "b" && linked.socket.destroy());
  await linked.peer.write(utf8("a\nb\nc\n"));
  assertEquals((await linked.socket.closed).reason, "destroyed");
  assertEquals(messages, ["a", "b"]);
});

each("delivers what is left of a chunk after end() in a listener", async (linked) => {
  const { peer, messages } = listen(linked);
  peer.on("message", (line) => line === "a" && linked.socket.end());
  await finish(linked, "a\nb\nc\n");
  assertEquals(messages, ["a", "b", "c"]);
});

each("delivers data that is emitted from within a listener behind what has come before", ({ socket }) => {
  const messages: string[] = [];
  const peer = framed(socket, lines());
  peer.on("message", (line) => {
    messages.push(`${line}(`);
    if (line === "a") socket.emit("data", Buffer.from("c\nd\n"));
    messages.push(`)${line}`);
  });
  socket.emit("data", Buffer.from("a\nb\n"));
  assertEquals(messages, ["a(", ")a", "b(", ")b", "c(", ")c", "d(", ")d"]);
});

// ---- reading begins with the first listener ----

for (const way of ["on", "once", "addListener", "prependListener", "prependOnceListener"] as const) {
  each(`reads from the first message listener on, added by ${way}`, async ({ socket, peer }) => {
    const receiver = framed(socket, lines());
    await peer.write(utf8("early\n"));
    assertEquals([socket.listenerCount("data"), socket.listenerCount("end")], [0, 0]);
    const message = new Promise((resolve) => receiver[way]("message", resolve));
    assertEquals([socket.listenerCount("data"), socket.listenerCount("end")], [1, 1]);
    assertEquals(await message, "early");
  });
}

each("listens to its socket once, however many listen for messages", ({ socket }) => {
  const receiver = framed(socket, lines());
  for (let i = 0; i < 3; i++) receiver.on("message", () => {});
  assertEquals([socket.listenerCount("data"), socket.listenerCount("end")], [1, 1]);
});

each("leaves the read side to others while it only sends or listens for errors", async ({ socket, peer }) => {
  const sender = framed(socket, lines());
  sender.on("error", () => {});
  sender.send("question");
  await peer.write(utf8("answer"));
  await peer.closeWrite();
  assertEquals(await new Response(socket.readable).text(), "answer");
});

each("refuses a message listener while another face reads, and loses nothing by it", async ({ socket, peer }) => {
  const chunks = socket[Symbol.asyncIterator]();
  const first = chunks.next();
  const receiver = framed(socket, lines(), { head: utf8("head\n") });
  for (let i = 0; i < 2; i++) {
    const error = assertThrows(() => receiver.on("message", () => {}), TcpError);
    assertEquals([error.code, receiver.listenerCount("message")], ["ERR_READ_CLAIMED", 0]);
  }
  assertEquals(receiver.takeRest(), utf8("head\n"));
  await peer.write(utf8("x"));
  assertEquals(String((await first).value), "x");
});

// ---- bad messages and streams ----

each("tells error listeners of each bad message and goes on", async (linked) => {
  const { peer, messages } = listen(linked);
  const errors: Error[] = [];
  peer.on("error", (error) => errors.push(error));
  await finish(linked, "a\nfar too long\nb\nfar too long, too\nc\n");
  assertEquals(messages, ["a", "b", "c"]);
  assertEquals(
    errors.map((error) => error instanceof MessageError && error.code),
    Array(2).fill("ERR_FRAME_TOO_LARGE"),
  );
  assertEquals([linked.errors, (await linked.socket.closed).reason], [[], "peer"]);
});

each("tells app.onError of a bad message that no listener hears, and goes on", async (linked) => {
  const { messages } = listen(linked);
  await finish(linked, "a\nfar too long\nb\n");
  assertEquals(messages, ["a", "b"]);
  assertEquals(linked.errors.map((error) => error instanceof MessageError), [true]);
});

const ENDS: [what: string, chunk: Uint8Array, code: string][] = [
  ["a stream that cannot be understood", bad, "ERR_FRAME_TOO_LARGE"],
  ["a stream that ends inside a frame", frame("12").slice(0, 5), "ERR_FRAME_TRUNCATED"],
];

for (const [what, chunk, code] of ENDS) {
  each(`destroys the socket for ${what}, behind the messages, and tells error listeners once`, async (linked) => {
    const told: unknown[] = [];
    const receiver = framed(linked.socket, json());
    receiver.on("message", (message) => told.push(message));
    receiver.on("error", (error) => told.push(error, linked.socket.destroyed));
    await finish(linked, frame("1"), chunk);
    const { reason, error } = await linked.socket.closed;
    assertInstanceOf(error, FrameError);
    assertEquals([reason, error.code, linked.errors], ["protocol", code, []]);
    assertEquals(told, [1, error, true]);
  });

  each(`destroys the socket for ${what} and tells app.onError once where nobody listens`, async (linked) => {
    framed(linked.socket, json()).on("message", () => {});
    await finish(linked, chunk);
    const { reason, error } = await linked.socket.closed;
    assertEquals([reason, linked.errors], ["protocol", [error]]);
  });

  each(`tells of ${what} after our own end`, async (linked) => {
    framed(linked.socket, json()).on("message", () => {});
    linked.socket.end();
    assertEquals(await linked.peer.read(new Uint8Array(1)), null);
    await finish(linked, chunk);
    const { reason, error } = await linked.socket.closed;
    assertInstanceOf(error, FrameError);
    assertEquals([reason, error.code, linked.errors], ["protocol", code, [error]]);
  });
}

each("destroys the socket with what a codec of one's own throws", async (linked) => {
  const mine = new RangeError("mine");
  const next = () => {
    throw mine;
  };
  const decoder = () => ({ push() {}, next, end() {}, bufferedBytes: 0, takeRest: () => new Uint8Array() });
  framed(linked.socket, { ...lines(), decoder }).on("message", () => {});
  await finish(linked, "x");
  assertStrictEquals((await linked.socket.closed).error, mine);
});

// ---- listeners that fail ----

for (const event of ["message", "error"] as const) {
  for (const how of ["throws", "rejects"] as const) {
    each(`sends what a listener for ${event} ${how} to app.onError and destroys the socket`, async (linked) => {
      const mine = new Error("mine");
      const fail = (): unknown => {
        if (how === "rejects") return Promise.reject(mine);
        throw mine;
      };
      const receiver = framed(linked.socket, lines({ maxFrameBytes: 3 }));
      receiver.on("message", event === "message" ? fail : () => {});
      receiver.on("error", event === "error" ? fail : () => {});
      await linked.peer.write(utf8(event === "message" ? "a\n" : "too long\n"));
      assertStrictEquals((await linked.socket.closed).error, mine);
      assertEquals(linked.errors, [mine]);
    });
  }
}

each("delivers none of a chunk behind the message whose listener throws", async (linked) => {
  const messages: string[] = [];
  framed(linked.socket, lines()).on("message", (line) => {
    messages.push(line);
    if (line === "b") throw new Error("mine");
  });
  await finish(linked, "a\nb\nc\n");
  assertEquals(messages, ["a", "b"]);
});

Deno.test("framed on a client throws uncaught what nobody listens for, and tells who does", async () => {
  const program = (listener: string, end: string) =>
    runModule(`
      import { connect, createServer, framed, lengthPrefixed } from "@verb/tcp";
      addEventListener("error", (event) => { event.preventDefault(); console.log("uncaught", event.error.code); });
      const app = createServer().onConnection((socket) => { socket.end(new Uint8Array([0, 0, 0, 9, 1])); }).listen(0);
      const socket = await connect({ port: app.address()!.port });
      framed(socket, lengthPrefixed()).on("message", () => {})${listener};
      console.log(${end});
      await app.close();
    `);
  const closed = 'await new Promise((resolve) => socket.on("close", () => resolve("closed")))';
  const receipt = "(await socket.closed).reason";
  const heard = await program(
    '.on("error", (error) => console.log("heard", (error as { code?: string }).code))',
    closed,
  );
  assertEquals([heard.stdout, heard.stderr], ["heard ERR_FRAME_TRUNCATED\nclosed\n", ""]);
  const unheard = await program("", closed);
  assertEquals(unheard.stdout.split("\n").sort(), ["", "closed", "uncaught ERR_FRAME_TRUNCATED"]);
  assertEquals((await program("", receipt)).stdout, "protocol\n"); // whoever has the receipt is told by it
});

// ---- options ----

each("refuses wrong arguments and has touched nothing then", ({ socket }) => {
  const make = (...args: unknown[]) => () => Reflect.apply(framed, undefined, args);
  assertThrows(make(socket, undefined), TypeError, '"codec" must be a codec');
  assertThrows(make(socket, { encode() {} }), TypeError, '"codec" must be a codec');
  assertThrows(make(socket, lines(), { heads: utf8("") }), TypeError, 'Option "heads" is unknown');
  assertThrows(make(socket, lines(), { head: "text" }), TypeError, "a Uint8Array");
  assertThrows(make({}, lines()), TypeError);
  assertEquals(socket.eventNames(), []);
});

Deno.test("framed speaks before the connection is there", async () => {
  await using linked = await link();
  linked.app.onConnection((socket) => framed(socket, lines()).on("message", (line) => socket.end(`${line}!\n`)));
  const client = new TCPSocket();
  const server = framed(client, lines());
  const answer = once(server, "message");
  client.connect(linked.app.address()!.port, "127.0.0.1"); // the server listens
  assertEquals([client.connecting, server.send("hello")], [true, true]);
  assertEquals(await answer, ["hello!"]);
  await client.closed;
});

Deno.test("framed keeps what comes after once() for the next listener", async () => {
  await using linked = await link();
  const receiver = framed(linked.socket, lines());
  const first = new Promise((resolve) => receiver.once("message", resolve));
  await linked.peer.write(utf8("a\nb\nc\n"));
  assertEquals(await first, "a");
  assertEquals(receiver.bufferedBytes, 4);
  const rest: string[] = [];
  receiver.on("message", (line) => rest.push(line));
  await linked.peer.closeWrite();
  await linked.socket.closed;
  assertEquals(rest, ["b", "c"]);
});

Deno.test("framed hears new message listeners after removeAllListeners()", async () => {
  await using linked = await link();
  const receiver = framed(linked.socket, lines());
  receiver.on("message", () => {});
  receiver.removeAllListeners();
  assertEquals(receiver.listenerCount("message"), 0);
  const message = new Promise((resolve) => receiver.on("message", resolve));
  await linked.peer.write(utf8("a\n"));
  assertEquals(await message, "a");
});

Deno.test("framed refuses a second codec on a socket that one reads, until that hands over", async () => {
  await using linked = await link();
  const first = framed(linked.socket, lines()).on("message", () => {});
  const second = framed(linked.socket, lines());
  const error = assertThrows(() => second.on("message", () => {}), TcpError, "another codec");
  assertEquals(error.code, "ERR_READ_CLAIMED");
  first.takeRest();
  const message = new Promise((resolve) => second.on("message", resolve));
  await linked.peer.write(utf8("a\n"));
  assertEquals(await message, "a");
});

Deno.test("framed says what it wants where it is given a socket of node:net", () => {
  assertThrows(
    () => Reflect.apply(framed, undefined, [new net.Socket(), lines()]),
    TypeError,
    '"socket" must be a TCPS',
  );
});

Deno.test("removeAllListeners() of a socket takes them all off", () => {
  const socket = new TCPSocket();
  for (const event of ["data", "end", "close"]) socket.on(event, () => {});
  socket.removeAllListeners("end");
  assertEquals(["data", "end", "close"].map((event) => socket.listenerCount(event)), [1, 0, 1]);
  socket.removeAllListeners();
  assertEquals(["data", "end", "close"].map((event) => socket.listenerCount(event)), [0, 0, 0]);
});
