/** Linked pairs of transports, in memory and over loopback, for the cases that hold for both. */

import net from "node:net";
import { NodeTlsClient, NodeTlsContext } from "../../src/tls/node_tls.ts";
import { memoryPair, type MemoryTransport } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { doorsOf } from "../../src/transport/virtual_network.ts";
import { createNetwork, type NetworkOptions } from "../../src/testing/mod.ts";

import { makeAuthority } from "../support/certificates.ts";

/** Two ends of one connection. Disposing closes what is still open. */
export interface Pair extends AsyncDisposable {
  readonly ours: Transport;
  readonly theirs: Transport;
  /** Resets the connection from their end; resolves when that can be seen at ours. */
  reset(): Promise<void>;
}

/** One way to make pairs. */
export interface Engine {
  readonly name: string;
  /** Most bytes that can be on their way before a write must wait. */
  readonly capacityBytes: number;
  open(): Promise<Pair>;
}

function closeQuietly(...transports: Transport[]): Promise<void> {
  for (const transport of transports) {
    try {
      transport.close();
    } catch {
      // The test has closed it.
    }
  }
  return Promise.resolve();
}

const memory: Engine = {
  name: "memory",
  capacityBytes: 65_536,
  open() {
    const [ours, theirs] = memoryPair();
    return Promise.resolve({
      ours,
      theirs,
      reset: () => Promise.resolve(theirs.reset()),
      [Symbol.asyncDispose]: () => closeQuietly(ours, theirs),
    });
  },
};

/** A network of `createNetwork`, with whole or with odd chunks. */
function network(name: string, options: NetworkOptions): Engine {
  return {
    name,
    capacityBytes: 65_536,
    async open() {
      const network = createNetwork(options);
      const { listen, dial } = doorsOf(network);
      const listener = listen({ hostname: "127.0.0.1", port: 0, backlog: 1, reusePort: false });
      if (!("port" in listener.addr)) throw new Error("A network listens on ports");
      const [theirs, ours] = await Promise.all([
        dial({ host: "127.0.0.1", port: listener.addr.port }, new AbortController().signal, { destroy() {} }),
        listener.accept(),
      ]);
      return {
        ours,
        theirs,
        reset: () => Promise.resolve((theirs as MemoryTransport).reset()),
        async [Symbol.asyncDispose]() {
          await closeQuietly(ours, theirs);
          await network.close();
        },
      };
    },
  };
}

const networks = [network("network", {}), network("network, odd chunks", { chunkBytes: 7, seed: 5 })];

const loopback: Engine = {
  name: "Deno TCP",
  capacityBytes: 8_388_608,
  async open() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const [theirs, ours] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
      listener.accept(),
    ]);
    return {
      ours,
      theirs,
      reset: () => Promise.reject(new Error("A Deno.Conn cannot reset; open one with openResettable")),
      [Symbol.asyncDispose]: () => closeQuietly(ours, theirs),
    };
  },
};

const authority = await makeAuthority("CA");
const server = await authority.issue("localhost");

/** TLS over loopback: ours is the server's end. */
function overTls(name: string, secureBoth: (ours: Transport, theirs: Transport) => Promise<Transport[]>): Engine {
  return {
    name,
    capacityBytes: 8_388_608,
    async open() {
      const plain = await loopback.open();
      const [ours, theirs] = await secureBoth(plain.ours, plain.theirs);
      if (ours === undefined || theirs === undefined) throw new Error("Two ends are needed");
      return {
        ours,
        theirs,
        reset: () => Promise.reject(new Error("A TLS connection cannot reset; open one with openResettable")),
        [Symbol.asyncDispose]: () => closeQuietly(ours, theirs),
      };
    },
  };
}

const context = new NodeTlsContext({ cert: server.cert, key: server.key });
const nodeClient = new NodeTlsClient({ ca: authority.cert });
const nodeTls = overTls(
  "node TLS",
  (ours, theirs) => Promise.all([context.secure(ours), nodeClient.secure(theirs, "localhost")]),
);

/** The engines of the contract. */
export const ENGINES: readonly Engine[] = [memory, ...networks, loopback, nodeTls];

/** Those of them whose peer can be made to reset: over TLS a reset is that of the connection below. */
export const RESETTABLE: readonly Engine[] = [memory, ...networks, loopback];

/** As `open`, where their end is one that can send a reset; with Deno TCP `theirs` is not to be used then. */
export async function openResettable(engine: Engine): Promise<Pair> {
  if (engine !== loopback) return await engine.open();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = net.connect(listener.addr.port, "127.0.0.1");
  client.on("error", () => {});
  // Before it is connected it could only be closed.
  const [ours] = await Promise.all([
    listener.accept(),
    new Promise<void>((resolve) => client.once("connect", resolve)),
  ]);
  const closed = new Promise((resolve) => client.once("close", resolve));
  return {
    ours,
    theirs: ours,
    async reset() {
      client.resetAndDestroy();
      await closed;
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
      await closed;
      await closeQuietly(ours);
    },
  };
}
