// What MessageProtocol does with bytes that come. Sending has its own file.

import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { FrameError, lengthPrefixed, MessageError, MessageProtocol } from "../../mod.ts";
import { concat, cutAt, everyCut, frame } from "../framing/decode.ts";
import { link, type Linked, readBytes } from "./linked.ts";

function each(name: string, fn: (linked: Linked) => void | Promise<void>): void {
  Deno.test(`MessageProtocol ${name}`, async () => {
    await using linked = await link();
    await fn(linked);
  });
}

/** A protocol that is fed by hand, and everything it tells. */
function feed(linked: Linked, options?: { maxFrameBytes?: number }) {
  const protocol = new MessageProtocol(linked.socket, options);
  const messages: unknown[] = [];
  const errors: Error[] = [];
  protocol.onMessage = (message) => messages.push(message);
  protocol.onError = (error) => errors.push(error);
  return { protocol, messages, errors };
}

each("only holds its socket when it is made", ({ socket }) => {
  const before = socket.eventNames().length;
  for (let i = 0; i < 100; i++) assertStrictEquals(new MessageProtocol(socket).socket, socket);
  assertEquals([socket.eventNames().length, socket.listenerCount("data")], [before, 0]);
});

each("gives the messages however the bytes are cut", (linked) => {
  const wire = concat(frame('{"nickname":"Zoë 🦕"}'), frame("1"), frame("null"));
  for (let first = 0; first <= wire.length; first++) {
    for (let second = first; second <= wire.length; second += 5) {
      const { protocol, messages } = feed(linked);
      for (const chunk of cutAt(wire, first, second)) protocol.handleData(chunk);
      assertEquals(messages, [{ nickname: "Zoë 🦕" }, 1, null]);
    }
  }
});

each("gives the messages byte by byte and in every short cut", (linked) => {
  for (const chunks of everyCut(concat(frame("1"), frame("22")))) {
    const { protocol, messages } = feed(linked);
    for (const chunk of chunks) protocol.handleData(chunk);
    assertEquals(messages, [1, 22]);
  }
});

each("ignores a byte order mark in front of the first message of a connection, and of no other", (linked) => {
  const { protocol, messages, errors } = feed(linked);
  protocol.handleData(concat(frame('\ufeff{"a":"ë"}'), frame("1"), frame("\ufeff2"), frame("3")));
  assertEquals(messages, [{ a: "ë" }, 1, 3]);
  assertEquals(errors.map((error) => Reflect.get(error, "code")), ["ERR_MESSAGE_INVALID"]);
});

each("calls onMessage as a method, so that a subclass can override it", ({ socket }) => {
  class Chat extends MessageProtocol {
    readonly said: unknown[] = [];
    override onMessage(message: unknown): void {
      this.said.push(message);
    }
  }
  const chat = new Chat(socket);
  chat.handleData(frame('"hi"'));
  assertEquals(chat.said, ["hi"]);
});

each("does nothing with messages and errors that nobody asked for", ({ socket }) => {
  const protocol = new MessageProtocol(socket);
  protocol.handleData(concat(frame("1"), frame("{"), frame("2")));
  assertEquals([protocol.bufferedBytes, socket.destroyed], [0, false]);
});

each("counts the bytes of a message that is not whole", ({ socket }) => {
  const protocol = new MessageProtocol(socket);
  assertEquals(protocol.bufferedBytes, 0);
  protocol.handleData(frame("12345").slice(0, 6));
  assertEquals(protocol.bufferedBytes, 6);
  protocol.handleData(frame("12345").slice(6));
  assertEquals(protocol.bufferedBytes, 0);
});

// ---- bad messages ----

each("reports a message that is no JSON and goes on behind it", (linked) => {
  const { protocol, messages, errors } = feed(linked);
  protocol.handleData(concat(frame("1"), frame("{"), frame("2"), frame(""), frame("3")));
  assertEquals(messages, [1, 2, 3]);
  assertEquals(errors.map((error) => error instanceof MessageError && error.code), [
    "ERR_MESSAGE_INVALID",
    "ERR_MESSAGE_INVALID",
  ]);
  assertEquals(linked.socket.destroyed, false);
});

