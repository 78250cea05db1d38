// @ts-check
/** Connections that come to their end in order. */

/** @type {readonly ("server" | "client")[]} */
const BOTH = ["server", "client"];
// More than the kernel takes for a peer that does not read, less than our own bound of a write queue.
const LARGE = new Uint8Array(15 * 1024 * 1024);

/** @type {readonly import("../port.mjs").Scenario[]} */
export const ending = [
  {
    name: "the peer ends first",
    roles: BOTH,
    async play(stage) {
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "the peer sends data and ends",
    roles: BOTH,
    async play(stage) {
      stage.peer.end("hello");
      await stage.over();
    },
  },
  {
    name: "we end first",
    roles: BOTH,
    async play(stage) {
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "we end first and the peer goes on for a while",
    roles: BOTH,
    settings: { peerAnswersEnd: false },
    async play(stage) {
      stage.socket.end("bye");
      await stage.noted("finish");
      stage.flags();
      stage.peer.write("more");
      await stage.got(4);
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "both end at once",
    roles: BOTH,
    async play(stage) {
      stage.socket.end();
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "the peer ends first and our side stays open",
    roles: BOTH,
    settings: { allowHalfOpen: true },
    async play(stage) {
      stage.peer.end();
      await stage.noted("end");
      stage.flags();
      stage.write("late", "late");
      await stage.peerGot(4);
      await stage.noted("callback late");
      stage.socket.end(stage.callback("end"));
      await stage.over();
    },
  },
  {
    name: "we end first with half-open allowed",
    roles: BOTH,
    settings: { allowHalfOpen: true },
    async play(stage) {
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "our side stays open, the peer is gone and we write",
    roles: BOTH,
    settings: { allowHalfOpen: true },
    async play(stage) {
      stage.peer.destroy();
      await stage.noted("end");
      stage.write("first", "first");
      await stage.noted("callback first");
      stage.write("second", "second");
      await stage.closed();
    },
  },
  {
    name: "flags when the peer ends first",
    roles: BOTH,
    async play(stage) {
      stage.flags();
      for (const event of ["end", "finish", "close"]) stage.socket.on(event, () => stage.flags());
      stage.peer.end("hello");
      await stage.over();
      stage.counters();
    },
  },
  {
    name: "flags when we end first",
    roles: BOTH,
    async play(stage) {
      for (const event of ["end", "finish", "close"]) stage.socket.on(event, () => stage.flags());
      stage.socket.end("bye");
      stage.flags();
      await stage.over();
      stage.counters();
    },
  },
  {
    name: "end(data, callback)",
    roles: BOTH,
    async play(stage) {
      stage.socket.end("bye", stage.callback("end"));
      await stage.over();
    },
  },
  {
    name: "end() twice, each with a callback",
    roles: BOTH,
    async play(stage) {
      stage.socket.end(stage.callback("first"));
      stage.socket.end(stage.callback("second"));
      await stage.over();
    },
  },
  {
    name: "end(callback) after finish",
    roles: BOTH,
    settings: { peerAnswersEnd: false },
    async play(stage) {
      stage.socket.end();
      await stage.noted("finish");
      stage.socket.end(stage.callback("late"));
      await stage.when("the late callback", () => stage.log.some((one) => one.startsWith("callback late")));
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "end() with much still to be sent",
    roles: BOTH,
    settings: { peerReads: false },
    async play(stage) {
      stage.write("much", LARGE);
      stage.socket.end(stage.callback("end"));
      stage.flags();
      await stage.quiet(30);
      stage.peerListen();
      await stage.over();
      stage.counters();
    },
  },
  {
    name: "the peer ends while much is still to be sent",
    roles: BOTH,
    settings: { peerReads: false },
    async play(stage) {
      stage.write("much", LARGE);
      stage.peer.end();
      await stage.noted("end");
      stage.peerListen();
      await stage.over();
    },
  },
  {
    name: "end(data) in the end listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => stage.socket.end("bye", stage.callback("end")));
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "end() in the data listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("data", () => stage.socket.end("bye"));
      stage.peer.write("hello");
      await stage.over();
    },
  },
  {
    name: "destroySoon() after a write",
    roles: BOTH,
    async play(stage) {
      stage.write("bye", "bye");
      stage.socket.destroySoon();
      await stage.over();
    },
  },
];
