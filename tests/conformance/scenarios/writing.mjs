// @ts-check
/** The write side: callbacks, the high-water mark, corks, writes that come too late. */

import { turn } from "../event_log.mjs";

/** @type {readonly ("server" | "client")[]} */
const BOTH = ["server", "client"];
const KIB = 1024;
const MIB = 1024 * KIB;
// More than the kernel takes for a peer that does not read, less than our own bound of a write queue.
const LARGE = new Uint8Array(15 * MIB);

/** @type {readonly import("../port.mjs").Scenario[]} */
export const writing = [
  {
    name: "callbacks of write() and end() against finish",
    roles: BOTH,
    async play(stage) {
      stage.write("a", "aaa");
      stage.write("b", "bbb");
      stage.socket.end("ccc", stage.callback("end"));
      await stage.over();
    },
  },
  {
    name: "write() after end(), with a callback",
    roles: BOTH,
    async play(stage) {
      stage.socket.end();
      stage.write("late", "late");
      await stage.over();
    },
  },
  {
    name: "write() after end(), without a callback",
    roles: BOTH,
    async play(stage) {
      stage.socket.end("bye");
      stage.note(`write gave ${stage.socket.write("late")}`);
      await stage.closed();
    },
  },
  {
    name: "write() after finish",
    roles: BOTH,
    settings: { peerAnswersEnd: false },
    async play(stage) {
      stage.socket.end();
      await stage.noted("finish");
      stage.write("late", "late");
      await stage.closed();
    },
  },
  {
    name: "end(data) after end()",
    roles: BOTH,
    async play(stage) {
      stage.socket.end(stage.callback("first"));
      stage.socket.end("late", stage.callback("second"));
      await stage.closed();
    },
  },
  {
    name: "write() after destroy()",
    roles: BOTH,
    async play(stage) {
      stage.socket.destroy();
      stage.write("late", "late");
      await stage.over();
    },
  },
  {
    name: "write() in the end listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => stage.write("late", "late"));
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "write() after the peer has ended, with much still to be sent",
    roles: BOTH,
    settings: { peerReads: false },
    async play(stage) {
      stage.socket.write(LARGE);
      stage.peer.end();
      await stage.noted("end");
      await turn();
      stage.flags();
      stage.write("late", "late");
      await stage.closed();
    },
  },
  {
    name: "write() after both have ended, half-open",
    roles: BOTH,
    settings: { allowHalfOpen: true, peerReads: false },
    async play(stage) {
      stage.peer.end();
      await stage.noted("end");
      stage.socket.end(LARGE);
      stage.write("late", "late");
      await stage.closed();
    },
  },
  {
    name: "write() in the finish listener",
    roles: BOTH,
    settings: { peerAnswersEnd: false },
    async play(stage) {
      stage.socket.on("finish", () => stage.write("late", "late"));
      stage.socket.end();
      await stage.closed();
    },
  },
  {
    name: "corked writes up to the high-water mark",
    roles: BOTH,
    async play(stage) {
      // Corked, because what the kernel takes at once never counts in Node.
      stage.socket.cork();
      stage.note(`write below gave ${stage.socket.write(new Uint8Array(64 * KIB - 1))}`);
      stage.note(`needs drain ${stage.socket.writableNeedDrain}`);
      stage.write("at", new Uint8Array(1));
      stage.note(`needs drain ${stage.socket.writableNeedDrain}`);
      stage.counters();
      stage.socket.uncork();
      await stage.noted("callback at");
      stage.note(`needs drain ${stage.socket.writableNeedDrain}`);
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "corked writes below the high-water mark",
    roles: BOTH,
    async play(stage) {
      stage.socket.cork();
      stage.write("a", new Uint8Array(30 * KIB));
      stage.write("b", new Uint8Array(30 * KIB));
      stage.socket.uncork();
      await stage.noted("callback b");
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "a write past the high-water mark that the kernel takes at once",
    roles: BOTH,
    async play(stage) {
      stage.write("much", new Uint8Array(100 * KIB));
      await stage.noted("callback much");
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "one drain after a large write",
    roles: BOTH,
    settings: { peerReads: false },
    async play(stage) {
      stage.note(`write much gave ${stage.socket.write(LARGE)}`);
      stage.note(`needs drain ${stage.socket.writableNeedDrain}`);
      stage.write("a", "a");
      stage.write("b", "b");
      await stage.quiet(30);
      stage.peerListen();
      await stage.noted("callback b");
      stage.note(`needs drain ${stage.socket.writableNeedDrain}`);
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "two writes of one turn pass the high-water mark together",
    roles: BOTH,
    async play(stage) {
      stage.write("a", new Uint8Array(40 * KIB));
      stage.write("b", new Uint8Array(40 * KIB));
      await stage.noted("callback b");
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "a write in the drain listener",
    roles: BOTH,
    settings: { peerReads: false },
    async play(stage) {
      stage.socket.once("drain", () => stage.write("next", "next"));
      stage.write("much", LARGE);
      stage.peerListen();
      await stage.noted("callback next");
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "a write in a write's callback",
    roles: BOTH,
    async play(stage) {
      stage.socket.write("a", () => {
        stage.note("callback a");
        stage.write("b", "b");
      });
      await stage.noted("callback b");
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "an empty write calls back",
    roles: BOTH,
    async play(stage) {
      stage.write("empty", "");
      stage.note("after the call");
      await stage.noted("callback empty");
      stage.write("a", "a");
      stage.write("empty too", new Uint8Array(0));
      stage.write("b", "b");
      await stage.noted("callback b");
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "cork() holds writes until the last uncork()",
    roles: BOTH,
    async play(stage) {
      const { socket } = stage;
      socket.cork();
      socket.cork();
      stage.write("a", "aaa");
      socket.uncork();
      stage.write("b", "bbb");
      // A message from the peer shows that whatever was sent before would have arrived.
      stage.peer.write("ping");
      await stage.got(4);
      stage.note(`the peer has ${stage.peerBytes} bytes`);
      stage.counters();
      socket.uncork();
      await stage.peerGot(6);
      await stage.noted("callback b");
      socket.end();
      await stage.over();
    },
  },
  {
    name: "end() undoes every cork()",
    roles: BOTH,
    async play(stage) {
      stage.socket.cork();
      stage.socket.cork();
      stage.write("a", "aaa");
      stage.socket.end("bbb");
      await stage.over();
    },
  },
  {
    name: "the peer ends while we are corked",
    roles: BOTH,
    async play(stage) {
      stage.socket.cork();
      stage.write("a", "aaa");
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "a write to a queue that holds 32 MiB",
    roles: BOTH,
    settings: { peerReads: false },
    async play(stage) {
      stage.socket.write(new Uint8Array(32 * MIB));
      await stage.quiet(30);
      stage.note(`write gave ${stage.socket.write("more")}`);
      if (stage.socket.destroyed) return stage.closed();
      stage.peerListen();
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "counters of what is written",
    roles: BOTH,
    async play(stage) {
      stage.socket.write("Zoë");
      stage.socket.write(new Uint8Array(5));
      await stage.peerGot(9);
      stage.counters();
      stage.socket.end();
      await stage.over();
      stage.counters();
    },
  },
];
