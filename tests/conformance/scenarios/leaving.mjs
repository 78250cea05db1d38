// @ts-check
/** What was written right before the socket is destroyed: the peer gets what the kernel has room for. */

/** @type {readonly ("server" | "client")[]} */
const BOTH = ["server", "client"];

/** @type {readonly import("../port.mjs").Scenario[]} */
export const leaving = [
  {
    name: "write() and destroy()",
    roles: BOTH,
    async play(stage) {
      stage.write("last", "last");
      stage.socket.destroy();
      stage.flags();
      await stage.over();
      stage.counters();
    },
  },
  {
    name: "two writes and destroy(error)",
    roles: BOTH,
    async play(stage) {
      stage.write("a", "aaa");
      stage.write("b", "bbb");
      stage.socket.destroy(new Error("boom"));
      await stage.over();
    },
  },
  {
    name: "an empty write and destroy()",
    roles: BOTH,
    async play(stage) {
      stage.write("empty", "");
      stage.socket.destroy();
      await stage.over();
    },
  },
  {
    name: "end(data, callback) and destroy()",
    roles: BOTH,
    async play(stage) {
      stage.write("a", "aaa");
      stage.socket.end("bye", stage.callback("end"));
      stage.socket.destroy();
      await stage.over();
    },
  },
  {
    name: "end(data, callback) and destroy(error)",
    roles: BOTH,
    async play(stage) {
      stage.socket.end("bye", stage.callback("end"));
      stage.socket.destroy(new Error("boom"));
      await stage.over();
    },
  },
  {
    name: "write(), end() and a write that comes too late",
    roles: BOTH,
    async play(stage) {
      stage.write("a", "aaa");
      stage.socket.end(stage.callback("end"));
      stage.write("late", "late");
      await stage.over();
    },
  },
  {
    name: "write(), end() and a write that comes too late, without callbacks",
    roles: BOTH,
    async play(stage) {
      stage.socket.write("aaa");
      stage.socket.end();
      stage.note(`write gave ${stage.socket.write("late")}`);
      await stage.over();
    },
  },
  {
    name: "a corked write and destroy()",
    roles: BOTH,
    async play(stage) {
      stage.socket.cork();
      stage.write("corked", "corked");
      stage.socket.destroy();
      await stage.over();
    },
  },
  {
    name: "a corked write, end() and destroy()",
    roles: BOTH,
    async play(stage) {
      stage.socket.cork();
      stage.write("corked", "corked");
      stage.socket.end();
      stage.socket.destroy();
      await stage.over();
    },
  },
  {
    name: "write(), destroy() and a write that comes too late",
    roles: BOTH,
    async play(stage) {
      stage.write("last", "last");
      stage.socket.destroy();
      stage.write("late", "late");
      await stage.over();
    },
  },
  {
    name: "write() and destroy() in the data listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("data", () => {
        stage.write("last", "last");
        stage.socket.destroy();
      });
      stage.peer.write("hello");
      await stage.over();
    },
  },
  {
    name: "write() and destroy() in the end listener",
    roles: BOTH,
    async play(stage) {
      stage.socket.on("end", () => {
        stage.write("last", "last");
        stage.socket.destroy();
      });
      stage.peer.end();
      await stage.over();
    },
  },
  {
    name: "write() and destroy() in the connect listener",
    roles: ["client"],
    settings: { connects: false },
    async play(stage) {
      stage.connect(() => {
        stage.write("last", "last");
        stage.socket.destroy();
      });
      await stage.over();
    },
  },
];
