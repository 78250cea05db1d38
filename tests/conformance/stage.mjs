// @ts-check
/**
 * Where a scenario is played: a socket under test, whose events are noted in order, and a peer of `node:net` that does what
 * the scenario says. The same code runs under Node, to record what the real `node:net` does, and under Deno, to see
 * whether our sockets do the same.
 */

import net from "node:net";
import { describe, EventLog, turn } from "./event_log.mjs";

/** @typedef {import("./port.mjs").Socket} Socket */
/** @typedef {import("./port.mjs").Settings} Settings */
/** @typedef {import("./port.mjs").Side} Side */
/** @typedef {import("./port.mjs").Role} Role */
/** @typedef {import("./port.mjs").Scenario} Scenario */

const HOST = "127.0.0.1";
// Far beyond what any scenario takes: what has not come by then never comes.
const PATIENCE_MS = 5_000;
const NOTED_EVENTS = ["connect", "ready", "end", "finish", "drain", "timeout"];

/** One performance. */
export class Stage extends EventLog {
  /** The port that the peer listens on, where the socket under test is a client. */
  port = 0;
  /** Bytes that the peer was given. */
  peerBytes = 0;
  /** @type {string | undefined} How the connection ended for the peer: `end` or an error's code. */
  peerFate = undefined;

  /** @type {Side} */
  #side;
  /** @type {Settings} */
  #settings;
  /** @type {Socket | undefined} */
  #socket = undefined;
  /** @type {import("node:net").Socket | undefined} */
  #peer = undefined;
  /** @type {(() => Promise<unknown>)[]} */
  #cleanUp = [];

  /**
   * @param {Side} side
   * @param {Settings} settings
   */
  constructor(side, settings) {
    super();
    this.#side = side;
    this.#settings = settings;
  }

