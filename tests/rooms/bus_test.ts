// Rooms of several processes over one engine, here all in one process.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { framed, type FramedSocket } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { Rooms } from "../../src/rooms/mod.ts";
import { sealEnvelope } from "../../src/rooms/envelope.ts";
import { createNetwork, type Network, socketPair } from "../../src/testing/mod.ts";
import { Uncaught } from "../support/uncaught.ts";
import { MemoryEngine } from "./memory_bus.ts";

const CODEC = lines();

/** One process: its rooms, and what its members heard. */
class Process {
  readonly rooms: Rooms<string, string>;
  readonly told: string[] = [];
  readonly #pairs: ReturnType<typeof socketPair>[] = [];

  constructor(engine: MemoryEngine, wire = "test-1") {
    this.rooms = new Rooms({ codec: CODEC, bus: engine.bus(), wire });
    this.rooms.on("gap", (room, _origin, missed) => this.told.push(`gap ${room} ${missed}`));
    this.rooms.on("busState", (state) => this.told.push(state));
    this.rooms.on("busError", (error) => this.told.push(error.message));
  }

  person(): { member: FramedSocket<string>; heard: () => string[] } {
    const pair = socketPair();
    this.#pairs.push(pair);
    let text = "";
    pair[1].on("data", (data) => text += data);
    return { member: framed(pair[0], CODEC), heard: () => text.split("\n").slice(0, -1) };
  }

