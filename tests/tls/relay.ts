/** Somebody between the two ends, who sees and does what TLS is there against. */

import { once } from "node:events";
import net from "node:net";
import { connect, type ServerOptions, type TcpServer, type TCPSocket } from "../../mod.ts";
import type { ClientOptions } from "../../tcp.ts";
import { type Engine, serverOptions } from "./engines.ts";
import { authority, listen } from "./support.ts";

const APPLICATION_DATA = 23;
const HEADER_BYTES = 5;

/** One direction, from one end to the other. */
class Direction {
  /** How many records of application data have begun; with TLS 1.3 the last messages of the handshake look like them. */
  records = 0;
  /** What is done to what comes, before it is passed on. */
  change: ((bytes: Uint8Array) => Uint8Array) | undefined;
  readonly to: net.Socket;
  // Where it is in the records: the header so far, and what is left of the body.
  #header: number[] = [];
  #body = 0;

  constructor(from: net.Socket, to: net.Socket) {
    this.to = to;
    from.on("data", (bytes) => {
      this.#count(bytes);
      if (to.writable) to.write(this.change?.(bytes) ?? bytes);
    });
    from.on("end", () => to.end());
  }

  #count(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const part = Math.min(this.#body, bytes.length - at);
      this.#body -= part;
      at += part;
      if (part > 0) continue;
      this.#header.push(...bytes.subarray(at, ++at));
      if (this.#header.length < HEADER_BYTES) continue;
      const [type, , , high = 0, low = 0] = this.#header;
      this.#header = [];
      this.#body = high * 256 + low;
      if (type === APPLICATION_DATA) this.records++;
    }
  }
}

/** A connection through a relay. Disposing destroys both ends of it. */
export interface Relayed extends AsyncDisposable {
  readonly app: TcpServer;
  readonly client: TCPSocket;
  readonly accepted: TCPSocket;
  /** What the client sends. */
  readonly up: Direction;
  /** What the server sends. */
  readonly down: Direction;
  /** FIN to both ends, which neither has asked for. */
  end(): void;
  /** RST to both. */
  reset(): void;
}

/** Connects two ends of that engine through a relay. */
export async function relay(
  engine: Engine,
  options: ServerOptions & Omit<ClientOptions, "port" | "host" | "tls"> = {},
): Promise<Relayed> {
  const app = listen(serverOptions(engine, options));
  app.onError(() => {/* a test that cares has a listener on the socket */});
  app.onConnection(() => {});
  const connection = once(app, "connection");
  const middle = net.createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(middle, "listening");
  const address = middle.address();
  if (address === null || typeof address === "string") throw new Error("A port is needed");
  const joined = once(middle, "connection");
  const connecting = connect({
    ...options,
    port: address.port,
    host: "127.0.0.1",
    tls: { ca: authority.cert, servername: "localhost", engine },
  });
  const [near]: net.Socket[] = await joined;
  const far = net.connect({ port: app.address()!.port, host: "127.0.0.1", allowHalfOpen: true }); // it listens
  if (near === undefined) throw new Error("A connection was announced without a socket");
  const legs = [near, far];
  for (const leg of legs) leg.on("error", () => {/* one end may be gone */}).setNoDelay(true);
  const [up, down] = [new Direction(near, far), new Direction(far, near)];
  const [client, [accepted]]: [TCPSocket, TCPSocket[]] = await Promise.all([connecting, connection]);
  if (accepted === undefined) throw new Error("A connection was announced without a socket");
  return {
    app,
    client,
    accepted,
    up,
    down,
    end: () => legs.forEach((leg) => leg.end()),
    reset: () => legs.forEach((leg) => leg.resetAndDestroy()),
    async [Symbol.asyncDispose]() {
      client.destroy();
      app.destroy();
      await Promise.all([client.closed, accepted.closed]);
      const closed = Promise.all(legs.map((leg) => leg.closed || once(leg, "close")));
      for (const leg of legs) leg.destroy();
      await closed;
      await new Promise((resolve) => middle.close(resolve));
    },
  };
}
