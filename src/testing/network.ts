/** A network in memory for tests: servers, clients and faults without a port, and time that a test moves. */

import { checkBound, checkInteger, checkKeys, checkMs, checkPort, checkString, invalid } from "../base/check.ts";
import { now, startTimer, stopTimer, turnOver, useClock } from "../base/clock.ts";
import { TcpError } from "../base/errors.ts";
import { connect } from "../client/connect.ts";
import type { ClientOptions } from "../client/connector.ts";
import type { TcpServer } from "../server/server.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import { TCPSocket } from "../socket/tcp_socket.ts";
import type { Target } from "../transport/dial.ts";
import type { ListenTarget } from "../transport/listen.ts";
import type { Listener } from "../transport/listener.ts";
import { linkedPair, type MemoryTransport } from "../transport/memory.ts";
import type { Transport } from "../transport/transport.ts";
import { type ConnectionOwner, openDoors, type VirtualNetwork } from "../transport/virtual_network.ts";
import { type LinkRules, NetworkCable, type NetworkLink } from "./network_link.ts";
import { NetworkListener } from "./network_listener.ts";
import { Random } from "./random.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** How a {@link Network} carries bytes. */
export interface NetworkOptions {
  /**
   * The seed of the random chunks and delays: the same seed gives the same ones, in the same order.
   *
   * @default {1}
   */
  seed?: number;
  /**
   * How long bytes travel, in milliseconds: a number, or the least and the most. Bytes of one direction never overtake
   * each other.
   *
   * @default {0}
   */
  latencyMs?: number | readonly [least: number, most: number];
  /**
   * Most bytes that arrive in one chunk; each chunk has between 1 and that many.
   *
   * @default {Infinity}
   */
  chunkBytes?: number;
}

/** What `connect` of a {@link Network} takes: as the library's own, with the address of the client. */
export interface NetworkClientOptions extends Omit<ClientOptions, "port" | "host" | "hostname" | "path" | "network"> {
  /**
   * The address that the server sees.
   *
   * @default {"127.0.0.1"}
   */
  from?: string;
}

// Real turns of the event loop that let promises settle between two timers.
const SETTLING_TURNS = 2;
const FIRST_PORT = 49_152;
const LAST_PORT = 65_535;
// How long a client waits that found a full backlog before it tries again.
const RETRY_MS = 100;

// Two networks that are closed in the wrong order would leave the library a clock that stands still.
let isOneOpen = false;

/**
 * A network in memory, with a clock of its own. Servers and clients of this library run on it unchanged, without a
 * permission. Made by {@link createNetwork}; one at a time, because it controls all timers of the library while it
 * exists. Close it, or use `await using`.
 *
 * Real time runs until the first {@link Network.advance}; from then on only `advance` moves time. TLS works, too, but
 * the runtime's part of it runs in real time.
 */
export class Network implements VirtualNetwork, AsyncDisposable {
  /** What carries the bytes. */
  readonly kind = "memory";
  readonly #rules: LinkRules;
  readonly #clock: VirtualClock;
  readonly #restoreClock: () => void;
  readonly #listeners = new Map<number, NetworkListener>();
  readonly #servers = new Set<TcpServer>();
  readonly #refused = new Set<number>();
  readonly #cables = new Map<Transport, NetworkCable>();
  readonly #clients = new Map<Transport, ConnectionOwner>();
  // Connects that are under way; each wakes early when the network is closed.
  readonly #waiting = new Set<() => void>();
  // Time moves for one `advance` after the other.
  #moved: Promise<void> = Promise.resolve();
  #nextPort = FIRST_PORT;
  #partedUntil = 0;
  #closed = false;

