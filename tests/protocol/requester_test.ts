/** Requests: each gets its own answer, in order or by id, and what is none goes elsewhere. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { framed, MessageProtocol } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { answerRequests, createRequester, TcpError } from "../../tcp.ts";
import { alone, byId, fate, type Word } from "./asking.ts";

alone(
  "createRequester() finds answers by their ids, in whatever order they come",
  async ({ network, client, server }) => {
    const asked: Word[] = [];
    server.on("message", (word) => asked.push(word));
    const requester = createRequester(client, byId);
    const fates = [1, 2, 3].map((id) => fate(requester.request({ id, ask: `${id}` })));
    assertEquals([requester.inFlight, requester.waiting], [3, 0]);
    await network.advance(1);
    for (const { id, ask } of asked.reverse()) server.send({ id: id!, answer: `to ${ask}` });
    await network.advance(1);
    assertEquals(fates, [1, 2, 3].map((id) => ({ answer: { id, answer: `to ${id}` } })));
    assertEquals(requester.inFlight, 0);
  },
);

alone("createRequester() with ordered gives each answer to the oldest request", async ({ network, client, server }) => {
  answerRequests(server, ({ ask }) => ({ answer: `to ${ask}` }));
  const requester = createRequester(client, { ordered: true });
  const answers = Promise.all(["a", "b", "c"].map((ask) => requester.request({ ask })));
  await network.advance(1);
  assertEquals(await answers, [{ answer: "to a" }, { answer: "to b" }, { answer: "to c" }]);
});

alone("createRequester() works on a MessageProtocol, and on a server's end", async ({ network, client, server }) => {
  answerRequests(client, ({ id, ask }) => ({ id: id!, answer: `${ask}!` }));
  const requester = createRequester(new MessageProtocol<Word>(server.socket), byId);
  const answer = requester.request({ id: 7, ask: "who" });
  await network.advance(1);
  assertEquals(await answer, { id: 7, answer: "who!" });
});

alone("both ends may ask on one connection", async ({ network, client, server }) => {
  for (const peer of [client, server]) answerRequests(peer, ({ id, ask }) => ({ id: id!, answer: `${ask}!` }));
  const [one, other] = [createRequester(client, byId), createRequester(server, byId)];
  // The same ids in both directions.
  const all = Promise.all([1, 2, 3].flatMap((id) => [
    one.request({ id, ask: "from the client" }),
    other.request({ id, ask: "from the server" }),
  ]));
  await network.advance(5);
  assertEquals(
    (await all).map(({ answer }) => answer),
    [1, 2, 3].flatMap(() => [
      "from the client!",
      "from the server!",
    ]),
  );
});

alone("an id that is open is refused, until it is answered", async ({ network, client, server }) => {
  const requester = createRequester(client, { ...byId, maxInFlight: 1 });
  const first = requester.request({ id: 1, ask: "a" });
  const waits = requester.request({ id: 2, ask: "b" });
  for (const id of [1, 2]) {
    const error = await assertRejects(
      () => requester.request({ id, ask: "again" }),
      TcpError,
      `the id ${id} is still open`,
    );
    assertEquals(error.code, "ERR_REQUEST_DUPLICATE");
  }
  answerRequests(server, ({ id }) => ({ id: id!, answer: "yes" }));
  await network.advance(5);
  await Promise.all([first, waits]);
  const again = requester.request({ id: 1, ask: "again" });
  await network.advance(5);
  assertEquals(await again, { id: 1, answer: "yes" });
});

alone("a request without an id is refused where answers are found by ids", async ({ client }) => {
  const requester = createRequester(client, { ...byId, idOf: ({ id }) => id as number });
  for (const id of [undefined, null, NaN, {}]) {
    const error = await assertRejects(
      () => requester.request({ id: id as number, ask: "a" }),
      TypeError,
      "idOf must give a string, a number or a bigint",
    );
    assertEquals((error as { code?: string }).code, "ERR_INVALID_ARG_TYPE");
  }
  assertEquals([requester.inFlight, requester.waiting], [0, 0]);
});

alone("second, unsolicited and unknown answers reach nobody's request: onOther hears of them", async (ends) => {
  const { network, client, server } = ends;
  const others: Word[] = [];
  const requester = createRequester(client, { ...byId, maxInFlight: 1, onOther: (word) => void others.push(word) });
  const one = fate(requester.request({ id: 1, ask: "a" }));
  const two = fate(requester.request({ id: 2, ask: "b" })); // not sent yet
  const strange: Word[] = [{ id: 2, answer: "too early" }, { id: 9, answer: "who asked?" }, { ask: "news" }];
  for (const word of [...strange, { id: 1, answer: "good" }, { id: 1, answer: "twice" }]) server.send(word);
  await network.advance(1);
  assertEquals(others, [...strange, { id: 1, answer: "twice" }]);
  assertEquals([one, two], [{ answer: { id: 1, answer: "good" } }, {}]);
  server.send({ id: 2, answer: "good, too" });
  await network.advance(1);
  assertEquals(two, { answer: { id: 2, answer: "good, too" } });
});

alone("without onOther answers to nothing are dropped, and other messages go to the peer's listeners", async (ends) => {
  const { network, client, server } = ends;
  const heard: Word[] = [];
  client.on("message", (word) => heard.push(word));
  createRequester(client, byId);
  for (const word of [{ id: 9, answer: "who asked?" }, { ask: "news" }]) server.send(word);
  await network.advance(1);
  assertEquals(heard, [{ ask: "news" }]);
  client.removeAllListeners("message"); // the requester reads on
  const answer = fate(createRequester(server, byId).request({ id: 1, ask: "x" }));
  answerRequests(client, ({ id }) => ({ id: id!, answer: "yes" }));
  await network.advance(1);
  assertEquals(answer, { answer: { id: 1, answer: "yes" } });
});

alone("in order, what comes while nothing is open is no answer", async ({ network, client, server }) => {
  const others: Word[] = [];
  const requester = createRequester(client, { ordered: true, onOther: (word) => void others.push(word) });
  server.send({ answer: "hello" });
  await network.advance(1);
  const answer = fate(requester.request({ ask: "a" }));
  server.send({ answer: "yes" });
  await network.advance(1);
  assertEquals([others, answer], [[{ answer: "hello" }], { answer: { answer: "yes" } }]);
});

// ---- time, abort, bounds ----

alone("a request times out, by its own time or the requester's, and a late answer reaches nobody", async (ends) => {
  const { network, client, server } = ends;
  const others: Word[] = [];
  const requester = createRequester(client, { ...byId, onOther: (word) => void others.push(word) });
  const [slow, quick] = [
    fate(requester.request({ id: 1, ask: "a" })),
    fate(requester.request({ id: 2, ask: "b" }, { timeoutMs: 100 })),
  ];
  const endless = fate(requester.request({ id: 3, ask: "c" }, { timeoutMs: 0 }));
  await network.advance(90);
  assertEquals(quick, {});
  await network.advance(100);
  assertEquals([quick.code, quick.sent, requester.inFlight], ["ERR_REQUEST_TIMEOUT", true, 2]);
  await network.advance(10_000);
  assertEquals([slow.code, slow.sent, endless], ["ERR_REQUEST_TIMEOUT", true, {}]);
  // The id is kept, so that the late answer is known as one.
  assertEquals(fate(requester.request({ id: 1, ask: "again" })), {});
  await assertRejects(() => requester.request({ id: 2, ask: "again" }), TcpError, "the id 2 is still open");
  server.send({ id: 1, answer: "late" });
  server.send({ id: 3, answer: "at last" });
  await network.advance(1);
  assertEquals(others, []);
  assertEquals(endless, { answer: { id: 3, answer: "at last" } });
  const again = fate(requester.request({ id: 1, ask: "again" }));
  server.send({ id: 1, answer: "fresh" });
  await network.advance(1);
  assertEquals(again, { answer: { id: 1, answer: "fresh" } });
});

alone("ids that were given up are kept in a table that does not grow", async ({ network, client }) => {
  const requester = createRequester(client, { ...byId, maxInFlight: 2, timeoutMs: 10 });
  for (let id = 1; id <= 5; id++) {
    const gone = fate(requester.request({ id, ask: "x" }));
    await network.advance(100);
    assertEquals(gone.code, "ERR_REQUEST_TIMEOUT");
  }
  // As many as may be in flight: the last two.
  for (const id of [4, 5]) await assertRejects(() => requester.request({ id, ask: "x" }), TcpError, "still open");
  for (const id of [1, 2]) fate(requester.request({ id, ask: "x" }));
  assertEquals(requester.inFlight, 2);
});

alone("a signal gives up with its own reason, and keeps the place in order", async ({ network, client, server }) => {
  const requester = createRequester(client, { ordered: true });
  await assertRejects(
    () => requester.request({ ask: "x" }, { signal: AbortSignal.abort(new Error("before")) }),
    Error,
    "before",
  );
  const stop = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = stop.signal;
  Object.assign(stop.signal, {
    addEventListener: (...args: [never, never]) => (listeners++, addEventListener.apply(stop.signal, args)),
    removeEventListener: (...args: [never, never]) => (listeners--, removeEventListener.apply(stop.signal, args)),
  });
  const given = fate(requester.request({ ask: "a" }, { signal: stop.signal }));
  const kept = fate(requester.request({ ask: "b" }, { signal: new AbortController().signal }));
  assertEquals(listeners, 1);
  const reason = new Error("enough");
  stop.abort(reason);
  await network.advance(1);
  assertEquals([given.error, kept, requester.inFlight, listeners], [reason, {}, 2, 0]);
  server.send({ answer: "to a" });
  server.send({ answer: "to b" });
  await network.advance(1);
  assertEquals(kept, { answer: { answer: "to b" } });
  const served = requester.request({ ask: "c" }, { signal: stop.signal }).catch((error) => error);
  assertEquals(await served, reason);
});

alone(
  "in order, a place that is unanswered for twice its time ends the connection",
  async ({ network, client, socket }) => {
    const requester = createRequester(client, { ordered: true, timeoutMs: 100 });
    const first = fate(requester.request({ ask: "a" }));
    await network.advance(50);
    const second = fate(requester.request({ ask: "b" }, { timeoutMs: 10_000 }));
    await network.advance(140);
    assertEquals([first.code, second, socket.destroyed], ["ERR_REQUEST_TIMEOUT", {}, false]);
    await network.advance(100);
    assertEquals([second.code, second.sent], ["ERR_REQUEST_UNANSWERED", true]);
    const { error } = await socket.closed;
    assertEquals((error as TcpError).code, "ETIMEDOUT");
  },
);

alone(
  "at most maxInFlight are sent, maxWaiting wait in turn, and more are refused",
  async ({ network, client, server }) => {
    const asked: string[] = [];
    server.on("message", ({ ask }) => asked.push(ask!));
    const requester = createRequester(client, { ordered: true, maxInFlight: 2, maxWaiting: 2, timeoutMs: 1_000 });
    const fates = ["a", "b", "c", "d"].map((ask) => fate(requester.request({ ask })));
    const full = fate(requester.request({ ask: "e" }));
    await network.advance(1);
    assertEquals([full.code, full.sent], ["ERR_REQUEST_FULL", false]);
    assertEquals([asked, requester.inFlight, requester.waiting], [["a", "b"], 2, 2]);
    server.send({ answer: "to a" });
    await network.advance(1);
    assertEquals([fates[0], asked], [{ answer: { answer: "to a" } }, ["a", "b", "c"]]);
    await network.advance(1_100);
    // The one that waited was never sent, and says so.
    assertEquals(fates.slice(1).map(({ code, sent }) => [code, sent]), [
      ["ERR_REQUEST_TIMEOUT", true],
      ["ERR_REQUEST_TIMEOUT", true],
      ["ERR_REQUEST_TIMEOUT", false],
    ]);
    assertEquals(requester.waiting, 0);
  },
);

alone(
  "requests wait while the write queue is over its mark, and none is lost",
  async ({ network, client, server, socket }) => {
    server.on("message", ({ id }) => server.send({ id: id!, answer: "yes" }));
    const requester = createRequester(client, byId);
    const ask = "x".repeat(20_000);
    const fates = Array.from({ length: 50 }, (_, id) => fate(requester.request({ id, ask })));
    assertEquals(requester.inFlight, 4);
    assertEquals(requester.waiting, 46);
    assertEquals(socket.writableLength < 2 * socket.writableHighWaterMark, true);
    for (let step = 0; step < 100; step++) await network.advance(1);
    assertEquals(fates.map(({ answer }) => answer), fates.map((_, id) => ({ id, answer: "yes" })));
  },
);

for (const options of [byId, { ordered: true as const }]) {
  const kind = "ordered" in options ? "in order" : "by id";
  alone(`100,000 requests over time, ${kind}, leave nothing behind`, async ({ network, client, server }) => {
    answerRequests(server, ({ id }) => ({ id: id!, answer: "yes" }));
    const requester = createRequester(client, options);
    const wrong: unknown[] = [];
    let answered = 0;
    for (let id = 0; id < 100_000;) {
      for (let count = 0; count < 500; count++) {
        const asked = id++;
        void requester.request({ id: asked, ask: "" }).then((answer) => {
          answered++;
          if (answer.id !== asked) wrong.push([asked, answer]);
        });
      }
      await network.advance(1);
    }
    for (let step = 0; answered < 100_000 && step < 1_000; step++) await network.advance(1);
    assertEquals([answered, wrong, requester.inFlight, requester.waiting], [100_000, [], 0, 0]);
  });
}

// ---- garbage ----

alone(
  "in order, a message that cannot be understood is the answer to the oldest request, and rejects it",
  async (ends) => {
    const { network, socket, server } = ends;
    const requester = createRequester(framed(socket, lines({ maxFrameBytes: 10 })), {
      ordered: true,
    });
    const fates = ["a", "b", "c"].map((line) => fate(requester.request(line)));
    server.socket.write(`first\n${"x".repeat(100)}\nthird\n`);
    await network.advance(1);
    assertEquals([fates[0], fates[1]?.code, fates[2]], [{ answer: "first" }, "ERR_FRAME_TOO_LARGE", {
      answer: "third",
    }]);
  },
);

alone(
  "garbage on a protocol with ids reaches onError, and the requests wait on",
  async ({ network, client, server, socket }) => {
    const errors: (string | undefined)[] = [];
    client.on("error", ({ code }) => errors.push(code));
    const requester = createRequester(client, byId);
    const answer = fate(requester.request({ id: 1, ask: "a" }));
    const frame = (text: string) => Uint8Array.of(0, 0, 0, text.length, ...new TextEncoder().encode(text));
    server.socket.write(frame("{no json"));
    server.socket.write(frame("null")); // answerTo cannot read it
    server.send({ id: 1, answer: "yes" });
    await network.advance(1);
    assertEquals([errors, answer, socket.destroyed], [
      ["ERR_MESSAGE_INVALID", "ERR_MESSAGE_INVALID"],
      { answer: { id: 1, answer: "yes" } },
      false,
    ]);
  },
);

alone(
  "a request that cannot be sent rejects with what is wrong, and takes no place",
  async ({ network, client, server }) => {
    const requester = createRequester(client, { ordered: true });
    const circle: Record<string, unknown> = {};
    circle.circle = circle;
    await assertRejects(() => requester.request(circle as Word), TypeError);
    const answer = fate(requester.request({ ask: "a" }));
    server.send({ answer: "yes" });
    await network.advance(1);
    assertEquals([answer, requester.inFlight], [{ answer: { answer: "yes" } }, 0]);
  },
);

alone("createRequester() refuses wrong options and a second requester", ({ client }) => {
  const make = (options: unknown) => () => createRequester(client, options as never);
  assertThrows(make(undefined), TypeError, '"options" must be an object');
  assertThrows(make({}), TypeError, '"idOf" and "answerTo" are needed');
  assertThrows(make({ ordered: true, ...byId }), TypeError, '"ordered" excludes');
  assertThrows(make({ ...byId, idOf: 1 }), TypeError, '"idOf" must be a function');
  assertThrows(make({ ordered: true, timeoutMs: -1 }), RangeError, '"timeoutMs"');
  assertThrows(make({ ordered: true, maxInFlight: 0 }), RangeError, '"maxInFlight"');
  assertThrows(make({ ordered: true, maxWaiting: -1 }), RangeError, '"maxWaiting"');
  assertThrows(make({ ordered: true, onOther: 1 }), TypeError, '"onOther" must be a function');
  assertThrows(make({ ordered: true, pipeline: 1 }), TypeError, '"pipeline" is unknown');
  assertThrows(() => createRequester({} as never, { ordered: true }), TypeError, '"peer" must be a framed socket');
  createRequester(client, { ordered: true });
  assertThrows(make({ ordered: true }), TypeError, '"peer" must be one that has no requester yet');
  return Promise.resolve();
});

alone("request() refuses wrong options", async ({ client }) => {
  const requester = createRequester(client, { ordered: true });
  await assertRejects(() => requester.request({}, { timeoutMs: -1 }), RangeError, '"timeoutMs"');
  await assertRejects(() => requester.request({}, { signal: 1 as never }), TypeError, '"signal"');
  await assertRejects(() => requester.request({}, { retries: 1 } as never), TypeError, '"retries" is unknown');
  assertEquals(requester.inFlight, 0);
});
