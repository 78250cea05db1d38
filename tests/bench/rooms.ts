// deno-lint-ignore-file no-console -- a command line
/**
 * How fast a broadcast gets from one process to the members in another, over Redis and over NATS, each started for this:
 * `deno run -A tests/bench/rooms.ts [SECONDS] [MEMBERS]`. Needs `redis-server` and `nats-server` on PATH. This process says
 * messages of 200 bytes, several a turn, and reads what the members get on their sockets; another one serves the members.
 */

import { Redis } from "npm:ioredis@6.0.0";
import { connect } from "npm:@nats-io/transport-node@3.4.0";
import { createServer, framed } from "../../mod.ts";
import { frames, lines } from "../../src/framing/mod.ts";
import { natsBus, redisBus, type RoomBus, Rooms } from "../../src/rooms/mod.ts";
import { EngineServer } from "../peers/rooms_service.ts";

const MESSAGES_A_TURN = 8;
/** Messages under way between the processes. */
const IN_FLIGHT = 64;
const TEXT = "x".repeat(199); // and the end of the line
const codec = lines();

interface OpenBus {
  readonly bus: RoomBus;
  /** Ends its clients. */
  readonly disconnect: () => unknown;
}

async function openBus(engine: string, port: number): Promise<OpenBus> {
  if (engine === "NATS") {
    const connection = await connect({ servers: `127.0.0.1:${port}` });
    return { bus: natsBus(connection), disconnect: () => connection.close() };
  }
  const [publisher, subscriber] = [new Redis(port, "127.0.0.1"), new Redis(port, "127.0.0.1")];
  const clients = [publisher, subscriber];
  await Promise.all(clients.map((client) => new Promise((resolve) => client.once("ready", resolve))));
  return {
    bus: redisBus({ publisher, subscriber }),
    disconnect: () => clients.forEach((client) => client.disconnect()),
  };
}

/** The other process: whoever connects is in the room. */
async function serveMembers(engine: string, port: number, members: number): Promise<void> {
  const { bus } = await openBus(engine, port);
  const rooms = new Rooms<string>({ codec, wire: "bench-1", bus });
  const app = createServer().onConnection(async (socket) => {
    await rooms.join("room", framed(socket, codec));
    if (rooms.size("room") === members) console.log("all are there");
  });
  app.listen(0, "127.0.0.1", () => console.log(app.address()?.port));
}

/** Gives deliveries per second, and calls of the engine per turn. */
async function measure(engine: string, seconds: number, members: number): Promise<[rate: number, publishes: number]> {
  await using server = new EngineServer(engine === "NATS" ? "nats-server" : "redis-server");
  await server.start();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", import.meta.filename!, "members", engine, `${server.port}`, `${members}`],
    stdout: "piped",
  }).spawn();
  const said = frames(child.stdout, lines());
  const port = Number((await said.next()).value);
  const sockets = await Promise.all(Array.from({ length: members }, () => Deno.connect({ port })));
  await said.next(); // all are there

  const { bus, disconnect } = await openBus(engine, server.port);
  let publishes = 0;
  const rooms = new Rooms<string>({
    codec,
    wire: "bench-1",
    bus: {
      publish(channel, payload) {
        publishes++;
        return bus.publish(channel, payload);
      },
      subscribe: (channel, receive) => bus.subscribe(channel, receive),
      close: () => bus.close(),
    },
  });

  let receivedBytes = 0;
  let wake = () => {};
  for (const socket of sockets) {
    void (async () => {
      const buffer = new Uint8Array(65_536);
      for (let count; (count = await socket.read(buffer)) !== null;) {
        receivedBytes += count;
        wake();
      }
    })();
  }
  const messageBytes = (TEXT.length + 1) * members;
  const started = performance.now();
  let turns = 0;
  while (performance.now() - started < seconds * 1_000) {
    for (let n = 0; n < MESSAGES_A_TURN; n++) rooms.broadcast("room", TEXT);
    turns++;
    while (turns * MESSAGES_A_TURN - receivedBytes / messageBytes > IN_FLIGHT) {
      await new Promise<void>((resolve) => wake = resolve);
    }
    await new Promise((resolve) => setTimeout(resolve, 0)); // the turn ends
  }
  while (receivedBytes < turns * MESSAGES_A_TURN * messageBytes) await new Promise<void>((resolve) => wake = resolve);
  const rate = turns * MESSAGES_A_TURN * members / (performance.now() - started) * 1_000;
  await rooms.close();
  await disconnect();
  child.kill("SIGKILL");
  await child.status;
  return [rate, publishes / turns];
}

const [first = "4", ...rest] = Deno.args;
if (first === "members") {
  await serveMembers(rest[0]!, Number(rest[1]), Number(rest[2])); // given above
} else {
  const members = Number(rest[0] ?? 100);
  for (const engine of ["Redis", "NATS"]) {
    const [rate, publishes] = await measure(engine, Number(first), members);
    const perSecond = `${Math.round(rate).toLocaleString("en")} deliveries/s`;
    console.log(`${engine}, ${members} members: ${perSecond}, ${publishes} publishes a turn`);
  }
  Deno.exit(0);
}