each("destroys the socket with the FrameError of a message over the limit", async (linked) => {
  const { protocol, messages, errors } = feed(linked, { maxFrameBytes: 10 });
  protocol.handleData(concat(frame("1"), frame("2", 11)));
  assertEquals([messages, linked.socket.destroyed], [[1], true]);
  const receipt = await linked.socket.closed;
  assertInstanceOf(receipt.error, FrameError);
  assertEquals([receipt.reason, receipt.error.code], ["protocol", "ERR_FRAME_TOO_LARGE"]);
  assertStrictEquals(errors[0], receipt.error);
  assertEquals(errors.length, 1);
});

each("takes a message of exactly the limit", (linked) => {
  const { protocol, messages } = feed(linked, { maxFrameBytes: 10 });
  protocol.handleData(frame('"12345678"'));
  assertEquals(messages, ["12345678"]);
});

each("says nothing more after it was cut off, whatever comes", (linked) => {
  const { protocol, messages, errors } = feed(linked, { maxFrameBytes: 10 });
  protocol.handleData(frame("1", 11));
  for (let i = 0; i < 3; i++) protocol.handleData(frame("2"));
  assertEquals([messages, errors.length], [[], 1]);
});

// ---- what onMessage may do ----

each("delivers no further message of a chunk after destroy() in onMessage", (linked) => {
  const { protocol, messages } = feed(linked);
  protocol.onMessage = (message) => {
    messages.push(message);
    if (message === 2) linked.socket.destroy();
  };
  protocol.handleData(concat(frame("1"), frame("2"), frame("3")));
  protocol.handleData(frame("4"));
  assertEquals(messages, [1, 2]);
});

each("lets through what onMessage throws, with that message consumed", (linked) => {
  const { protocol, messages } = feed(linked);
  const mine = new Error("mine");
  protocol.onMessage = (message) => {
    if (message === 2) throw mine;
    messages.push(message);
  };
  const thrown = assertThrows(() => protocol.handleData(concat(frame("1"), frame("2"), frame("3"))));
  assertStrictEquals(thrown, mine);
  protocol.handleData(frame("4"));
  assertEquals(messages, [1, 3, 4]);
});

each("lets through what onError throws, with that message consumed", (linked) => {
  const { protocol, messages } = feed(linked);
  protocol.onError = () => {
    throw new Error("mine");
  };
  assertThrows(() => protocol.handleData(concat(frame("{"), frame("1"))), Error, "mine");
  protocol.handleData(frame("2"));
  assertEquals(messages, [1, 2]);
});

each("only appends when handleData is called from within onMessage, and keeps the order", (linked) => {
  const { protocol, messages } = feed(linked);
  let depth = 0;
  protocol.onMessage = (message) => {
    assertEquals(++depth, 1, "onMessage must not be called from within itself");
    messages.push(message);
    if (message === 1) {
      protocol.handleData(concat(frame("4"), frame("5")));
      protocol.handleData(frame("6"));
      assertEquals(messages, [1]);
    }
    depth--;
  };
  protocol.handleData(concat(frame("1"), frame("2"), frame("3")));
  assertEquals(messages, [1, 2, 3, 4, 5, 6]);
});

each("keeps the order when a nested handleData brings a part of a message", (linked) => {
  const wire = concat(frame("10"), frame('"ë"'), frame("30"));
  for (let cut = 0; cut <= wire.length; cut++) {
    const { protocol, messages } = feed(linked);
    let fed = false;
    protocol.onMessage = (message) => {
      messages.push(message);
      if (fed) return;
      fed = true;
      protocol.handleData(wire.slice(0, cut));
      protocol.handleData(wire.slice(cut));
    };
    protocol.handleData(concat(frame("1"), frame("2")));
    assertEquals(messages, [1, 2, 10, "ë", 30]);
  }
});

each("takes a nested handleData from within onError, too", (linked) => {
  const { protocol, messages } = feed(linked);
  protocol.onError = () => protocol.handleData(frame("3"));
  protocol.handleData(concat(frame("1"), frame("{"), frame("2")));
  assertEquals(messages, [1, 2, 3]);
});

