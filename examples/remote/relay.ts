/**
 * What stands between operators and devices: knows everybody by the name in the certificate, asks the policy, writes the
 * audit log, and hands messages on.
 *
 * Nothing to run here; `controller.ts` is the server.
 *
 * @module
 */

import { framed, type TCPSocket } from "@verb/tcp";
import type { AuditLog } from "./audit_log.ts";
import { codec, keepAlive, type Message, type Peer } from "./messages.ts";
import { nameOf, type Policy } from "./policy.ts";

/** Runs of one operator at a time. */
const MAX_RUNS = 16;
// One that floods us waits; what it says would flood a device.
const OPERATOR_PACE = { messagesPerSecond: 1_000 };

/** A command that runs on a device for an operator. */
interface Run {
  readonly number: number;
  readonly operator: Peer;
  readonly by: string;
  /** The operator's own number of it. */
  readonly theirs: number;
  readonly device: Peer;
  readonly startedAt: number;
}

/** The devices, the operators, and what runs. */
export class Relay {
  readonly #policy: Policy;
  readonly #audit: AuditLog;
  readonly #heartbeatMs: number;
  readonly #devices = new Map<string, Peer>();
  readonly #runs = new Map<number, Run>();
  #count = 0;

  /** Nobody is there yet. */
  constructor(policy: Policy, audit: AuditLog, heartbeatMs: number) {
    this.#policy = policy;
    this.#audit = audit;
    this.#heartbeatMs = heartbeatMs;
  }

  /** Serves one connection, whose certificate has been verified. */
  serve(socket: TCPSocket): void {
    const by = nameOf(socket);
    const address = socket.remoteAddress;
    const role = this.#policy.roleOf(by);
    this.#audit.write({ event: role === undefined ? "stranger" : "connect", by, address });
    if (role === undefined) return void socket.destroy();

    const peer: Peer = framed(socket, codec, role === "operator" ? OPERATOR_PACE : {});
    peer.on("error", () => socket.destroy()); // who says what is no message is not one of ours
    socket.on("close", () => this.#audit.write({ event: "disconnect", by, address }));
    keepAlive(peer, this.#heartbeatMs);
    if (role === "device") this.#serveDevice(by, peer);
    else this.#serveOperator(by, peer);
  }

  #serveDevice(name: string, peer: Peer): void {
    this.#devices.get(name)?.socket.destroy(); // it has come back: that connection is dead, and does not know it yet
    this.#devices.set(name, peer);
    peer.on("message", (message) => {
      if (message.type !== "output" && message.type !== "exit" && message.type !== "failed") {
        return void peer.socket.destroy(); // a device asks for nothing
      }
      const run = this.#runs.get(message.run);
      if (run?.device !== peer) return; // it is over, or another device's
      if (message.type === "output") run.operator.send({ ...message, run: run.theirs });
      else this.#end(run, message);
    });
    peer.socket.on("close", () => {
      if (this.#devices.get(name) === peer) this.#devices.delete(name);
      for (const run of this.#runs.values()) {
        if (run.device === peer) this.#end(run, { type: "failed", run: run.number, reason: `${name} is gone` });
      }
    });
  }

  #serveOperator(by: string, peer: Peer): void {
    peer.on("message", (message) => {
      if (message.type === "run") return this.#start(by, peer, message);
      if (message.type !== "cancel" && message.type !== "read") return void peer.socket.destroy();
      const run = this.#runsOf(peer).find(({ theirs }) => theirs === message.run);
      if (run === undefined) return; // it is over
      if (message.type === "cancel") this.#audit.write({ event: "cancel", by, run: run.number });
      run.device.send({ ...message, run: run.number });
    });
    peer.socket.on("close", () => {
      // Nobody would see what they do.
      for (const { device, number } of this.#runsOf(peer)) device.send({ type: "cancel", run: number });
    });
  }

  #start(by: string, operator: Peer, request: Message & { type: "run" }): void {
    const { device: name, command, args, run: theirs } = request;
    const device = this.#devices.get(name);
    const number = ++this.#count;
    const facts = { by, run: number, device: name, command, args };
    const running = this.#runsOf(operator);
    let reason: string | undefined;
    if (!this.#policy.allows(by, name, command)) reason = `${by} may not run ${command} on ${name}`;
    else if (running.length >= MAX_RUNS) reason = `${by} runs ${MAX_RUNS} commands already`;
    else if (running.some((run) => run.theirs === theirs)) reason = `run ${theirs} is not over`;
    else if (device === undefined) reason = `${name} is not connected`;
    if (device === undefined || reason !== undefined) {
      this.#audit.write({ event: "failed", ...facts, reason });
      operator.send({ type: "failed", run: theirs, reason: `${reason}` });
      return;
    }
    this.#audit.write({ event: "run", ...facts }); // if this throws, nothing runs and the operator is disconnected
    this.#runs.set(number, { number, operator, by, theirs, device, startedAt: performance.now() });
    device.send({ ...request, run: number });
  }

  #runsOf(operator: Peer): Run[] {
    return this.#runs.values().filter((run) => run.operator === operator).toArray();
  }

  #end(run: Run, outcome: Message & { type: "exit" | "failed" }): void {
    this.#runs.delete(run.number);
    run.operator.send({ ...outcome, run: run.theirs });
    const { type: event, ...facts } = outcome;
    const tookMs = Math.round(performance.now() - run.startedAt);
    this.#audit.write({ event, by: run.by, ...facts, run: run.number, tookMs });
  }
}