  /** Use {@link createNetwork}. */
  constructor(options: NetworkOptions = {}) {
    checkKeys("options", options, ["seed", "latencyMs", "chunkBytes"]);
    const { latencyMs = 0 } = options;
    const [least, most] = typeof latencyMs === "number" ? [latencyMs, latencyMs] : latencyMs;
    const minLatencyMs = checkMs("latencyMs", least, 0);
    const maxLatencyMs = checkMs("latencyMs", most, 0);
    if (maxLatencyMs < minLatencyMs) throw invalid("latencyMs", "a number, or [least, most]", latencyMs);
    this.#rules = {
      random: new Random(checkInteger("seed", options.seed, 1, 0, 2 ** 32 - 1)),
      minLatencyMs,
      maxLatencyMs,
      chunkBytes: checkBound("chunkBytes", options.chunkBytes, Infinity, 1),
    };
    if (isOneOpen) {
      throw new TcpError("There is a network already: close() it before you make another one", {
        code: "ERR_INVALID_STATE",
      });
    }
    isOneOpen = true;
    [this.#clock, this.#restoreClock] = useClock((before) => new VirtualClock(before));
    this.#open(this, "127.0.0.1");
  }

  /** How many timers of the library wait: 0 once everything is closed. */
  get timers(): number {
    return this.#clock.timers;
  }

  /** Lets a server listen, in place of `app.listen`. Port 0 takes a free port. Returns the port. */
  // deno-lint-ignore no-explicit-any -- whatever the user keeps on its sockets
  listen(app: TcpServer<any>, port = 0): number {
    app.listen({ port, network: this });
    this.#servers.add(app);
    return app.address()?.port ?? port; // else the port is taken, which `onError` is told
  }

  /** Connects to a port of this network; otherwise as `connect` of the library, with the same errors. */
  async connect<State = unknown>(port: number, options: NetworkClientOptions = {}): Promise<TCPSocket<State>> {
    const { from = "127.0.0.1", ...rest } = options;
    checkString("from", from);
    const network: VirtualNetwork = { kind: "memory" };
    this.#open(network, from);
    return await connect<State>({ ...rest, port, host: "127.0.0.1", network });
  }

  /** The faults of the connection under that socket, of the client or of the server. */
  // deno-lint-ignore no-explicit-any -- whatever the user keeps on its sockets
  link(socket: TCPSocket<any>): NetworkLink {
    const transport = socket instanceof TCPSocket ? connectionOf(socket).transport : undefined;
    const cable = transport === undefined ? undefined : this.#cables.get(transport);
    if (cable === undefined) throw invalid("socket", "a socket that is connected by this network, without TLS", socket);
    return cable;
  }

  /** From now on connects to that port are refused (`ECONNREFUSED`), even if a server listens; `false` ends that. */
  refuse(port: number, on = true): void {
    if (on) this.#refused.add(checkPort(port));
    else this.#refused.delete(checkPort(port));
  }

