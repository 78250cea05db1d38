/** A drain waits for the async listeners of `framed`, as for those who answer by `onMessage`. */

import { assert, assertEquals } from "@std/assert";
import { EventEmitter, once } from "node:events";
import { framed, type FramedSocket, MessageError } from "../../mod.ts";
import { lines, ndjson } from "../../src/framing/mod.ts";
import { KINDS, openPair } from "../support/kinds.ts";

type Lines = FramedSocket<string, string>;

const [plain] = KINDS;

/** A server whose sockets are set up by `serve`, and a client that has sent these lines. */
async function ask(question: string, serve: (peer: Lines) => void, kind = plain!) {
  const pair = await openPair(kind, {}, (socket) => serve(framed(socket, lines())));
  pair.client.write(question);
  return pair;
}

for (const kind of KINDS) {
  Deno.test(`${kind.name}: a message is answered although its listener is asynchronous`, async () => {
    const { promise: heard, resolve: hear } = Promise.withResolvers<void>();
    const { promise: ready, resolve: answer } = Promise.withResolvers<void>();
    await using pair = await ask("one\ntwo\n", (peer) => {
      peer.on("message", async (line) => {
        if (line === "two") hear();
        await ready;
        peer.send(line.toUpperCase());
      });
    }, kind);
    const { app, client } = pair;
    await heard;
    const closed = app.close({ drainMs: 60_000 });
    answer();
    assertEquals((await Array.fromAsync(client, String)).join(""), "ONE\nTWO\n");
    const { ended, forced } = await closed;
    assertEquals([ended, forced], [1, 0]);
  });
}

Deno.test("a drain waits for every listener, whenever and however it was added", async () => {
  const waits = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const { promise: heard, resolve: hear } = Promise.withResolvers<void>();
  const order: string[] = [];
  await using pair = await ask("first\n", (peer) => {
    const listener = (name: string, wait: number) => async (line: string) => {
      order.push(`${name} ${line}`);
      await waits[wait]?.promise;
      peer.send(`${name} ${line}`);
    };
    const removed = listener("removed", 0);
    peer.on("message", () => {}); // not asynchronous
    peer.on("message", removed);
    peer.once("message", listener("once", 1));
    peer.on("message", (line) => {
      if (line !== "first") return void hear();
      peer.off("message", removed);
      peer.prependListener("message", listener("prepended", 2));
      peer.prependOnceListener("message", listener("prepended once", 3));
      peer.on("message", listener("later", 4));
      client().write("second\n");
    });
  });
  function client() {
    return pair.client;
  }
  await heard;
  const closed = pair.app.close({ drainMs: 60_000 });
  for (const wait of waits) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    wait.resolve();
  }
  const answers = (await Array.fromAsync(pair.client, String)).join("");
  assertEquals(order, ["removed first", "once first", "prepended once second", "prepended second", "later second"]);
  assertEquals(
    answers,
    "removed first\nonce first\nprepended second\nprepended once second\nlater second\n",
  );
  assertEquals((await closed).forced, 0);
});

Deno.test("a drain waits for async error listeners, which may answer a bad message", async () => {
  const { promise: heard, resolve: hear } = Promise.withResolvers<Error>();
  const { promise: ready, resolve: answer } = Promise.withResolvers<void>();
  const monitored: Error[] = [];
  await using pair = await openPair(plain!, {}, (socket) => {
    const peer = framed(socket, ndjson());
    peer.on("message", () => {});
    Reflect.apply(peer.on, peer, [EventEmitter.errorMonitor, (error: Error) => monitored.push(error)]);
    peer.on("error", async (error) => {
      hear(error);
      await ready;
      peer.send({ bad: error.code });
    });
  });
  const { app, client } = pair;
  client.write("{]\n");
  const error = await heard;
  assert(error instanceof MessageError);
  const closed = app.close({ drainMs: 60_000 });
  answer();
  assertEquals((await Array.fromAsync(client, String)).join(""), `${JSON.stringify({ bad: error.code })}\n`);
  assertEquals([(await closed).forced, monitored], [0, [error]]);
});

Deno.test("a message that is read after shutdown does not hold back the end", async () => {
  const { promise: ready, resolve: answer } = Promise.withResolvers<void>();
  const heard: string[] = [];
  const events = new EventTarget();
  await using pair = await ask("one\n", (peer) => {
    peer.on("message", async (line) => {
      heard.push(line);
      events.dispatchEvent(new Event("heard"));
      await (line === "one" ? ready : new Promise(() => {}));
      peer.send(line);
    });
  });
  const { app, client } = pair;
  if (heard.length === 0) await once(events, "heard");
  const closed = app.close({ drainMs: 60_000 });
  const another = once(events, "heard");
  client.write("two\n");
  await another;
  answer();
  assertEquals((await Array.fromAsync(client, String)).join(""), "one\n");
  assertEquals([heard, (await closed).ended], [["one", "two"], 1]);
});

Deno.test("listeners that throw or reject are a handler's failure each, told once, and hold nothing back", async () => {
  const errors: string[] = [];
  const { promise: heard, resolve: hear } = Promise.withResolvers<void>();
  const { promise: ready, resolve: goOn } = Promise.withResolvers<void>();
  let last = 0;
  await using pair = await ask("one\n", (peer) => {
    peer.on("message", async () => {
      await ready;
      throw new Error("rejected");
    });
    peer.on("message", () => {
      // As much of a promise as many libraries give.
      const thenable = {
        then: (_: unknown, reject: (error: Error) => void) => void ready.then(() => reject(new Error("thenable"))),
      };
      return thenable as unknown as void;
    });
    peer.on("message", () => {
      hear();
      throw new Error("thrown");
    });
    peer.on("message", () => last++);
  });
  const { app, inside } = pair;
  app.onError(({ message }) => errors.push(message));
  await heard;
  const closed = app.close({ drainMs: 60_000 });
  goOn();
  await closed;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([errors.sort(), (await inside.closed).error?.message], [["rejected", "thenable", "thrown"], "thrown"]);
  assertEquals(last, 0); // as emit() has it
});

Deno.test("listeners are called as emit() calls them: with the emitter, those of the moment, in order", async () => {
  const calls: unknown[] = [];
  const { promise: heard, resolve: hear } = Promise.withResolvers<void>();
  await using _pair = await ask("one\ntwo\n", (peer) => {
    peer.on("message", function (this: unknown, line) {
      calls.push([line, this === peer]);
      if (line === "one") peer.on("message", (late) => calls.push(`late ${late}`));
      else queueMicrotask(hear);
    });
  });
  await heard;
  assertEquals(calls, [["one", true], ["two", true], "late two"]);
});
