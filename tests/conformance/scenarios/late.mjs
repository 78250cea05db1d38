// @ts-check
/** Writes around the moment at which both ends have ended their side. */

import process from "node:process";

/** @type {readonly ("server" | "client")[]} */
const BOTH = ["server", "client"];
// More than the kernel takes for a peer that does not read, less than our own bound of a write queue.
const LARGE = new Uint8Array(15 * 1024 * 1024);

/** @type {readonly import("../port.mjs").Scenario[]} */
export const late = [
  {
    name: "write() from process.nextTick in the end listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => process.nextTick(() => stage.write("late", "late")));
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "write() from process.nextTick in the end listener, without a callback",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => process.nextTick(() => stage.note(`write gave ${stage.socket.write("late")}`)));
      stage.peer.end("hello");
      await stage.over();
    },
  },
  {
    name: "end(data) from process.nextTick in the end listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => process.nextTick(() => stage.socket.end("bye", stage.callback("end"))));
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "writes from process.nextTick in two end listeners",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => process.nextTick(() => stage.write("one", "one")));
      stage.socket.on("end", () => process.nextTick(() => stage.write("two", "two")));
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "write() a tick after process.nextTick in the end listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => process.nextTick(() => process.nextTick(() => stage.write("late", "late"))));
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "write() a tick after process.nextTick in the end listener, without a callback",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => process.nextTick(() => process.nextTick(() => stage.socket.write("late"))));
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "end(data) a tick after process.nextTick in the end listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => process.nextTick(() => process.nextTick(() => stage.socket.end("late"))));
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "write() from a microtask in the end listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => queueMicrotask(() => stage.write("late", "late")));
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "destroy() from process.nextTick in the end listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => process.nextTick(() => stage.socket.destroy()));
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "half-open is allowed in the end listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => stage.socket.allowHalfOpen = true);
      stage.peer.end();
      await stage.noted("end");
      await stage.quiet(5);
      stage.flags();
      stage.socket.end("bye");
      await stage.over();
    },
  },
  {
    name: "write() in the end listener, after we have ended",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => stage.write("late", "late"));
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "write() in the end listener, after we have ended, without a callback",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => stage.note(`write gave ${stage.socket.write("late")}`));
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "write() in the finish listener, after the peer has ended",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("finish", () => stage.write("late", "late"));
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "write() in the finish listener, after the peer has ended, half-open",
    roles: BOTH,
    settings: { allowHalfOpen: true },
    async play(stage) {
      stage.socket.on("finish", () => stage.write("late", "late"));
      stage.socket.on("end", () => stage.socket.end());
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "write() after we and the peer have ended, with much still to be sent",
    roles: BOTH,
    settings: { peerReads: false },
    async play(stage) {
      stage.socket.write(LARGE);
      stage.socket.end();
      stage.peer.end();
      await stage.noted("end");
      stage.write("late", "late");
      await stage.closed();
    },
  },
  {
    name: "write() after close, both having ended",
    roles: BOTH,
    async play(stage) {
      stage.peer.end();
      await stage.over();
      stage.write("late", "late");
      await stage.noted("callback late EPIPE");
      stage.note(`write gave ${stage.socket.write("late")}`);
      await stage.quiet(5);
    },
  },
  {
    name: "write() after close, the peer having ended and we destroyed",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => stage.socket.destroy());
      stage.peer.end();
      await stage.over();
      stage.write("late", "late");
      await stage.noted("callback late ERR_STREAM_DESTROYED");
    },
  },
];