  /**
   * For that many milliseconds nothing crosses the network: connections stall, and connects wait. What was sent arrives
   * afterwards.
   */
  partition(partitionMs: number): void {
    this.#partedUntil = Math.max(this.#partedUntil, now() + checkMs("partitionMs", partitionMs, 0));
    for (const cable of this.#cables.values()) cable.stall(partitionMs);
  }

  /**
   * Moves time forward: runs each timer of the library that falls due, at its time, and lets promises settle in
   * between. The first call stops real time. A call during another one begins where that one ends. If a timer throws,
   * it rejects with that error, and time stops at that timer.
   */
  advance(advanceMs: number): Promise<void> {
    checkMs("advanceMs", advanceMs, 0);
    this.#clock.standStill();
    const moved = this.#moved.then(() => this.#advance(advanceMs));
    this.#moved = moved.catch(() => {}); // whoever asked for it is told
    return moved;
  }

  async #advance(advanceMs: number): Promise<void> {
    const until = this.#clock.now() + advanceMs;
    await settle();
    while (this.#clock.runNext(until)) await settle();
    this.#clock.moveTo(until);
  }

  /** Destroys the servers and connections that are left, and returns the library to real time. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const app of this.#servers) app.destroy();
    for (const listener of [...this.#listeners.values()]) listener.close();
    for (const wake of [...this.#waiting]) wake();
    for (const client of [...this.#clients.values()]) client.destroy();
    await settle();
    this.#clock.runReal();
    this.#restoreClock();
    isOneOpen = false;
  }

  /** The same as `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #freePort(): number {
    let port;
    do {
      port = this.#nextPort++;
      if (port === LAST_PORT) this.#nextPort = FIRST_PORT;
    } while (this.#listeners.has(port));
    return port;
  }

  #open(network: VirtualNetwork, from: string): void {
    openDoors(network, {
      dial: async (target, signal, owner) => await this.#dial(portOf(target), from, signal, owner),
      listen: (target) => this.#listen(target),
    });
  }

  #listen(target: ListenTarget): Listener {
    const wanted = portOf(target);
    const port = wanted === 0 ? this.#freePort() : wanted;
    if (this.#listeners.has(port)) {
      const message = `Cannot listen on port ${port} of the network: it is taken (EADDRINUSE)`;
      throw new TcpError(message, { code: "EADDRINUSE", syscall: "listen", port });
    }
    const backlog = "backlog" in target ? target.backlog : Infinity;
    const listener = new NetworkListener(addressOf("127.0.0.1", port), backlog, () => this.#listeners.delete(port));
    this.#listeners.set(port, listener);
    return listener;
  }

  async #dial(port: number, from: string, signal: AbortSignal, owner: ConnectionOwner): Promise<Transport> {
    const clientAddr = addressOf(from, this.#freePort());
    for (;;) {
      const cable = new NetworkCable(this.#rules);
      await this.#wait(Math.max(cable.delayMs(), this.#partedUntil - now()), signal);
      const listener = this.#listeners.get(port);
      if (this.#closed || listener === undefined || this.#refused.has(port)) {
        await turnOver(); // who tries again at once, and again, keeps nobody else from running
        throw Object.assign(new Deno.errors.ConnectionRefused("Connection refused"), { code: "ECONNREFUSED" });
      }
      const ends = linkedPair(cable, clientAddr, { ...listener.addr });
      cable.ends = ends;
      if (listener.offer(ends[1])) {
        for (const end of ends) this.#keep(end, cable);
        this.#clients.set(ends[0], owner);
        return ends[0];
      }
      await this.#wait(RETRY_MS, signal);
    }
  }

  #keep(end: MemoryTransport, cable: NetworkCable): void {
    this.#cables.set(end, cable);
    end.whenClosed = () => {
      this.#cables.delete(end);
      this.#clients.delete(end);
    };
  }

  #wait(waitMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (waitMs <= 0 || this.#closed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const stop = () => {
        stopTimer(timer);
        signal.removeEventListener("abort", abort);
        this.#waiting.delete(wake);
      };
      const wake = () => {
        stop();
        resolve();
      };
      const abort = () => {
        stop();
        reject(signal.reason);
      };
      const timer = startTimer(wake, waitMs);
      this.#waiting.add(wake);
      signal.addEventListener("abort", abort, { once: true });
    });
  }
}

/** The port of a target; what has none is no place in a network in memory. */
function portOf(target: Target | ListenTarget): number {
  if ("port" in target) return target.port;
  throw new TcpError('Option "path" must be left out in a network in memory: it has ports only', {
    code: "ERR_INVALID_ARG_VALUE",
    address: target.path,
  });
}

function addressOf(hostname: string, port: number): Deno.NetAddr {
  return { transport: "tcp", hostname, port };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLING_TURNS; turn++) await turnOver();
}

/**
 * Makes a network in memory.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createServer } from "@verb/tcp";
 * import { createNetwork } from "@verb/tcp/testing";
 *
 * await using network = createNetwork({ seed: 7, chunkBytes: 3 });
 * const app = createServer("tcp", { deadlines: { idleMs: 300_000 } });
 * app.onConnection((socket) => socket.on("data", (data) => socket.write(data)));
 * const port = network.listen(app);
 *
 * const client = await network.connect(port, { from: "192.0.2.7" });
 * client.write("hello");
 * let heard = "";
 * client.on("data", (data) => heard += data);
 * await network.advance(300_000); // five minutes of silence, in a millisecond
 * assertEquals(heard, "hello");
 * assertEquals((await client.closed).reason, "peer");
 * assertEquals(app.metrics().closed["deadline:idle"], 1);
 * ```
 */
export function createNetwork(options?: NetworkOptions): Network {
  return new Network(options);
}
