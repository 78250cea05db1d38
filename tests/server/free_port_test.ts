/** After a server is closed, in whatever way, its port or path is free and peers are refused. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import {
  connect,
  createServer,
  type ListenOptions,
  type ServerOptions,
  TcpError,
  type TcpServer,
  type TCPSocket,
} from "../../mod.ts";
import { makeAuthority } from "../support/certificates.ts";
import { runModule } from "../support/child.ts";

const ROUNDS = 20;

// An address of its own keeps the ports of other programs away.
const HOST = `127.${[1, 2, 3].map(() => 1 + Math.floor(Math.random() * 250)).join(".")}`;

const authority = await makeAuthority("ends");
const { cert, key } = await authority.issue("localhost");
const directory = await Deno.makeTempDir();
const kinds: Record<string, ServerOptions> = {
  "plain TCP": {},
  "TLS of node": { tls: { cert, key, engine: "node" } },
  "TLS of deno": { tls: { cert, key, engine: "deno" }, tcp: { noDelay: false } },
  "a PROXY header first": { proxyProtocol: "required" },
  "a unix socket": {},
};

/** Where a server of that kind is to listen: each test at its own place. */
function placeFor(kind: string): ListenOptions {
  if (kind === "a unix socket") return { path: `${directory}/${crypto.randomUUID()}` };
  return { port: takeFreePort(), hostname: HOST };
}

function takeFreePort(): number {
  using listener = Deno.listen({ port: 0, hostname: HOST });
  return (listener.addr as Deno.NetAddr).port;
}

function targetOf({ path, port }: ListenOptions) {
  return path === undefined ? { port: port ?? 0, host: HOST } : { path };
}

/** Listens, or fails with what `onError` is told. */
async function listening(app: TcpServer, place: ListenOptions): Promise<void> {
  const started = once(app, "listening"); // rejects with an error
  app.listen(place);
  await started;
}

/** The ways to be done with a server, each to its end. */
const ways: Record<string, (app: TcpServer) => Promise<unknown>> = {
  "close()": (app) => app.close(),
  "destroy() and close()": (app) => app.destroy().close(),
  "await using": async (app) => {
    await using _ = app;
  },
  "a signal": async (app) => {
    const closed = app.closeOnSignals({ signals: ["SIGUSR2"] });
    Deno.kill(Deno.pid, "SIGUSR2");
    await closed;
  },
};

for (const [kind, options] of Object.entries(kinds)) {
  for (const [way, end] of Object.entries(ways)) {
    Deno.test(`${kind}: after ${way} the place is free at once`, async () => {
      const place = placeFor(kind);
      for (let i = 0; i < ROUNDS; i++) {
        const app = createServer("tcp", options).onConnection(() => {});
        await listening(app, place);
        await end(app);
      }
      await assertRejects(
        () => connect(targetOf(place)),
        TcpError,
        kind === "a unix socket" ? "ENOENT" : "ECONNREFUSED",
      );
    });
  }

  Deno.test(`${kind}: a place is free for the same server, and while its connections go on`, async () => {
    const place = placeFor(kind);
    const app = createServer("tcp", options).onConnection(() => {});
    const clients = [];
    for (let i = 0; i < ROUNDS; i++) {
      await listening(app, place);
      const connected = once(app, "connection");
      clients.push(await connectWith(place, options));
      await connected;
      app.destroy(); // the peers' ends of the connections stay
    }
    await app.close();
  });

  Deno.test(`${kind}: the place of an iteration that was left is free`, async () => {
    const place = placeFor(kind);
    const app = createServer("tcp", options);
    for (let i = 0; i < ROUNDS; i++) {
      await listening(app, place);
      const connecting = connectWith(place, options);
      for await (const socket of app) {
        socket.destroy();
        break;
      }
      (await connecting).destroy();
    }
    await app.close();
  });

  Deno.test(`${kind}: listen() in the turn of a close() or destroy() listens`, async () => {
    const place = placeFor(kind);
    let app = createServer("tcp", options).onConnection(() => {});
    await listening(app, place);
    for (let i = 0; i < ROUNDS; i++) {
      const gone = app;
      const closed = i % 2 === 0 ? gone.close() : gone.destroy().close();
      if (i % 4 < 2) app = createServer("tcp", options).onConnection(() => {});
      const started = once(app, "listening");
      app.listen(place);
      assertEquals([app.listening, app.address() === null], [true, false]);
      await started;
      await closed;
      const connected = once(app, "connection");
      const client = await connectWith(place, options);
      const [socket] = await connected;
      client.destroy();
      socket.destroy();
    }
    await app.close();
  });
}

/** A client that gets as far as the server's `onConnection`. */
async function connectWith(place: ListenOptions, { tls, proxyProtocol }: ServerOptions): Promise<TCPSocket> {
  const verify = tls === undefined ? {} : { tls: { ca: authority.cert, servername: "localhost" } };
  const client = await connect({ ...targetOf(place), ...verify });
  if (proxyProtocol !== undefined) client.write("PROXY UNKNOWN\r\n");
  return client;
}

Deno.test("listen() in the turn of another server's close() still tells that its own port is taken", async () => {
  using other = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = other.addr as Deno.NetAddr;
  const closing = createServer().onConnection(() => {});
  await listening(closing, { port: 0, hostname: "127.0.0.1" });
  const app = createServer().onConnection(() => {});
  const closed = closing.close();
  const error = await assertRejects(() => listening(app, { port, hostname: "127.0.0.1" }), TcpError, "EADDRINUSE");
  assertEquals([error.code, error.port, app.listening, app.address()], ["EADDRINUSE", port, false, null]);
  await closed;
  await app.close();
});

Deno.test("a server that is closed before its place came free listens nowhere", async () => {
  const place = { port: takeFreePort(), hostname: HOST };
  const app = createServer().onConnection(() => {});
  await listening(app, place);
  app.destroy();
  app.onListening(() => assert(false, "it must not listen"));
  app.listen(place);
  await app.destroy().close();
  await assertRejects(() => connect({ port: place.port, host: HOST }), TcpError, "ECONNREFUSED");
});

Deno.test("close() of a server without a reference resolves although nothing else keeps the process", async () => {
  const { code, stdout, stderr } = await runModule(`
    import { createServer } from "@verb/tcp";
    const app = createServer().onConnection(() => {});
    await new Promise((resolve) => app.listen(0, "127.0.0.1", resolve));
    await app.unref().close();
    console.log("closed");
  `);
  assertEquals([code, stdout, stderr], [0, "closed\n", ""]);
});
