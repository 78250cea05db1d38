/** Answering requests: in order or as they are ready, within a bound, and to the end of a drain. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { answerRequests, createRequester } from "../../tcp.ts";
import { pass } from "../client/pool_support.ts";
import { alone, byId, fate, type Word } from "./asking.ts";

/** Answers after as many milliseconds as it is asked. */
async function later({ id, ask }: Word): Promise<Word> {
  await pass(Number(ask));
  return { ...(id === undefined ? {} : { id }), answer: `after ${ask}` };
}

/** Notes what comes. */
function heardBy(peer: { on(event: "message", listener: (word: Word) => void): unknown }): (string | undefined)[] {
  const heard: (string | undefined)[] = [];
  peer.on("message", ({ answer }) => heard.push(answer));
  return heard;
}

alone("answerRequests() answers in the order of the requests", async ({ network, client, server }) => {
  answerRequests(server, (word) => word.ask === "0" ? { answer: "at once" } : later(word));
  const heard = heardBy(client);
  for (const ask of ["30", "10", "0", "20"]) client.send({ ask });
  await network.advance(20);
  assertEquals(heard, []);
  await network.advance(20);
  assertEquals(heard, ["after 30", "after 10", "at once", "after 20"]);
});

alone("answerRequests() waits for whatever has a then, as await does", async ({ network, client, server }) => {
  answerRequests(server, (word) => {
    const answer = later(word);
    return { then: answer.then.bind(answer) } as Promise<Word>; // a query of a database library, for example
  });
  const heard = heardBy(client);
  for (const ask of ["30", "10"]) client.send({ ask });
  await network.advance(50);
  assertEquals(heard, ["after 30", "after 10"]);
});

alone("answerRequests() with ordered: false answers as it is ready", async ({ network, client, server }) => {
  answerRequests(server, later, { ordered: false });
  const heard = heardBy(client);
  for (const ask of ["30", "10", "20"]) client.send({ ask });
  await network.advance(100);
  assertEquals(heard, ["after 10", "after 20", "after 30"]);
});

alone("answerRequests() sends nothing for undefined", async ({ network, client, server }) => {
  answerRequests(server, ({ ask }): Word | undefined => ask === "quiet" ? undefined : { answer: `to ${ask}` });
  const heard = heardBy(client);
  for (const ask of ["a", "quiet", "b"]) client.send({ ask });
  await network.advance(1);
  assertEquals(heard, ["to a", "to b"]);
});

for (const ordered of [true, false]) {
  alone(
    `answerRequests() lets the peer wait at maxInFlight, ordered ${ordered}`,
    async ({ network, client, server }) => {
      let open = 0, most = 0;
      answerRequests(server, async (word) => {
        most = Math.max(most, ++open);
        const answer = await later(word);
        open--;
        return answer;
      }, { ordered, maxInFlight: 3 });
      const heard = heardBy(client);
      for (let count = 0; count < 20; count++) client.send({ ask: "10" });
      await network.advance(5);
      assertEquals(open, 3);
      server.resume(); // the user's own does not lift it
      await network.advance(3);
      assertEquals(open, 3);
      server.pause();
      await network.advance(100);
      assertEquals(heard.length, 3);
      server.resume();
      await network.advance(200);
      assertEquals([heard.length, most], [20, 3]);
    },
  );
}

alone(
  "a handler that throws or rejects costs its connection, and is told to onError",
  async ({ network, client, server, errors }) => {
    answerRequests(server, ({ ask }) => {
      if (ask === "throw") throw new Error("thrown");
      return later({ ask: ask! });
    });
    const heard = heardBy(client);
    client.send({ ask: "30" });
    client.send({ ask: "throw" });
    await network.advance(100);
    assertEquals([heard, errors.map(({ message }) => message)], [[], ["thrown"]]);
    assertEquals((await server.socket.closed).reason, "error");
  },
);

alone("a handler that rejects costs its connection", async ({ network, client, server, errors }) => {
  answerRequests(server, async () => {
    await pass(10);
    throw new Error("rejected");
  });
  client.send({ ask: "x" });
  await network.advance(20);
  assertEquals(errors.map(({ message }) => message), ["rejected"]);
  assertEquals((await server.socket.closed).reason, "error");
});

alone("a drain waits for the answers under way", async ({ network, app, client, server }) => {
  answerRequests(server, later);
  const requester = createRequester(client, { ordered: true });
  const answers = ["300", "100"].map((ask) => fate(requester.request({ ask })));
  await network.advance(5);
  const closed = app.close({ drainMs: 10_000 });
  await network.advance(400);
  assertEquals(answers, [{ answer: { answer: "after 300" } }, { answer: { answer: "after 100" } }]);
  const { forced, unsentBytes } = await closed;
  assertEquals([forced, unsentBytes], [0, 0]);
});

alone("an answer that is ready when the connection is over is dropped", async ({ network, client, server, errors }) => {
  answerRequests(server, later);
  client.send({ ask: "100" });
  await network.advance(5);
  client.socket.destroy();
  await network.advance(200);
  assert(server.socket.destroyed);
  assertEquals(errors, []);
});

alone("answerRequests() refuses wrong arguments and a second handler", ({ client }) => {
  assertThrows(() => answerRequests(client, 1 as never), TypeError, '"handler" must be a function');
  assertThrows(() => answerRequests(client, later, { order: true } as never), TypeError, '"order" is unknown');
  assertThrows(() => answerRequests(client, later, { maxInFlight: 0 }), RangeError, '"maxInFlight"');
  assertThrows(() => answerRequests({} as never, later), TypeError, '"peer" must be a framed socket');
  answerRequests(client, later);
  assertThrows(() => answerRequests(client, later), TypeError, '"peer" must be one that has no handler');
  createRequester(client, byId); // that is the other direction
  return Promise.resolve();
});
