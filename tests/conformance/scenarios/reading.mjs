// @ts-check
/** The read side: pausing, text, listeners that come and go, pipes, silence. */

/** @type {readonly ("server" | "client")[]} */
const BOTH = ["server", "client"];
const TIMEOUT_MS = 40;

/**
 * A source whose target has gone: it is there still, and whoever reads it on gets what comes.
 *
 * @param {import("../stage.mjs").Stage} stage
 * @returns {Promise<void>}
 */
async function readsOn(stage) {
  stage.note(`paused ${stage.socket.isPaused()}`);
  stage.listen();
  stage.socket.resume();
  stage.peer.end("later");
  await stage.over();
}

/** @type {readonly import("../port.mjs").Scenario[]} */
export const reading = [
  {
    name: "paused, then the peer ends with nothing unread",
    roles: BOTH,
    async play(stage) {
      stage.peer.write("hello");
      await stage.got(5);
      stage.socket.pause();
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "paused, then the peer ends behind unread data; resumed later",
    roles: BOTH,
    async play(stage) {
      stage.socket.pause();
      stage.note(`paused ${stage.socket.isPaused()}`);
      stage.peer.end("hello");
      await stage.quiet(30);
      stage.flags();
      stage.socket.resume();
      stage.note(`paused ${stage.socket.isPaused()}`);
      await stage.over();
      stage.counters();
    },
  },
  {
    name: "paused in the data listener, resumed later",
    roles: BOTH,
    async play(stage) {
      stage.socket.once("data", () => stage.socket.pause());
      stage.peer.write("hello");
      await stage.got(5);
      stage.peer.write("world!");
      await stage.quiet(30);
      stage.socket.resume();
      await stage.got(11);
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "paused with much unread; resumed later",
    roles: BOTH,
    async play(stage) {
      stage.socket.pause();
      stage.peer.end(new Uint8Array(8 * 1024 * 1024));
      await stage.quiet(30);
      stage.socket.resume();
      await stage.over();
      stage.counters();
    },
  },
  {
    name: "paused with data unread while both end; resumed later",
    roles: BOTH,
    async play(stage) {
      stage.socket.pause();
      stage.peer.end("hello");
      await stage.quiet(30);
      stage.socket.end();
      await stage.noted("finish");
      await stage.quiet(30);
      stage.flags();
      stage.socket.resume();
      await stage.over();
    },
  },
  {
    name: "nobody reads and the peer ends",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "nobody reads, the peer sends and ends; a listener comes later",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      stage.peer.end("hello");
      await stage.quiet(30);
      stage.listen();
      await stage.over();
    },
  },
  {
    name: "nobody reads and we end",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      stage.socket.end("bye");
      await stage.over();
    },
  },
  {
    name: "resume() without a listener throws data away",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      stage.socket.resume();
      stage.peer.end("hello");
      await stage.over();
      stage.counters();
    },
  },
  {
    name: "a listener that comes after pause() does not start the flow",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      stage.socket.pause();
      stage.listen();
      stage.peer.write("hello");
      await stage.quiet(30);
      stage.socket.resume();
      await stage.got(5);
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "text with characters that are split over chunks",
    roles: BOTH,
    async play(stage) {
      stage.socket.setEncoding("utf8");
      const bytes = new TextEncoder().encode("Zoë 🦕!");
      stage.peer.setNoDelay(true);
      let seen = 0;
      // Each piece goes out only when the one before it has arrived.
      for (const { from, to } of [{ from: 0, to: 3 }, { from: 3, to: 6 }, { from: 6, to: 10 }]) {
        stage.peer.write(bytes.subarray(from, to));
        await stage.arrived(to);
        seen++;
      }
      stage.note(`${seen} pieces`);
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "text that ends inside a character",
    roles: BOTH,
    async play(stage) {
      stage.socket.setEncoding("utf8");
      stage.peer.end(new TextEncoder().encode("hi 🦕").subarray(0, 5));
      await stage.over();
    },
  },
  {
    name: 'once("data")',
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      stage.socket.once("data", stage.noteData);
      stage.peer.write("first");
      await stage.got(5);
      stage.peer.write("second");
      await stage.quiet(30);
      stage.listen();
      stage.peer.end("third");
      await stage.over();
    },
  },
  {
    name: "the only data listener is removed and the peer ends",
    roles: BOTH,
    async play(stage) {
      stage.socket.off("data", stage.noteData);
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "the only data listener is removed and the peer sends and ends",
    roles: BOTH,
    async play(stage) {
      stage.socket.off("data", stage.noteData);
      stage.peer.end("hello");
      await stage.quiet(30);
      stage.socket.destroy();
      await stage.closed();
    },
  },
  {
    name: "piped into itself",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      stage.socket.pipe(stage.socket);
      stage.peer.write("hello");
      await stage.peerGot(5);
      stage.peer.end("world!");
      await stage.over();
      stage.counters();
    },
  },
  {
    name: "piped into itself without ending, half-open",
    roles: BOTH,
    settings: { reads: false, allowHalfOpen: true },
    async play(stage) {
      stage.socket.pipe(stage.socket, { end: false });
      stage.peer.end("hello");
      await stage.peerGot(5);
      await stage.noted("end");
      stage.flags();
      stage.socket.end("bye");
      await stage.over();
    },
  },
  {
    name: "unpiped",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      stage.socket.pipe(stage.socket);
      stage.peer.write("hello");
      await stage.peerGot(5);
      stage.socket.unpipe(stage.socket);
      stage.peer.write("world!");
      await stage.quiet(30);
      stage.note(`the peer has ${stage.peerBytes} bytes`);
      stage.socket.destroy();
      await stage.closed();
    },
  },
  {
    name: "piped into a socket that is destroyed meanwhile",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      const target = await stage.target();
      stage.socket.pipe(target);
      stage.peer.write("hello");
      await stage.arrived(5);
      target.destroy();
      await stage.noted("target unpipe");
      await stage.noted("target close false");
      await readsOn(stage);
    },
  },
  {
    name: "piped into a socket that fails meanwhile",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      const target = await stage.target();
      stage.socket.pipe(target);
      target.destroy(new Error("no more"));
      await stage.noted("target close true");
      await readsOn(stage);
    },
  },
  {
    name: "piped into a socket that is ended meanwhile",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      const target = await stage.target();
      stage.socket.pipe(target);
      target.end();
      await stage.noted("target unpipe");
      await stage.noted("target close false");
      await readsOn(stage);
    },
  },
  {
    name: "piped into a socket that has ended long ago",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      const target = await stage.target();
      target.end();
      await stage.noted("target finish");
      stage.socket.pipe(target);
      stage.peer.write("lost");
      await stage.noted("target close true");
      await readsOn(stage);
    },
  },
  {
    name: "piped into a socket that has closed",
    roles: BOTH,
    settings: { reads: false },
    async play(stage) {
      const target = await stage.target();
      target.destroy();
      await stage.noted("target close false");
      stage.socket.pipe(target);
      stage.peer.write("hello");
      await stage.quiet(30);
      stage.note(`paused ${stage.socket.isPaused()}`);
      stage.socket.destroy();
      await stage.closed();
    },
  },
  {
    name: "timeout, and again after something came",
    roles: BOTH,
    async play(stage) {
      stage.socket.setTimeout(TIMEOUT_MS);
      await stage.noted("timeout");
      stage.flags();
      // Without activity it tells only once.
      await stage.quiet(3 * TIMEOUT_MS);
      stage.peer.write("hello");
      await stage.got(5);
      await stage.noted("timeout", 2);
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "timeout again after we wrote",
    roles: BOTH,
    async play(stage) {
      stage.socket.setTimeout(TIMEOUT_MS, () => stage.note("its own listener"));
      await stage.noted("timeout");
      stage.write("ping", "ping");
      await stage.noted("timeout", 2);
      stage.socket.destroy();
      await stage.over();
    },
  },
  {
    name: "destroy() in the timeout listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.setTimeout(TIMEOUT_MS, () => stage.socket.destroy());
      await stage.over();
      await stage.quiet(2 * TIMEOUT_MS);
    },
  },
  {
    name: "setTimeout(0) switches the timeout off",
    roles: BOTH,
    async play(stage) {
      stage.socket.setTimeout(TIMEOUT_MS);
      stage.socket.setTimeout(0);
      await stage.quiet(3 * TIMEOUT_MS);
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "no timeout after close",
    roles: BOTH,
    async play(stage) {
      stage.socket.setTimeout(TIMEOUT_MS);
      stage.socket.destroy();
      await stage.over();
      await stage.quiet(3 * TIMEOUT_MS);
    },
  },
];
