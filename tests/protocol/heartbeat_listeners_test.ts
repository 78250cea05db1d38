/** What a heartbeat and a change of protocol leave on the socket: nothing. */

import { assertEquals } from "@std/assert";
import { framed, MessageProtocol, type TCPSocket } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { connectionOf } from "../../src/socket/socket_facts.ts";
import { link } from "./linked.ts";

const ROUNDS = 12;
const HEARTBEAT = { ping: () => "ping", isPong: (line: unknown) => line === "pong", intervalMs: 60_000 };

/** How many listeners of every event there are, and who is kept by the connection besides. */
function countListeners(socket: TCPSocket): Record<string, number> {
  const counts = socket.eventNames().map((event) => [String(event), socket.listenerCount(event)]);
  return { ...Object.fromEntries(counts), holders: connectionOf(socket).holders?.length ?? 0 };
}

const CHANGES: [how: string, change: (socket: TCPSocket) => void][] = [
  ["framed, startHeartbeat() and takeRest()", (socket) => {
    const peer = framed(socket, lines());
    peer.on("message", () => {}).startHeartbeat(HEARTBEAT);
    peer.takeRest();
  }],
  ["MessageProtocol, startHeartbeat() and takeRest()", (socket) => {
    const protocol = new MessageProtocol(socket).attach();
    protocol.startHeartbeat(HEARTBEAT);
    protocol.takeRest();
  }],
  ["startHeartbeat() and stop()", (socket) => new MessageProtocol(socket).startHeartbeat(HEARTBEAT).stop()],
  ["startHeartbeat(), stop() and takeRest()", (socket) => {
    const protocol = new MessageProtocol(socket).attach();
    protocol.startHeartbeat(HEARTBEAT).stop();
    protocol.takeRest();
  }],
];

for (const [how, change] of CHANGES) {
  Deno.test(`${ROUNDS} rounds of ${how} leave no listener behind`, async () => {
    await using linked = await link();
    const { socket } = linked;
    const before = countListeners(socket);
    for (let i = 0; i < ROUNDS; i++) change(socket);
    assertEquals(countListeners(socket), before);
  });
}

Deno.test("a heartbeat that was stopped starts again, and ends with its socket", async () => {
  await using linked = await link();
  const { socket } = linked;
  const protocol = new MessageProtocol(socket).attach();
  const heartbeat = protocol.startHeartbeat(HEARTBEAT);
  heartbeat.stop();
  heartbeat.start().start();
  assertEquals([heartbeat.running, socket.listenerCount("close")], [true, 1]);
  protocol.startHeartbeat(HEARTBEAT);
  assertEquals([heartbeat.running, socket.listenerCount("close")], [false, 1]);
  socket.destroy();
  await socket.closed;
  assertEquals([heartbeat.start().running, socket.listenerCount("close")], [false, 0]);
});