  async close(): Promise<void> {
    await this.rooms.close();
    for (const [near, far] of this.#pairs) near.destroy(), far.destroy();
    await Promise.all(this.#pairs.flat().map((socket) => socket.closed));
  }
}

/** An engine, and processes at it, on a network whose time the test moves. */
function over(name: string, fn: (engine: MemoryEngine, network: Network, start: () => Process) => Promise<void>): void {
  Deno.test({
    name,
    permissions: "none",
    async fn() {
      await using network = createNetwork();
      const engine = new MemoryEngine();
      const processes: Process[] = [];
      const start = () => {
        const process = new Process(engine);
        processes.push(process);
        return process;
      };
      await network.advance(0);
      await fn(engine, network, start);
      engine.change("up");
      await Promise.all(processes.map((process) => process.close()));
      await network.advance(0);
      assertEquals([...engine.channels.keys()], [], "channels that are still subscribed");
    },
  });
}

over("what is broadcast in one process is heard in all, once and in order", async (_engine, network, start) => {
  const [one, other] = [start(), start()];
  const [ann, bob, eve] = [one.person(), other.person(), other.person()];
  assertEquals(await one.rooms.join("lobby", ann.member), true);
  await other.rooms.join("lobby", bob.member);
  await other.rooms.join("attic", eve.member);
  for (let n = 0; n < 20; n++) one.rooms.broadcast("lobby", `${n}`, { except: ann.member });
  await network.advance(1);
  assertEquals(bob.heard(), Array.from({ length: 20 }, (_, n) => `${n}`));
  assertEquals([ann.heard(), eve.heard()], [[], []]);
  assertEquals([one.rooms.metrics().published, other.rooms.metrics().received], [20, 20]);
});

over(
  "what one turn broadcasts to a room leaves in one publish, whatever the number of members",
  async (engine, network, start) => {
    const one = start();
    for (let n = 0; n < 30; n++) void one.rooms.join("lobby", one.person().member);
    for (let n = 0; n < 10; n++) one.rooms.broadcast("lobby", "hello");
    one.rooms.broadcast("attic", "hello");
    await network.advance(1);
    assertEquals(engine.published.length, 2);
    for (let n = 0; n < 10; n++) one.rooms.broadcast("lobby", "x".repeat(10_000));
    await network.advance(1);
    assertEquals(engine.published.length, 4, "64 KiB at most are joined");
  },
);

over("a broadcast to several rooms reaches a member elsewhere once", async (_engine, network, start) => {
  const [one, other] = [start(), start()];
  const [bob, eve] = [other.person(), other.person()];
  for (const room of ["a", "b", "c"]) await other.rooms.join(room, bob.member);
  await other.rooms.join("c", eve.member);
  one.rooms.broadcast(["a", "b", "c"], "once");
  one.rooms.broadcast("c", "again");
  await network.advance(1);
  assertEquals([bob.heard(), eve.heard()], [["once", "again"], ["once", "again"]]);
});

over("a room is subscribed while it has members, and no longer", async (engine, network, start) => {
  const one = start();
  const [ann, bob] = [one.person(), one.person()];
  for (const { member } of [ann, bob]) await one.rooms.join("lobby", member);
  assertEquals(engine.channels.size, 1);
  one.rooms.leave("lobby", ann.member);
  await network.advance(1);
  assertEquals(engine.channels.size, 1);
  one.rooms.leave("lobby", bob.member);
  await network.advance(1);
  assertEquals(engine.channels.size, 0);
  const joining = one.rooms.join("lobby", ann.member);
  one.rooms.leave("lobby", ann.member);
  assertEquals(await joining, false);
  assertEquals(await one.rooms.join("lobby", ann.member), true);
});

over(
  "a member that joined while the engine was gone hears of others when it is back",
  async (engine, network, start) => {
    const [one, other] = [start(), start()];
    const bob = other.person();
    engine.change("down");
    let arrives: boolean | undefined;
    void other.rooms.join("lobby", bob.member).then((value) => arrives = value);
    other.rooms.broadcast("lobby", "here");
    one.rooms.broadcast("lobby", "lost");
    await network.advance(60_000);
    assertEquals([arrives, bob.heard(), other.rooms.busState], [undefined, ["here"], "down"]);
    assertEquals(one.rooms.metrics().dropped, 1);
    engine.change("up");
    await network.advance(1);
    assertEquals(arrives, true);
    one.rooms.broadcast("lobby", "back");
    await network.advance(1);
    assertEquals(bob.heard(), ["here", "back"]);
    assertEquals(one.told.filter((line) => line === "up" || line === "down"), ["down", "up"]);
  },
);

over("an engine that fails without a word is tried again, ever more rarely", async (engine, network, start) => {
  const other = start();
  engine.down = true;
  const joining = other.rooms.join("lobby", other.person().member);
  await network.advance(60_000);
  const tries = other.told.length;
  assert(tries >= 10 && tries <= 25, `${tries} tries in a minute`);
  engine.down = false;
  await network.advance(5_000);
  assertEquals(await joining, true);
});

over(
  "messages that are lost are told as a gap by the next one, and replayed ones are heard once",
  async (engine, network, start) => {
    const [one, other] = [start(), start()];
    const bob = other.person();
    await other.rooms.join("lobby", bob.member);
    const say = async (text: string) => {
      one.rooms.broadcast("lobby", text);
      await network.advance(1);
    };
    await say("1");
    engine.losing = 2;
    for (const text of ["2", "3", "4"]) await say(text);
    assertEquals([bob.heard(), other.told], [["1", "4"], ["gap lobby 2"]]);
    const { channel, payload } = engine.published.at(-1)!;
    for (const receive of engine.channels.get(channel)!) receive(payload), receive(engine.published[0]!.payload);
    assertEquals([bob.heard(), other.rooms.metrics().ignored], [["1", "4"], 2]);
  },
);

over(
  "what is said while nobody here is in the room is no hole for whoever joins it again",
  async (_engine, network, start) => {
    const [one, other] = [start(), start()];
    const bob = other.person();
    await other.rooms.join("lobby", bob.member);
    one.rooms.broadcast("lobby", "1");
    await network.advance(1);
    other.rooms.leave("lobby", bob.member);
    one.rooms.broadcast("lobby", "2");
    const joining = other.rooms.join("lobby", bob.member);
    one.rooms.broadcast("lobby", "3");
    await joining;
    await network.advance(1);
    other.rooms.leave("lobby", bob.member);
    await network.advance(1);
    one.rooms.broadcast("lobby", "4");
    await network.advance(1);
    await other.rooms.join("lobby", bob.member);
    one.rooms.broadcast("lobby", "5");
    await network.advance(1);
    assertEquals([bob.heard().at(-1), other.told, other.rooms.metrics().missed], ["5", [], 0]);
  },
);

over("a gap listener that throws is uncaught, and costs nobody a message", async (engine, network, start) => {
  using uncaught = new Uncaught();
  const [one, other] = [start(), start()];
  const bob = other.person();
  await other.rooms.join("lobby", bob.member);
  for (const event of ["gap", "busState"] as const) {
    other.rooms.on(event, () => {
      throw new Error(event);
    });
  }
  for (const text of ["1", "2", "3"]) {
    engine.losing = text === "2" ? 1 : 0;
    one.rooms.broadcast("lobby", text);
    await network.advance(1);
  }
  engine.change("down");
  engine.change("up");
  await network.advance(1);
  assertEquals(bob.heard(), ["1", "3"]);
  assertEquals([one.rooms.busState, other.rooms.busState], ["up", "up"]);
  assertEquals(uncaught.errors.map(({ message }) => message), ["gap", "busState", "busState"]);
});

over(
  "whoever asks who is in a room hears the answers, though others ask, and come and go, meanwhile",
  async (_engine, network, start) => {
    const [one, other] = [start(), start()];
    const [ann, bob] = [one.person(), other.person()];
    await other.rooms.join("lobby", bob.member, "bob");
    const first = one.rooms.list("lobby");
    await network.advance(499);
    const second = one.rooms.list("lobby");
    await network.advance(1);
    await first;
    const third = one.rooms.list("lobby");
    void one.rooms.join("lobby", ann.member, "ann");
    one.rooms.leave("lobby", ann.member);
    await network.advance(500);
    for (const listed of [first, second, third]) assertEquals((await listed).members, ["bob"]);
  },
);

over(
  "foreign and damaged payloads, and those of another wire, are counted and reach nobody",
  async (engine, network, start) => {
    const [one, other] = [start(), start()];
    const bob = other.person();
    await other.rooms.join("lobby", bob.member);
    const stranger = new Process(engine, "test-2");
    stranger.rooms.broadcast("lobby", "of another wire");
    one.rooms.broadcast("lobby", "good");
    await network.advance(1);
    const good = engine.published.at(-1)!;
    const junk = [new Uint8Array(0), new TextEncoder().encode("PING"), good.payload.slice(0, 30), "text" as never];
    for (const payload of junk) {
      for (const receive of engine.channels.get(good.channel)!) receive(payload);
    }
    assertEquals([bob.heard(), other.rooms.metrics().ignored], [["good"], 5]);
    await stranger.close();
  },
);

over(
  "what an engine does not take in time is dropped beyond 16 MiB, and memory stays bounded",
  async (_engine, network, start) => {
    const rooms = new Rooms<string>({
      codec: CODEC,
      wire: "test-1",
      bus: {
        publish: () => new Promise(() => {}),
        subscribe: () => Promise.resolve(() => Promise.resolve()),
        close: () => Promise.resolve(),
      },
    });
    for (let n = 0; n < 30; n++) {
      rooms.broadcast("lobby", "x".repeat(1_000_000));
      await network.advance(1);
    }
    assertEquals(rooms.metrics().dropped, 14);
    await rooms.close();
    start();
  },
);

over(
  "every name is a channel of its own, without a character that means something to an engine",
  async (engine, _network, start) => {
    const one = start();
    for (const room of ["*", ">", "a.b", "a b", "__proto__", "\n", "ü", "x".repeat(256)]) {
      await one.rooms.join(room, one.person().member);
    }
    assertEquals(engine.channels.size, 8);
    for (const channel of engine.channels.keys()) assert(/^[\w-]+$/.test(channel), channel);
  },
);

Deno.test("a bus needs a wire, and no wire may be too long", () => {
  const bus = new MemoryEngine().bus();
  for (const wire of [undefined, "", "x".repeat(65), 7]) {
    assertThrows(() => new Rooms({ bus, wire: wire as string }), TypeError, '"wire"');
  }
  assertThrows(() => new Rooms({ bus: {} as typeof bus, wire: "a" }), TypeError, '"bus"');
});

Deno.test("payloads of our own origin are not heard again", async () => {
  const engine = new MemoryEngine();
  const process = new Process(engine);
  const ann = process.person();
  await process.rooms.join("lobby", ann.member);
  process.rooms.broadcast("lobby", "once");
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setTimeout(resolve));
  assertEquals(ann.heard(), ["once"]);
  const head = { wire: "test-1", origin: "f".repeat(32), epoch: 1, first: 0, count: 1, others: [] };
  for (const receive of engine.channels.values().next().value!) {
    receive(sealEnvelope(head, [CODEC.encode("from elsewhere")]));
  }
  await new Promise<void>((resolve) => setTimeout(resolve));
  assertEquals(ann.heard(), ["once", "from elsewhere"]);
  await process.close();
});

Deno.test({
  name: "Rooms.close() does not wait for an engine that does not answer, and nothing goes on behind it",
  permissions: "none",
  async fn() {
    await using network = createNetwork();
    const rooms = new Rooms<string>({
      codec: CODEC,
      wire: "test-1",
      bus: {
        publish: () => new Promise(() => {}),
        subscribe: () => Promise.resolve(() => new Promise(() => {})),
        close: () => Promise.resolve(),
      },
    });
    const [near, far] = socketPair();
    await rooms.join("lobby", framed(near, CODEC));
    let closed = false;
    void rooms.close().then(() => closed = true);
    await network.advance(1_000);
    near.destroy();
    await far.closed;
    await network.advance(60_000);
    assertEquals([closed, network.timers], [true, 0]);
  },
});