  /** The socket under test. */
  get socket() {
    if (this.#socket === undefined) throw new Error("There is no socket under test yet");
    return this.#socket;
  }

  /** The other end. */
  get peer() {
    if (this.#peer === undefined) throw new Error("There is no peer yet");
    return this.#peer;
  }

  /** Whether the peer is there. */
  get hasPeer() {
    return this.#peer !== undefined;
  }

  // ---- setting up and taking down ----

  /**
   * @param {Role} role
   * @returns {Promise<void>}
   */
  async setUp(role) {
    if (role === "server") {
      const server = await this.#side.listen(this.#settings, (socket) => this.#watch(socket));
      this.#cleanUp.push(server.close);
      const peer = net.connect({ port: server.port, host: HOST, allowHalfOpen: true });
      this.#adopt(peer);
      peer.on("connect", () => this.look());
    } else {
      const server = net.createServer({ allowHalfOpen: true }, (peer) => this.#adopt(peer));
      await new Promise((resolve) => server.listen(0, HOST, () => resolve(undefined)));
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("The peer does not listen");
      this.port = address.port;
      this.#cleanUp.push(() => new Promise((resolve) => server.close(resolve)));
      this.#watch(this.#side.createSocket(this.#settings));
      if (this.#settings.connects === false) return;
      this.socket.connect(this.port, HOST);
    }
    await this.when(
      "the connection",
      () =>
        this.#socket !== undefined && this.#peer !== undefined && !this.#peer.connecting &&
        (role === "server" || this.log.includes("ready")),
    );
  }

  /** Ends what the scenario left open. */
  async takeDown() {
    const leftOpen = this.#socket;
    if (leftOpen !== undefined && !leftOpen.destroyed) {
      const closed = new Promise((resolve) => leftOpen.once("close", resolve));
      leftOpen.destroy();
      await closed;
    }
    if (this.#peer !== undefined) await closed(this.#peer);
    for (const step of this.#cleanUp) await step();
  }

  /** @param {Socket} socket */
  #watch(socket) {
    this.#socket = socket;
    for (const event of NOTED_EVENTS) socket.on(event, () => this.note(event));
    socket.on("error", (/** @type {unknown} */ error) => this.note(`error ${describe(error)}`));
    socket.on("close", (/** @type {unknown} */ hadError) => this.note(`close ${hadError}`));
    if (this.#settings.reads !== false) this.listen();
    this.look();
  }

  /** @param {import("node:net").Socket} peer */
  #adopt(peer) {
    this.#peer = peer;
    if (this.#settings.peerReads !== false) this.peerListen();
    peer.on("end", () => {
      this.peerFate ??= "end";
      if (this.#settings.peerAnswersEnd !== false) peer.end();
      this.look();
    });
    peer.on("error", (error) => {
      this.peerFate ??= describe(error);
      this.look();
    });
    this.look();
  }

  // ---- what a scenario does ----

  /** Adds a `data` listener that notes what comes. */
  listen() {
    this.socket.on("data", this.noteData);
  }

  /** Lets the peer read. */
  peerListen() {
    this.peer.on("data", (chunk) => {
      this.peerBytes += chunk.length;
      this.look();
    });
  }

  /**
   * Connects the socket under test to the peer's port.
   *
   * @param {() => void} [listener]
   */
  connect(listener) {
    return this.socket.connect(this.port, HOST, listener);
  }

  /**
   * Connects the socket under test once more, to a new peer.
   *
   * @param {() => void} [listener]
   */
  connectAgain(listener) {
    const former = this.#peer;
    if (former !== undefined) {
      this.#cleanUp.unshift(() => closed(former));
    }
    this.#peer = undefined;
    this.peerFate = undefined;
    this.peerBytes = 0;
    return this.connect(listener);
  }

  /**
   * Until the socket under test is connected for the time given, and its new peer is there.
   *
   * @param {number} times
   */
  async reconnected(times) {
    await this.noted("ready", times);
    await this.when("the new peer", () => this.hasPeer);
  }

  /**
   * Writes and notes what `write` gave and, when it is called, the callback.
   *
   * @param {string} label
   * @param {string | Uint8Array} data
   */
  write(label, data) {
    const more = this.socket.write(data, this.callback(label));
    this.note(`write ${label} gave ${more}`);
  }

  /** Notes the socket's flags as they stand. */
  flags() {
    const { socket } = this;
    /** @type {("connecting" | "pending" | "destroyed" | "readableEnded" | "writableEnded" | "writableFinished")[]} */
    const names = ["connecting", "pending", "destroyed", "readableEnded", "writableEnded", "writableFinished"];
    this.note(["is", socket.readyState, ...names.filter((name) => socket[name])].join(" "));
  }

  /** Notes the socket's counters. */
  counters() {
    const { bytesRead, bytesWritten, writableLength } = this.socket;
    this.note(`read ${bytesRead}, written ${bytesWritten}, queued ${writableLength}`);
  }

  /**
   * Gives another socket of the implementation under test, to pipe into: connected to somebody who reads everything and
   * ends when it does. What becomes of it is noted as the target's.
   *
   * @returns {Promise<Socket>}
   */
  async target() {
    const server = net.createServer((peer) => peer.resume().on("error", () => {}));
    await new Promise((resolve) => server.listen(0, HOST, () => resolve(undefined)));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The target's peer does not listen");
    const target = this.#side.createSocket({});
    const closed = new Promise((resolve) => target.once("close", resolve));
    this.#cleanUp.push(async () => {
      target.destroy();
      await closed;
      await new Promise((resolve) => server.close(resolve));
    });
    await new Promise((resolve) => target.connect(address.port, HOST, () => resolve(undefined)));
    for (const event of ["finish", "unpipe"]) target.on(event, () => this.note(`target ${event}`));
    target.on("error", (/** @type {unknown} */ error) => this.note(`target error ${describe(error)}`));
    target.on("close", (/** @type {unknown} */ hadError) => this.note(`target close ${hadError}`));
    return target;
  }

  // ---- what it waits for ----

  /**
   * Until that many bytes in all have come, whoever was given them.
   *
   * @param {number} bytes
   */
  async arrived(bytes) {
    while (this.socket.bytesRead < bytes && !this.socket.destroyed) await turn();
  }

  /**
   * Until the peer was given that many bytes in all.
   *
   * @param {number} bytes
   */
  peerGot(bytes) {
    return this.when(`${bytes} bytes at the peer`, () => this.peerBytes >= bytes);
  }

  /** As `closed()`, and the peer has seen the end too; notes what the peer saw. */
  async over() {
    await this.closed();
    await this.when("the end at the peer", () => this.peerFate !== undefined);
    this.note(`peer: ${this.peerBytes} bytes, ${this.peerFate}`);
  }
}

/**
 * Ends a peer, if it has not ended.
 *
 * @param {import("node:net").Socket} peer
 */
async function closed(peer) {
  if (peer.closed) return;
  const over = new Promise((resolve) => peer.once("close", resolve));
  peer.destroy();
  await over;
}

/**
 * Plays a scenario and gives its log. What is thrown, or waited for in vain, is the last entry then.
 *
 * @param {Scenario} scenario
 * @param {Side} side
 * @param {Role} role
 * @returns {Promise<string[]>}
 */
export async function perform(scenario, side, role) {
  const stage = new Stage(side, scenario.settings ?? {});
  const played = stage.setUp(role).then(() => scenario.play(stage));
  await patiently(played, () => `waited in vain for ${stage.waits}`).catch((error) =>
    stage.note(`failed: ${describe(error)}`)
  );
  const log = [...stage.log];
  await patiently(stage.takeDown(), () => `A socket does not close, after: ${log.join(", ")}`);
  return log;
}

/**
 * @param {Promise<void>} promise
 * @param {() => string} complaint
 * @returns {Promise<void>}
 */
function patiently(promise, complaint) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(complaint())), PATIENCE_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * Every performance there is: its title, its scenario and its role.
 *
 * @param {readonly Scenario[]} scenarios
 * @returns {{ title: string, scenario: Scenario, role: Role }[]}
 */
export function performances(scenarios) {
  return scenarios.flatMap((scenario) =>
    scenario.roles.map((role) => ({ title: `${role}: ${scenario.name}`, scenario, role }))
  );
}