each("lets onMessage be assigned anew while messages come", (linked) => {
  const { protocol, messages } = feed(linked);
  protocol.onMessage = () => protocol.onMessage = (message) => messages.push(message);
  protocol.handleData(concat(frame("1"), frame("2")));
  assertEquals(messages, [2]);
});

// ---- attach ----

each("receives by attach() what the peer sends", async ({ socket, peer }) => {
  const received = new Promise((resolve) => {
    const protocol = new MessageProtocol(socket).attach();
    protocol.onMessage = resolve;
  });
  await peer.write(frame('{"type":"ping"}'));
  assertEquals(await received, { type: "ping" });
});

each("attaches once, and gives itself", ({ socket }) => {
  const protocol = new MessageProtocol(socket);
  assertStrictEquals(protocol.attach(), protocol);
  protocol.attach();
  assertEquals(socket.listenerCount("data"), 1);
});

each("cuts off a peer that announces too much, before its body comes", async ({ socket, peer, errors }) => {
  new MessageProtocol(socket, { maxFrameBytes: 100 }).attach();
  await peer.write(new Uint8Array([0, 0, 1, 0]));
  assertEquals(await peer.read(new Uint8Array(1)), null);
  assertEquals((await socket.closed).reason, "protocol");
  // Nobody listens for `error` on the socket, so the server is told.
  assertEquals(errors.map((error) => error instanceof FrameError && error.code), ["ERR_FRAME_TOO_LARGE"]);
});

each("lets a throwing onMessage reach the server's onError and destroy the socket", async (linked) => {
  const { socket, peer, errors } = linked;
  const mine = new Error("mine");
  const seen: unknown[] = [];
  const protocol = new MessageProtocol(socket).attach();
  protocol.onMessage = (message) => {
    seen.push(message);
    throw mine;
  };
  await peer.write(concat(frame("1"), frame("2")));
  await socket.closed;
  assertEquals([seen, errors], [[1], [mine]]);
});

each("reads again what another protocol left", ({ socket }) => {
  const first = new MessageProtocol(socket, { codec: lengthPrefixed() });
  const bodies: string[] = [];
  first.onMessage = (body) => bodies.push(new TextDecoder().decode(body));
  first.handleData(concat(frame("not JSON at all"), frame("")));
  assertEquals(bodies, ["not JSON at all", ""]);
});

each("says so when it is given text instead of bytes", ({ socket }) => {
  const protocol = new MessageProtocol(socket);
  for (const data of ["text", [1, 2], undefined]) {
    assertThrows(() => Reflect.apply(protocol.handleData, protocol, [data]), TypeError, "Uint8Array");
  }
  assertEquals(socket.destroyed, false);
});

// ---- options ----

const BAD: [options: unknown, message: string][] = [
  [{ maxFrameBytes: "1" }, 'Option "maxFrameBytes" must be an integer from 0 to 9007199254740991; it is "1"'],
  [{ maxFrameBytes: -1 }, 'Option "maxFrameBytes" must be an integer from 0 to 9007199254740991; it is -1'],
  [{ maxFrame: 1 }, 'Option "maxFrame" is unknown; "options" takes codec, maxFrameBytes, messagesPerSecond, burst'],
  [
    { codec: lengthPrefixed(), maxFrameBytes: 5 },
    'Option "maxFrameBytes" belongs to the default codec; give it to your "codec" instead',
  ],
];

for (const [options, message] of BAD) {
  each(`refuses options: ${message}`, ({ socket }) => {
    const error = assertThrows(() => Reflect.construct(MessageProtocol, [socket, options]), Error);
    assertEquals(error.message, message);
  });
}

each("answers over the same socket it receives from", async ({ socket, peer }) => {
  const protocol = new MessageProtocol<{ n: number }>(socket).attach();
  protocol.onMessage = ({ n }) => void protocol.send({ n: n + 1 });
  await peer.write(concat(frame('{"n":1}'), frame('{"n":5}')));
  assertEquals(await readBytes(peer, 22), concat(frame('{"n":2}'), frame('{"n":6}')));
});
