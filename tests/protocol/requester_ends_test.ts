/** Requests whose connection ends: every one is told, and told rightly whether the peer may have seen it. */

import { assert, assertEquals } from "@std/assert";
import { createServer, framed, TCPSocket } from "../../mod.ts";
import { json, lines } from "../../src/framing/mod.ts";
import { Random } from "../../src/testing/random.ts";
import { answerRequests, type CloseReceipt, connect, createRequester, type RequestError } from "../../tcp.ts";
import { freePort, Uncaught } from "../client/support.ts";
import { alone, byId, type Ends, fate, type Word } from "./asking.ts";

const ENDS: Record<string, [end: (ends: Ends) => void, reason: string]> = {
  "the peer ends": [({ server }) => server.socket.end(), "peer"],
  "the peer resets": [({ network, server }) => network.link(server.socket).reset(), "reset"],
  "the peer breaks the protocol": [({ server }) => server.socket.write(new Uint8Array(8).fill(255)), "protocol"],
  "we destroy it": [({ socket }) => socket.destroy(), "destroyed"],
  "we destroy it with an error": [({ socket }) => socket.destroy(new Error("ours")), "error"],
  "we end it": [({ socket }) => socket.end(), "local"],
};

for (const [name, [end, reason]] of Object.entries(ENDS)) {
  for (const options of [byId, { ordered: true as const }]) {
    const kind = "ordered" in options ? "in order" : "by id";
    alone(`every open request rejects with the receipt when ${name}, ${kind}`, async (ends) => {
      const { network, client, server, socket } = ends;
      server.on("message", () => {}); // it reads
      const requester = createRequester(client, { ...options, maxInFlight: 2 });
      const fates = [1, 2, 3].map((id) => fate(requester.request({ id, ask: "x" })));
      await network.advance(1);
      end(ends);
      await network.advance(1);
      const receipt = await socket.closed;
      assertEquals(receipt.reason, reason);
      assertEquals(fates.map(({ code, sent }) => [code, sent]), [
        ["ERR_REQUEST_UNANSWERED", true],
        ["ERR_REQUEST_UNANSWERED", true],
        ["ERR_REQUEST_UNANSWERED", false], // it waited
      ]);
      assertEquals((fates[0]?.error as RequestError).cause as CloseReceipt, receipt);
      assertEquals([requester.inFlight, requester.waiting], [0, 0]);
      const late = fate(requester.request({ id: 1, ask: "late" }));
      await network.advance(0);
      assertEquals([late.code, late.sent], ["ERR_REQUEST_UNANSWERED", false]);
    });
  }
}

alone(
  "a request after our own end is refused, and does not harm those under way",
  async ({ network, client, server, socket }) => {
    const requester = createRequester(client, byId);
    const first = fate(requester.request({ id: 1, ask: "x" }));
    socket.end();
    const second = fate(requester.request({ id: 2, ask: "y" }));
    server.send({ id: 1, answer: "yes" });
    await network.advance(1);
    assertEquals([first, second.code, second.sent], [
      { answer: { id: 1, answer: "yes" } },
      "ERR_REQUEST_UNANSWERED",
      false,
    ]);
  },
);

alone("sent is false for what was queued and never given to the kernel", async ({ network, client, socket }) => {
  const requester = createRequester(client, byId);
  socket.cork();
  const corked = fate(requester.request({ id: 1, ask: "x" }));
  socket.destroy();
  await network.advance(1);
  assertEquals([corked.code, corked.sent], ["ERR_REQUEST_UNANSWERED", false]);
});

alone("sent is true for what a write under way may have taken, and false for what is behind it", async (ends) => {
  const { network, client, socket } = ends;
  network.link(socket).blackHole();
  const requester = createRequester(client, { ...byId, timeoutMs: 50 });
  // More than the network holds: the write that carries it never ends.
  const half = fate(requester.request({ id: 1, ask: "x".repeat(60_000) }));
  await network.advance(1);
  const pending = fate(requester.request({ id: 2, ask: "y".repeat(60_000) }));
  await network.advance(1);
  const behind = fate(requester.request({ id: 3, ask: "z" }));
  await network.advance(100);
  assertEquals([half, pending, behind].map(({ code, sent }) => [code, sent]), [
    ["ERR_REQUEST_TIMEOUT", true],
    ["ERR_REQUEST_TIMEOUT", true],
    ["ERR_REQUEST_TIMEOUT", false],
  ]);
});

