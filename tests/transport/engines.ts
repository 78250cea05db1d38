/** Linked pairs of transports, in memory and over loopback, for the cases that hold for both. */

import net from "node:net";
import { memoryPair } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";

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

/** The engines of the contract. */
export const ENGINES: readonly Engine[] = [memory, loopback];

/** As `open`, where their end is one that can send a reset; with Deno TCP `theirs` is not to be used then. */
export async function openResettable(engine: Engine): Promise<Pair> {
  if (engine === memory) return await engine.open();
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
