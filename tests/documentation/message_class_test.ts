/** A message class that a user writes over Buffers, as the documentation does. */

import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { createServer, type TCPSocket } from "@verb/tcp";
import { frame, Peer } from "./peer.ts";

interface Message {
  readonly type: string;
  readonly text?: string;
}

/** JSON behind its length; the bytes that are not a whole message yet wait in one Buffer. */
class Messages {
  readonly socket: TCPSocket;
  readonly invalid: string[] = [];
  #waiting = Buffer.alloc(0);

  constructor(socket: TCPSocket) {
    this.socket = socket;
  }

  send(message: Message): void {
    const body = Buffer.from(JSON.stringify(message));
    const head = Buffer.alloc(4);
    head.writeUInt32BE(body.length, 0);
    this.socket.write(Buffer.concat([head, body]));
  }

  handleData(data: Buffer): void {
    this.#waiting = Buffer.concat([this.#waiting, data]);
    for (;;) {
      if (this.#waiting.length < 4) return;
      const end = 4 + this.#waiting.readUInt32BE(0);
      if (this.#waiting.length < end) return;
      const text = this.#waiting.slice(4, end).toString();
      this.#waiting = this.#waiting.slice(end);
      try {
        this.onMessage(JSON.parse(text));
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        this.invalid.push(text);
      }
    }
  }

  onMessage(_message: Message): void {}
}

/** The same with its answer built in. */
class PingMessages extends Messages {
  override onMessage({ type, text }: Message): void {
    if (type === "ping") this.send({ type: "pong", ...(text === undefined ? {} : { text }) });
  }
}

/** A server that gives every connection to a `PingMessages`. */
function pingServer() {
  const app = createServer();
  const served: PingMessages[] = [];
  app.onConnection((socket) => {
    const messages = new PingMessages(socket);
    served.push(messages);
    socket.on("data", (data) => messages.handleData(data));
  });
  app.listen(0, "127.0.0.1");
  return { app, served, port: app.address()!.port }; // listen() has bound at once
}

Deno.test("a message class over Buffers answers a message", async () => {
  const { app, port } = pingServer();
  await using _closed = app;
  using peer = await Peer.connect(port);
  await peer.writeMessage({ type: "ping", text: "Zoë 🦕" });
  assertEquals(await peer.readMessage(), { type: "pong", text: "Zoë 🦕" });
});

Deno.test("a message class over Buffers puts together what comes byte by byte", async () => {
  const { app, port } = pingServer();
  await using _closed = app;
  using peer = await Peer.connect(port);
  for (const byte of frame({ type: "ping", text: "piece by piece" })) await peer.write(Buffer.from([byte]));
  assertEquals(await peer.readMessage(), { type: "pong", text: "piece by piece" });
});

Deno.test("a message class over Buffers takes apart what comes at once", async () => {
  const { app, port } = pingServer();
  await using _closed = app;
  using peer = await Peer.connect(port);
  const texts = Array.from({ length: 100 }, (_, i) => `number ${i}`);
  await peer.write(Buffer.concat(texts.map((text) => frame({ type: "ping", text }))));
  for (const text of texts) assertEquals(await peer.readMessage(), { type: "pong", text });
});

Deno.test("a message class over Buffers goes on behind a message that is no JSON", async () => {
  const { app, port, served } = pingServer();
  await using _closed = app;
  using peer = await Peer.connect(port);
  await peer.write(Buffer.concat([Buffer.from([0, 0, 0, 4]), Buffer.from("{no}"), frame({ type: "ping" })]));
  assertEquals(await peer.readMessage(), { type: "pong" });
  assertEquals(served.map(({ invalid }) => invalid), [["{no}"]]);
});

Deno.test("a message class over Buffers passes messages to an onMessage that was assigned", async () => {
  await using app = createServer();
  const names = new Map<TCPSocket, Messages>();
  app.onConnection((socket) => {
    const messages = new Messages(socket);
    names.set(socket, messages);
    socket.on("close", () => names.delete(socket));
    socket.on("data", (data) => messages.handleData(data));
    messages.onMessage = (message) => {
      for (const [other, { send }] of names) {
        if (other !== socket) send.call({ socket: other }, message);
      }
    };
    messages.send({ type: "hello" });
  });
  app.listen(0, "127.0.0.1");
  const { port } = app.address()!; // listen() has bound at once
  using first = await Peer.connect(port);
  using second = await Peer.connect(port);
  assertEquals(await first.readMessage(), { type: "hello" });
  assertEquals(await second.readMessage(), { type: "hello" });
  await first.writeMessage({ type: "chat", text: "hi all" });
  assertEquals(await second.readMessage(), { type: "chat", text: "hi all" });
});
