// @ts-check
/**
 * Connections that break: destroyed by us or reset by the peer. A write that is in flight then has no callback here: Node 20
 * calls it without an error though its bytes are lost, Node 22 with one. Those queued behind it tell the same in both.
 */

/** @type {readonly ("server" | "client")[]} */
const BOTH = ["server", "client"];
// More than the kernel takes for a peer that does not read, less than our own bound of a write queue.
const LARGE = new Uint8Array(15 * 1024 * 1024);

/** @type {readonly import("../port.mjs").Scenario[]} */
export const breaking = [
  {
    name: "destroy()",
    roles: BOTH,
    async play(stage) {
      stage.socket.destroy();
      await stage.over();
    },
  },
  {
    name: "destroy(error)",
    roles: BOTH,
    async play(stage) {
      stage.socket.destroy(new Error("boom"));
      await stage.over();
    },
  },
  {
    name: "destroy() twice, the second with an error",
    roles: BOTH,
    async play(stage) {
      stage.socket.destroy();
      stage.socket.destroy(new Error("late"));
      await stage.over();
    },
  },
  {
    name: "destroy(error) twice",
    roles: BOTH,
    async play(stage) {
      stage.socket.destroy(new Error("first"));
      stage.socket.destroy(new Error("second"));
      await stage.over();
    },
  },
  {
    name: "flags around destroy()",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("close", () => stage.flags());
      stage.socket.destroy();
      stage.flags();
      await stage.over();
    },
  },
  {
    name: "flags around destroy(error)",
    roles: BOTH,
    async play(stage) {
      for (const event of ["error", "close"]) stage.socket.on(event, () => stage.flags());
      stage.socket.destroy(new Error("boom"));
      stage.flags();
      await stage.over();
    },
  },
  {
    name: "destroy() in the data listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("data", () => stage.socket.destroy());
      stage.peer.write("hello");
      await stage.over();
    },
  },
  {
    name: "destroy() in the end listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => stage.socket.destroy());
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "destroy(error) after end()",
    roles: BOTH,
    settings: { peerAnswersEnd: false },
    async play(stage) {
      stage.socket.end();
      await stage.noted("finish");
      stage.socket.destroy(new Error("boom"));
      await stage.closed();
    },
  },
  {
    name: "destroy() with writes still to be sent",
    roles: BOTH,
    settings: { peerReads: false },
    async play(stage) {
      stage.socket.write(LARGE);
      stage.socket.write("more", stage.outcome("more"));
      await stage.quiet(30);
      stage.socket.destroy();
      await stage.closed();
    },
  },
  {
    name: "destroy(error) with writes still to be sent",
    roles: BOTH,
    settings: { peerReads: false },
    async play(stage) {
      stage.socket.write(LARGE);
      stage.write("more", "more");
      await stage.quiet(30);
      stage.socket.destroy(new Error("boom"));
      await stage.closed();
    },
  },
  {
    name: "destroy() while end(callback) waits for its data to be sent",
    roles: BOTH,
    settings: { peerReads: false },
    async play(stage) {
      stage.socket.write(LARGE);
      stage.socket.end(stage.outcome("end"));
      await stage.quiet(30);
      stage.socket.destroy();
      await stage.closed();
    },
  },
  {
    name: "after close nothing has an effect",
    roles: BOTH,
    async play(stage) {
      stage.socket.destroy();
      await stage.over();
      const { socket } = stage;
      socket.destroy(new Error("late"));
      socket.pause();
      socket.resume();
      socket.cork();
      socket.uncork();
      socket.setTimeout(1);
      stage.write("late", "late");
      await stage.quiet(30);
      stage.flags();
    },
  },
  {
    name: "resetAndDestroy()",
    roles: BOTH,
    async play(stage) {
      stage.socket.resetAndDestroy();
      await stage.over();
    },
  },
  {
    name: "the peer resets an idle connection",
    roles: BOTH,
    async play(stage) {
      for (const event of ["error", "close"]) stage.socket.on(event, () => stage.flags());
      stage.peer.resetAndDestroy();
      await stage.closed();
    },
  },
  {
    name: "the peer resets after it has sent data",
    roles: BOTH,
    async play(stage) {
      stage.peer.write("hello");
      await stage.got(5);
      stage.peer.resetAndDestroy();
      await stage.closed();
      stage.counters();
    },
  },
  {
    name: "the peer resets while we write",
    roles: BOTH,
    settings: { peerReads: false },
    async play(stage) {
      stage.socket.write(LARGE);
      stage.write("more", "more");
      await stage.quiet(30);
      stage.peer.resetAndDestroy();
      await stage.closed();
    },
  },
  {
    name: "the peer resets while end() waits for its data to be sent",
    roles: BOTH,
    settings: { peerReads: false },
    async play(stage) {
      stage.socket.end(LARGE, stage.callback("end"));
      await stage.quiet(30);
      stage.peer.resetAndDestroy();
      await stage.closed();
    },
  },
  {
    name: "the peer resets after we have ended",
    roles: BOTH,
    settings: { peerAnswersEnd: false },
    async play(stage) {
      stage.socket.end();
      await stage.noted("finish");
      stage.peer.resetAndDestroy();
      await stage.closed();
    },
  },
  {
    name: "the peer resets a paused connection with data unread",
    roles: BOTH,
    async play(stage) {
      stage.socket.pause();
      stage.peer.write("hello");
      await stage.quiet(30);
      stage.peer.resetAndDestroy();
      await stage.closed();
    },
  },
  {
    name: "the peer resets a connection that nobody reads",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      stage.peer.resetAndDestroy();
      await stage.closed();
    },
  },
];
