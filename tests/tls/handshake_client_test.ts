// Servers that break off, stall or talk nonsense: what a client tells, and that it keeps nothing.

import { assert, assertEquals, assertRejects } from "@std/assert";
import net from "node:net";
import { type CloseReceipt, TcpError } from "../../mod.ts";
import { connect, TCPSocket } from "../../tcp.ts";
import { descriptorsFall } from "../support/descriptors.ts";
import { authority } from "./support.ts";

/** A server that is no good, and its connections. */
interface BadServer extends AsyncDisposable {
  readonly port: number;
  /** Whether all of its clients have freed their descriptors. */
  left(): Promise<boolean>;
}

/** Does `act` to each connection once the ClientHello has come. */
async function listenBadly(act: (socket: net.Socket) => void): Promise<BadServer> {
  const sockets: net.Socket[] = [];
  const clients: (number | undefined)[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket);
    clients.push(socket.remotePort);
    socket.on("error", () => {/* a reset is one way to end */});
    socket.once("data", () => act(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A port is needed");
  return {
    port: address.port,
    async left() {
      assert(clients.length > 0);
      for (const port of clients) {
        if (port === undefined || !await descriptorsFall(port, 0)) return false;
      }
      return true;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const NO_TLS = "ERR_SSL_WRONG_VERSION_NUMBER";
// The head of a record of 122 bytes with a ServerHello in it, and the first bytes of that.
const HALF_A_SERVER_HELLO = Uint8Array.of(0x16, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3, 1, 2, 3, 4, 5);

const FAULTS: readonly (readonly [what: string, code: string, act: (socket: net.Socket) => void])[] = [
  ["speaks plain HTTP", NO_TLS, (socket) => socket.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")],
  ["talks garbage", NO_TLS, (socket) => socket.write(Uint8Array.from({ length: 300 }, (_, i) => 255 - i * 3))],
  ["refuses by an alert", "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", (socket) => {
    socket.write(Uint8Array.of(0x15, 3, 3, 0, 2, 2, 40));
  }],
  ["ends the connection", "ECONNRESET", (socket) => socket.end()],
  ["ends it within its answer", "ECONNRESET", (socket) => socket.end(HALF_A_SERVER_HELLO)],
  ["resets the connection", "ECONNRESET", (socket) => socket.resetAndDestroy()],
  ["resets it within its answer", "ECONNRESET", (socket) => {
    socket.write(HALF_A_SERVER_HELLO, () => socket.resetAndDestroy());
  }],
];

/** What becomes of a socket that connects there: its events, the code of its error, and its receipt. */
async function fate(options: ConstructorParameters<typeof TCPSocket>[0], port: number) {
  const socket = new TCPSocket(options);
  const events: string[] = [];
  for (const event of ["connect", "secureConnect", "data", "end", "error", "close"] as const) {
    socket.on(event, () => events.push(event));
  }
  let code: string | undefined;
  socket.on("error", (error) => code = error.code);
  socket.connect(port, "127.0.0.1");
  socket.write("a secret");
  const receipt: CloseReceipt = await socket.closed;
  return { events, code, receipt };
}

for (const engine of ["node", "deno"] as const) {
  const tls = { engine, ca: authority.cert };

  for (const [what, code, act] of FAULTS) {
    Deno.test(`a client (${engine}) gives up a server that ${what}, and keeps no descriptor`, async () => {
      await using server = await listenBadly(act);
      const { port } = server;
      const told = await fate({ tls }, port);
      assertEquals([told.code, told.receipt.reason], [code, "tls"]);
      assertEquals(told.events, ["connect", "error", "close"]);
      assertEquals([told.receipt.bytesRead, told.receipt.bytesWritten, told.receipt.unsentBytes], [0, 0, 8]);
      const error = await assertRejects(() => connect({ port, host: "127.0.0.1", tls }), TcpError);
      assertEquals(error.code, code);
      assert(await server.left());
    });
  }

  for (
    const [what, act] of [
      ["is silent", () => {}],
      ["is silent within its answer", (socket: net.Socket) => socket.write(HALF_A_SERVER_HELLO)],
    ] as const
  ) {
    Deno.test(`a client (${engine}) gives up a server that ${what} at deadlines.handshakeMs`, async () => {
      const server = await listenBadly(act);
      const { port } = server;
      const told = await fate({ tls, deadlines: { handshakeMs: 100 } }, port);
      assertEquals([told.code, told.receipt.reason], ["ETIMEDOUT", "deadline:handshake"]);
      assertEquals(told.events, ["connect", "error", "close"]);
      // The runtime's own TLS frees the descriptor when the server goes.
      if (engine === "node") assert(await server.left());
      await server[Symbol.asyncDispose]();
      assert(await server.left());
    });

    Deno.test(`a client (${engine}) that is aborted while the server ${what} tells of that`, async () => {
      const { promise: reached, resolve } = Promise.withResolvers<void>();
      const server = await listenBadly((socket) => {
        act(socket);
        resolve();
      });
      const { port } = server;
      const leaving = new AbortController();
      const rejected = assertRejects(
        () => connect({ port, host: "127.0.0.1", tls, signal: leaving.signal }),
        Error,
        "enough",
      );
      await reached;
      leaving.abort(new Error("enough"));
      await rejected;
      if (engine === "node") assert(await server.left());
      await server[Symbol.asyncDispose]();
      assert(await server.left());
    });
  }
}

Deno.test("a client that is destroyed in the handshake closes once, and keeps no descriptor", async () => {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  await using server = await listenBadly(() => resolve());
  const socket = new TCPSocket({ tls: { ca: authority.cert } });
  let closes = 0;
  socket.on("close", () => closes++);
  socket.connect(server.port, "127.0.0.1");
  await reached;
  socket.destroy();
  assertEquals([(await socket.closed).reason, closes], ["destroyed", 1]);
  assert(await server.left());
});

Deno.test("a client that is destroyed in its connect listener closes once", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = listener.accept();
  const socket = new TCPSocket({ tls: { ca: authority.cert } });
  let closes = 0;
  socket.on("close", () => closes++);
  socket.connect(listener.addr.port, "127.0.0.1", () => socket.destroy());
  assertEquals([(await socket.closed).reason, closes], ["destroyed", 1]);
  using accepted = await accepting;
  assertEquals(await accepted.read(new Uint8Array(1)), null);
});