Deno.test("sent is true for every request that a real server has seen a byte of, whenever it dies", async () => {
  using uncaught = new Uncaught();
  const random = new Random(4);
  let unsent = 0;
  for (let round = 0; round < 30; round++) {
    const seen: string[] = [];
    const app = createServer();
    app.onError(() => {});
    const dies = random.below(400);
    app.onConnection((socket: TCPSocket) => {
      socket.on("data", (data) => {
        seen.push(String(data));
        if (seen.join("").length > dies * 1_000) socket.destroy();
        else if (random.below(3) === 0) socket.pause();
      });
    });
    app.listen(0, "127.0.0.1");
    const socket = await connect({ port: app.address()!.port, host: "127.0.0.1" });
    const requester = createRequester(framed(socket, lines()), { ordered: true, maxInFlight: 64 });
    const fates = Array.from({ length: 200 }, (_, id) => fate(requester.request(`<${id}>${"x".repeat(5_000)}`)));
    const end = setTimeout(() => (round % 2 === 0 ? socket : app).destroy(), random.below(20));
    await socket.closed;
    clearTimeout(end); // the server may have been first
    app.destroy();
    const text = seen.join("");
    for (const [id, { code, sent }] of fates.entries()) {
      assertEquals(code, "ERR_REQUEST_UNANSWERED");
      if (text.includes(`<${id}>`)) assert(sent, `request ${id} of round ${round} was seen`);
      if (sent === false) unsent++;
    }
  }
  assert(unsent > 0);
  assertEquals(uncaught.seen, []);
});

alone("a client with a requester has no uncaught error when its peer resets it, asking or not", async (ends) => {
  const { network, client, server } = ends;
  createRequester(client, byId);
  network.link(server.socket).reset();
  await network.advance(1); // what was uncaught fails the test
});

alone(
  "a requester goes on with a socket that connects again, and no error of that is uncaught either",
  async (ends) => {
    const { network, app } = ends;
    const served: TCPSocket[] = [];
    app.onConnection((socket) => {
      served.push(socket);
      answerRequests(framed(socket, lines()), (line) => line.toUpperCase());
    });
    const socket = new TCPSocket();
    const requester = createRequester(framed(socket, lines()), { ordered: true });
    for (const line of ["first", "second"]) {
      socket.connect({ port: app.address()!.port, network });
      const answer = fate(requester.request(line));
      await network.advance(5);
      assertEquals(answer, { answer: line.toUpperCase() });
      network.link(served.at(-1)!).reset();
      await network.advance(5);
      assertEquals(socket.destroyed, true);
    }
  },
);

Deno.test("requests of a socket that never gets connected are told, and that no byte of them was sent", async () => {
  using uncaught = new Uncaught();
  for (const options of [byId, { ordered: true as const }]) {
    const socket = new TCPSocket();
    const requester = createRequester(framed(socket, json<Word>()), { ...options, maxInFlight: 1 });
    socket.connect({ port: freePort(), host: "127.0.0.1" });
    const fates = [1, 2].map((id) => fate(requester.request({ id, ask: "x" })));
    await socket.closed;
    assertEquals(fates.map(({ code, sent }) => [code, sent]), [1, 2].map(() => ["ERR_REQUEST_UNANSWERED", false]));
    assertEquals([requester.inFlight, requester.waiting], [0, 0]);
  }
  assertEquals(uncaught.seen, []);
});

for (const options of [byId, { ordered: true as const }]) {
  const kind = "ordered" in options ? "in order" : "by id";
  alone(`a peer that floods with answers to nothing costs no memory and no request, ${kind}`, async (ends) => {
    const { network, client, server, socket } = ends;
    const requester = createRequester(client, options);
    for (let round = 0; round < 100; round++) {
      for (let id = 0; id < 50; id++) server.send({ id: -1 - id, answer: "nobody asked" });
      await network.advance(1);
    }
    assertEquals([requester.inFlight, requester.waiting, client.bufferedBytes, socket.destroyed], [0, 0, 0, false]);
    const good = fate(requester.request({ id: 1, ask: "x" }));
    await network.advance(1);
    server.send({ id: 1, answer: "yes" });
    await network.advance(1);
    assertEquals(good, { answer: { id: 1, answer: "yes" } });
  });
}
