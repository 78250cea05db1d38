// @ts-check
/**
 * A client socket before, while and right after it connects. `end()` before `connect()` was called is not among them: Node
 * 20 and Node 22 disagree about it, and in the latter the socket never closes.
 */

import net from "node:net";

/** @type {readonly ("server" | "client")[]} */
const CLIENT = ["client"];

/**
 * Notes which facts the error carries, and the call that failed.
 *
 * @param {import("../stage.mjs").Stage} stage
 */
function notesFacts(stage) {
  stage.socket.on("error", (/** @type {NodeJS.ErrnoException} */ error) => {
    const facts = ["hostname", "address", "port"].filter((fact) => fact in error);
    stage.note(`${error.syscall} with ${facts.join(" and ")}`);
  });
}

/** @type {readonly import("../port.mjs").Scenario[]} */
export const connecting = [
  {
    name: "connect, ready and the flags on the way",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.flags();
      for (const event of ["connect", "ready"]) stage.socket.on(event, () => stage.flags());
      const returned = stage.connect(stage.callback("connect"));
      stage.note(`gave itself ${returned === stage.socket}`);
      stage.flags();
      await stage.noted("ready");
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "refused",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      for (const event of ["error", "close"]) stage.socket.on(event, () => stage.flags());
      stage.socket.connect(await closedPort(), "127.0.0.1", stage.callback("connect"));
      await stage.closed();
    },
  },
  {
    name: "what the error of a refused connect says",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      notesFacts(stage);
      stage.socket.connect(await closedPort(), "127.0.0.1");
      await stage.closed();
    },
  },
  {
    name: "what the error says of a name that nobody can have",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      notesFacts(stage);
      stage.socket.connect(42, "*".repeat(64));
      await stage.closed();
    },
  },
  {
    name: "connect() to port 0",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.socket.connect(0, "127.0.0.1");
      await stage.closed();
    },
  },
  {
    name: "refused with a write waiting",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.socket.connect(await closedPort(), "127.0.0.1");
      stage.write("early", "early");
      stage.socket.end(stage.callback("end"));
      await stage.closed();
    },
  },
  {
    name: "write() before connect()",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.write("early", "early");
      await stage.closed();
    },
  },
  {
    name: "write() while connecting",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.connect();
      stage.write("early", "early");
      stage.counters();
      await stage.noted("callback early");
      await stage.peerGot(5);
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "end(data) while connecting",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.connect();
      stage.socket.end("early", stage.callback("end"));
      stage.flags();
      await stage.over();
    },
  },
  {
    name: "end() while connecting",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.connect();
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "write() in the connect listener",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.connect(() => stage.write("hello", "hello"));
      await stage.noted("callback hello");
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "destroy() before connect()",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.socket.destroy();
      stage.flags();
      await stage.closed();
    },
  },
  {
    name: "destroy() while connecting",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.connect(stage.callback("connect"));
      stage.socket.destroy();
      stage.flags();
      await stage.closed();
      await stage.quiet(30);
    },
  },
  {
    name: "destroy(error) while connecting",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.connect();
      stage.socket.destroy(new Error("boom"));
      await stage.closed();
    },
  },
  {
    name: "destroy() while connecting with a write waiting",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.connect();
      stage.write("early", "early");
      stage.write("too", "too");
      stage.socket.destroy();
      await stage.closed();
    },
  },
  {
    name: "destroy() in the connect listener",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.connect(() => stage.socket.destroy());
      await stage.over();
    },
  },
  {
    name: "resetAndDestroy() before connect()",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.socket.resetAndDestroy();
      await stage.closed();
    },
  },
  {
    name: "paused and set to text before it connects",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.socket.pause();
      stage.socket.setEncoding("utf8");
      stage.connect();
      await stage.when("the peer", () => stage.log.includes("ready") && stage.hasPeer);
      stage.peer.write("hello");
      await stage.quiet(30);
      stage.socket.resume();
      await stage.got(5);
      stage.socket.end();
      await stage.over();
    },
  },
  {
    name: "timeout of a socket that does not connect",
    roles: CLIENT,
    settings: { connects: false },
    async play(stage) {
      stage.socket.setTimeout(30);
      await stage.noted("timeout");
      stage.flags();
    },
  },
];

/**
 * A port that nobody listens on: one that was just given back.
 *
 * @returns {Promise<number>}
 */
export async function closedPort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("The server did not listen");
  return address.port;
}
