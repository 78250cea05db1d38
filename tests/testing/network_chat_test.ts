// A chat session under faults, for a thousand seeds: what a receiver gets is whole and in order, and where something is
// missing its receipt says why.

import { assert, assertEquals } from "@std/assert";
import { createServer, framed, type TCPSocket } from "../../mod.ts";
import { ndjson } from "../../src/framing/mod.ts";
import { createNetwork, type Network } from "../../src/testing/mod.ts";
import { Random } from "../../src/testing/random.ts";

const SEEDS = 1_000;
const MEMBERS = 4;
const STEPS = 12;

interface Say {
  readonly from: number;
  readonly n: number;
  readonly text: string;
}

/** What happened in a session, line by line, and who promised what. */
class Session implements AsyncDisposable {
  readonly log: string[] = [];
  readonly network: Network;
  readonly #random: Random;
  readonly #port: number;
  readonly #members = new Map<number, TCPSocket>();
  readonly #peers = new Map<number, ReturnType<typeof framed<Say, Say>>>();
  // What the server sent to each connection, and what arrived.
  readonly sent = new Map<number, Say[]>();
  readonly got = new Map<number, Say[]>();
  readonly closes = new Map<string, number>();
  readonly receipts = new Map<string, string>();
  #numbers = 0;
  #said = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.network = createNetwork({ seed, latencyMs: [0, 20], chunkBytes: 1 + this.#random.below(40) });
    const app = createServer("tcp", { deadlines: { idleReadMs: 120_000, flushMs: 30_000 } });
    app.onError(() => {});
    app.onConnection((socket) => {
      const number = socket.remotePort!;
      const peer = framed(socket, ndjson<Say, Say>());
      this.sent.set(number, []);
      this.#watch(`server ${number}`, socket);
      this.#peers.set(number, peer);
      socket.on("close", () => this.#peers.delete(number));
      peer.on("message", (say) => {
        for (const [to, other] of this.#peers) {
          if (other.send(say) || !other.socket.destroyed) this.sent.get(to)?.push(say);
        }
      });
    });
    this.#port = this.network.listen(app);
  }

  async run(): Promise<void> {
    await this.network.advance(0);
    for (let member = 0; member < MEMBERS; member++) await this.#join();
    for (let step = 0; step < STEPS; step++) {
      this.#act();
      await this.network.advance(this.#random.below(200));
    }
    await this.network.advance(10_000);
    for (const socket of this.#members.values()) socket.end();
    await this.network.advance(600_000);
  }

  async #join(): Promise<void> {
    const connecting = this.network.connect(this.#port, { deadlines: { flushMs: 30_000, idleReadMs: 240_000 } });
    await this.network.advance(100);
    const socket = await connecting;
    const number = socket.localPort!;
    const peer = framed(socket, ndjson<Say, Say>());
    this.got.set(number, []);
    this.#members.set(++this.#numbers, socket);
    this.#watch(`client ${number}`, socket);
    peer.on("message", (say) => {
      this.got.get(number)?.push(say);
      this.log.push(`${number} hears ${say.from}.${say.n}`);
    });
    socket.on("error", (error) => this.log.push(`${number} fails: ${error.code}`));
  }

  #watch(name: string, socket: TCPSocket): void {
    this.closes.set(name, 0);
    socket.on("close", () => {
      this.closes.set(name, this.closes.get(name)! + 1);
      this.log.push(`${name} closes`);
    });
    void socket.closed.then(({ reason, unsentBytes }) => this.receipts.set(name, `${reason} ${unsentBytes}`));
  }

  #act(): void {
    const members = [...this.#members];
    const [number, socket] = members[this.#random.below(members.length)]!;
    const what = this.#random.below(14);
    if (socket.destroyed) return;
    if (what < 9) {
      const text = "x".repeat(this.#random.below(300));
      socket.write(`${JSON.stringify({ from: number, n: ++this.#said, text })}\n`);
    } else if (what === 9) this.network.link(socket).reset();
    else if (what === 10) this.network.link(socket).stall(this.#random.below(5_000));
    else if (what === 11) this.network.link(socket).trickle(1 + this.#random.below(50), this.#random.below(5));
    else if (what === 12) this.network.partition(this.#random.below(3_000));
    else if (this.#random.below(2) === 0) this.network.link(socket).blackHole();
    else socket.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network.close();
  }
}

const ids = (says: readonly Say[]) => says.map(({ from, n }) => `${from}.${n}`);

Deno.test({
  name: `a chat session keeps every promise under faults, for ${SEEDS} seeds`,
  permissions: "none",
  async fn() {
    let short = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      await using session = new Session(seed);
      await session.run();
      const { sent, got, closes, receipts, network } = session;
      for (const [name, count] of closes) assertEquals(count, 1, `seed ${seed}: closes of ${name}`);
      assertEquals(closes.size, 2 * MEMBERS, `seed ${seed}: connections`);
      for (const [number, heard] of got) {
        const [due, came] = [ids(sent.get(number) ?? []), ids(heard)];
        assertEquals(came, due.slice(0, came.length), `seed ${seed}: what ${number} heard`);
        if (came.length === due.length) continue;
        short++;
        const ends = [receipts.get(`client ${number}`), receipts.get(`server ${number}`)];
        const orderly = ends.every((end) => end === "local 0" || end === "peer 0");
        assert(!orderly, `seed ${seed}: ${number} heard ${came.length} of ${due.length}, and its ends say ${ends}`);
      }
      assertEquals(network.timers, 0, `seed ${seed}: timers left`);
    }
    assert(short > 0, "no fault has cost a message: the faults do nothing");
  },
});

Deno.test({
  name: "a seed gives the same session twice, to the letter",
  permissions: "none",
  async fn() {
    const run = async (seed: number) => {
      await using session = new Session(seed);
      await session.run();
      return session.log;
    };
    for (const seed of [1, 2, 3, 50, 99]) {
      const first = await run(seed);
      assert(first.length > 10);
      assertEquals(await run(seed), first);
    }
    assert((await run(1)).join() !== (await run(2)).join());
  },
});
