/** Whose bytes lie in the kernel while the process is busy is not late; whoever is silent still is. */

import { assertEquals } from "@std/assert";
import { createServer, MessageProtocol, type TCPSocket } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { burn, BusyLoop } from "../support/busy_loop.ts";

// The kernel is asked once in 61 turns, which is later than the deadline.
const TURN_MS = 2;
const DEADLINE_MS = 80;
const OLD_PEERS = 180;
const NEWCOMERS = 20;

Deno.test("200 honest peers of a busy process are cut by no deadline, and silent ones are", async () => {
  await using app = createServer("tcp", { deadlines: { firstByteMs: DEADLINE_MS, idleMs: DEADLINE_MS } });
  let unfinished = OLD_PEERS + NEWCOMERS + 2;
  let busy = false;
  app.onConnection((socket) => {
    let chunks = 0;
    socket.on("data", () => busy && ++chunks === 3 && unfinished--);
    socket.on("error", () => {}); // told by the metrics
    socket.on("close", () => chunks < 3 && unfinished--);
  });
  app.listen(0, "127.0.0.1");
  const { port } = app.address()!; // listening

  const peers: Deno.TcpConn[] = [];
  const honest: Deno.TcpConn[] = [];
  async function add(role: "honest" | "silent" | "falls silent"): Promise<void> {
    const peer = await Deno.connect({ port, hostname: "127.0.0.1" });
    peers.push(peer);
    if (role === "silent") return;
    await peer.write(new Uint8Array(1));
    if (role === "honest") honest.push(peer);
  }
  let next = 0;
  function talk(count: number): void {
    for (let i = 0; i < Math.min(count, honest.length); i++) {
      honest[next++ % honest.length]!.write(new Uint8Array(1)).catch(() => {/* it was cut: the metrics tell */});
    }
  }
  const talking = setInterval(() => talk(OLD_PEERS), DEADLINE_MS / 5);
  await Promise.all(Array.from({ length: OLD_PEERS }, () => add("honest")));
  clearInterval(talking);

  busy = true;
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  // The peers talk in the very turns that burn: none of them is silent for long, however slow the machine.
  using _loop = new BusyLoop(TURN_MS, () => {
    talk(50);
    if (unfinished === 0) finish();
  });
  await Promise.all([
    add("silent"),
    add("falls silent"),
    ...Array.from({ length: NEWCOMERS }, () => add("honest")),
  ]);
  await finished;

  const { open, closed } = app.metrics();
  for (const peer of peers) peer.close();
  assertEquals(open, OLD_PEERS + NEWCOMERS);
  assertEquals([closed["deadline:firstByte"], closed["deadline:idle"]], [1, 1]);
});

Deno.test("a connect that was answered while the process was busy succeeds", async () => {
  await using app = createServer("tcp").onConnection((socket) => socket.resume()).listen(0, "127.0.0.1");
  const { port } = app.address()!; // listening
  const connecting = connect({ port, host: "127.0.0.1", timeoutMs: 20 });
  burn(100);
  await using standstill = await connecting;
  using _loop = new BusyLoop(TURN_MS);
  await using busy = await connect({ port, host: "127.0.0.1", timeoutMs: 20 });
  assertEquals([standstill.readyState, busy.readyState], ["open", "open"]);
});

Deno.test("a peer that talks while the process is busy is neither missed by a heartbeat nor told of by timeout", async () => {
  await using app = createServer("tcp");
  const { promise: accepted, resolve } = Promise.withResolvers<TCPSocket>();
  app.onConnection(resolve).listen(0, "127.0.0.1");
  using peer = await Deno.connect({ port: app.address()!.port, hostname: "127.0.0.1" });
  const socket = await accepted;
  const protocol = new MessageProtocol<string>(socket).attach();
  let messages = 0;
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  protocol.onMessage = () => ++messages === 400 && finish();
  const told: string[] = [];
  for (const event of ["timeout", "close"]) socket.on(event, () => told.push(event) && finish());
  const frame = protocol.encode("I am here");
  using _loop = new BusyLoop(TURN_MS, () => void peer.write(frame));
  const heartbeat = protocol.startHeartbeat({ ping: () => "Are you there?", intervalMs: 20, misses: 1 });
  socket.setTimeout(20);
  await finished;
  assertEquals([told, heartbeat.running], [[], true]);
  socket.destroy();
  await socket.closed;
});

Deno.test("peers that wait for their turn between others, whose messages cost time, are not idle", async () => {
  const [peers, chunks] = [20, 4];
  // Each of them waits for all the others, which is much longer than the deadline.
  await using app = createServer("tcp", { deadlines: { idleMs: 5 * TURN_MS } });
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  const told: string[] = [];
  let unfinished = peers;
  app.onConnection((socket) => {
    let count = 0;
    socket.setTimeout(5 * TURN_MS);
    socket.on("timeout", () => told.push("timeout"));
    socket.on("data", () => {
      burn(5 * TURN_MS);
      if (++count === chunks && --unfinished === 0) finish();
    });
    socket.on("close", () => {
      told.push("close");
      if (count < chunks && --unfinished === 0) finish();
    });
  });
  app.onError(() => {}); // told by `close`
  app.listen(0, "127.0.0.1");
  const { port } = app.address()!; // listening
  const clients = await Promise.all(Array.from({ length: peers }, () => Deno.connect({ port, hostname: "127.0.0.1" })));
  // More than it reads at a time: whenever it reads there is something.
  for (const client of clients) client.write(new Uint8Array(1_000_000)).catch(() => {/* it was cut */});
  await finished;
  const seen = told.slice();
  for (const client of clients) client.close();
  assertEquals(seen, []);
});
