/** Peers that break off, stall or talk nonsense in the handshake, and what they say. */

import { once } from "node:events";
import net from "node:net";
import { NodeTlsClient } from "../../src/tls/node_tls.ts";
import { memoryPair } from "../../src/transport/memory.ts";

/** What a client says first: all of it, 240 bytes or so. */
export const clientHello = await captureClientHello();

/** A connection under the handshake, which can end in every way. */
export interface Peer extends AsyncDisposable {
  readonly socket: net.Socket;
  /** The server has said something: it has read a whole ClientHello, and whoever came before has been accepted. */
  readonly answered: Promise<void>;
  /** Both directions are over. Never rejects. */
  readonly closed: Promise<void>;
}

/** Connects, and says nothing. */
export async function openPeer(port: number): Promise<Peer> {
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => {/* a reset is one way to end */});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const answered = new Promise<void>((resolve) => socket.once("data", () => resolve()));
  socket.resume();
  await once(socket, "connect");
  return {
    socket,
    answered,
    closed,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await closed;
    },
  };
}

/** A peer whose handshake has begun: the server has answered, and waits, or has closed it. */
export async function openStalledPeer(port: number): Promise<Peer> {
  const peer = await openPeer(port);
  peer.socket.write(clientHello);
  await Promise.race([peer.answered, peer.closed]);
  return peer;
}

async function captureClientHello(): Promise<Uint8Array> {
  const [ours, theirs] = memoryPair();
  const handshake = new NodeTlsClient({}).secure(ours, "localhost").catch(() => {/* nobody answers it */});
  const buffer = new Uint8Array(4_096);
  const bytes = await theirs.read(buffer) ?? 0;
  theirs.close();
  await handshake;
  ours.close();
  return buffer.slice(0, bytes);
}
