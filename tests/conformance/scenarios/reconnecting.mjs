// @ts-check
/** A client socket that connects again after its connection is over. */

import { PassThrough } from "node:stream";
import { closedPort } from "./connecting.mjs";

/** @type {readonly ("server" | "client")[]} */
const CLIENT = ["client"];

/** @type {readonly import("../port.mjs").Scenario[]} */
export const reconnecting = [
  {
    name: "connect() again after close",
    roles: CLIENT,
    async play(stage) {
      stage.socket.destroy();
      await stage.over();
      stage.connect();
      await stage.noted("ready", 2);
      stage.socket.destroy();
      await stage.noted("close false", 2);
    },
  },
  {
    name: "connect() in the close listener, after the peer's end",
    roles: CLIENT,
    async play(stage) {
      stage.socket.once("close", () => stage.connectAgain());
      stage.peer.end("hello");
      await stage.reconnected(2);
      stage.peer.end("world!");
      await stage.noted("close false", 2);
      stage.counters();
    },
  },
  {
    name: "connect() in the close listener, after our own end and with a listener",
    roles: CLIENT,
    async play(stage) {
      stage.socket.once("close", () => stage.connectAgain(stage.callback("connect")));
      stage.socket.end("bye");
      await stage.reconnected(2);
      stage.write("again", "again");
      await stage.peerGot(5);
      stage.counters();
      stage.socket.end();
      await stage.noted("close false", 2);
    },
  },
  {
    name: "connect() in the close listener, after a refused one",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.socket.once("close", () => {
        stage.flags();
        stage.connectAgain();
        stage.flags();
      });
      stage.socket.connect(await closedPort(), "127.0.0.1");
      await stage.reconnected(1);
      stage.socket.destroy();
      await stage.noted("close false");
    },
  },
  {
    name: "connect() in the error listener, before close",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.socket.once("error", () => {
        stage.connectAgain();
        stage.flags();
      });
      stage.socket.connect(await closedPort(), "127.0.0.1");
      await stage.reconnected(1);
      stage.flags();
      stage.socket.destroy();
      await stage.noted("close false");
    },
  },
  {
    name: "connect() from a timer after each close, five times",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      let rounds = 0;
      stage.socket.on("close", () => ++rounds < 5 && setTimeout(() => stage.connectAgain(), 1));
      stage.socket.on("ready", () => stage.socket.destroy());
      stage.connect();
      await stage.noted("close false", 5);
      await stage.quiet(10);
    },
  },
  {
    name: "connect() after it was destroyed before any connect()",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.socket.destroy(new Error("boom"));
      await stage.closed();
      stage.flags();
      stage.connectAgain();
      stage.flags();
      await stage.reconnected(1);
      stage.socket.end();
      await stage.noted("close false");
    },
  },
  {
    name: "connect() again: flags and counters begin anew",
    roles: CLIENT,
    async play(stage) {
      stage.peer.write("hello");
      await stage.got(5);
      stage.write("some", "some");
      await stage.peerGot(4);
      stage.peer.end();
      await stage.closed();
      stage.flags();
      stage.counters();
      stage.connectAgain();
      stage.flags();
      stage.counters();
      await stage.reconnected(2);
      stage.flags();
      stage.peer.write("hi");
      await stage.got(7);
      stage.counters();
    },
  },
  {
    name: "write() and end() while it connects again",
    roles: CLIENT,
    async play(stage) {
      stage.socket.destroy();
      await stage.over();
      stage.write("closed", "closed");
      await stage.noted("callback closed ERR_STREAM_DESTROYED");
      stage.connectAgain();
      stage.socket.end("early", stage.callback("end"));
      await stage.noted("close false", 2);
      await stage.peerGot(5);
    },
  },
  {
    name: "connect() again, paused and set to text",
    roles: CLIENT,
    async play(stage) {
      stage.socket.setEncoding("utf8");
      stage.socket.pause();
      stage.socket.destroy();
      await stage.over();
      stage.note(`paused ${stage.socket.isPaused()}`);
      stage.connectAgain();
      await stage.reconnected(2);
      stage.peer.write("hello");
      await stage.quiet(30);
      stage.note(`paused ${stage.socket.isPaused()}`);
      stage.socket.resume();
      await stage.got(5);
      stage.peer.end("world!");
      await stage.noted("close false", 2);
    },
  },
  {
    name: "connect() again, half-open",
    roles: CLIENT,
    settings: { allowHalfOpen: true },
    async play(stage) {
      stage.socket.destroy();
      await stage.over();
      stage.connectAgain();
      await stage.reconnected(2);
      stage.peer.end("hello");
      await stage.noted("end");
      stage.flags();
      stage.socket.end("bye");
      await stage.noted("close false", 2);
    },
  },
  {
    name: "connect() again, without a data listener but resumed",
    roles: CLIENT,
    settings: { reads: false },
    async play(stage) {
      stage.socket.resume();
      stage.socket.destroy();
      await stage.over();
      stage.connectAgain();
      await stage.reconnected(2);
      stage.peer.end("nobody listens");
      await stage.noted("close false", 2);
      stage.counters();
    },
  },
  {
    name: "connect() again, piped",
    roles: CLIENT,
    settings: { reads: false },
    async play(stage) {
      const target = new PassThrough().setEncoding("utf8");
      target.on("data", (text) => stage.note(`target ${text}`));
      stage.socket.pipe(target);
      stage.peer.write("hello");
      await stage.noted("target hello");
      stage.socket.destroy();
      await stage.over();
      stage.connectAgain();
      await stage.reconnected(2);
      stage.peer.end("world!");
      await stage.noted("target world!");
      await stage.noted("close false", 2);
    },
  },
];
