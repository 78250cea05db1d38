// Chunks that are lent to another socket must come back before their buffer is read into again, whatever the user does to
// the pipe meanwhile. These cases corrupted the stream without a sign of it.

import { assertEquals } from "@std/assert";
import { Writable } from "node:stream";
import type { TCPSocket } from "../../mod.ts";
import { resolveSocketSettings } from "../../src/socket/settings.ts";
import { connectionOf } from "../../src/socket/socket_facts.ts";
import { adoptTransport } from "../../src/socket/tcp_socket.ts";
import { memoryPair, type MemoryPairOptions, type MemoryTransport } from "../../src/transport/memory.ts";
import { turn } from "./recording_transport.ts";

const BYTES = 400_000;

type Meddle = (source: TCPSocket, target: TCPSocket, turns: number) => void;

/** A socket over memory, and the other end. */
function open(options: MemoryPairOptions): { socket: TCPSocket; peer: MemoryTransport } {
  const [transport, peer] = memoryPair(options);
  const failed = (error: Error) => {
    throw error;
  };
  const host = { handlerFailed: failed, connectionFailed: failed, connectionClosed: () => {} };
  const socket = adoptTransport(transport, resolveSocketSettings(undefined, undefined, undefined), host);
  connectionOf(socket).startReading();
  return { socket, peer };
}

/** Pipes 400 kB to a slow socket, does something to the pipe in every turn, and gives where the first wrong byte is. */
async function relay(meddle: Meddle): Promise<number> {
  const from = open({ capacityBytes: BYTES });
  const to = open({ capacityBytes: 5_000 });
  const data = Uint8Array.from({ length: BYTES }, (_, i) => i % 251);
  await from.peer.write(data);
  from.socket.pipe(to.socket);
  const received = new Uint8Array(BYTES);
  for (let at = 0, turns = 0; at < BYTES;) {
    await turn();
    meddle(from.socket, to.socket, ++turns);
    await turn();
    at += await to.peer.read(received.subarray(at, at + 3_000)) ?? BYTES;
  }
  for (const { socket, peer } of [from, to]) {
    socket.destroy();
    peer.close();
    await socket.closed;
  }
  return received.findIndex((byte, i) => byte !== data[i]);
}

const listener = () => {};

const MEDDLING: [what: string, meddle: Meddle][] = [
  ["nothing is done to it", () => {}],
  ["the source is paused and resumed", (source) => void source.pause().resume()],
  ["the target is taken off and put back", (source, target) => void source.unpipe(target).pipe(target)],
  ["a data listener comes and goes", (source) => void source.on("data", listener).off("data", listener)],
  ["a data listener comes and stays", (source, _, turns) => {
    if (turns === 20) source.on("data", listener);
  }],
  ["another target comes and stays", (source, _, turns) => {
    if (turns === 20) source.pipe(new Writable({ write: (_chunk, _encoding, done) => done() }));
  }],
  ["resume() is called once too often", (source) => void source.resume()],
  ["an encoding is set", (source) => void source.setEncoding("latin1")],
];

for (const [what, meddle] of MEDDLING) {
  Deno.test({
    name: `TCPSocket.pipe() to a slow socket keeps every byte while ${what}`,
    permissions: "none",
    async fn() {
      assertEquals(await relay(meddle), -1);
    },
  });
}
