// What is set on a socket before there is a connection holds when it comes: seen in the kernel, and by programs that end.

import { assertEquals } from "@std/assert";
import { once } from "node:events";
import { connect, createServer, TCPSocket } from "../../mod.ts";
import { runModule } from "../support/child.ts";
import { authority, listen, server } from "../tls/support.ts";

const pair = { cert: server.cert, key: server.key };
const trust = { ca: authority.cert, servername: "localhost" };
// Ends a program that would stay for ever, which is the fault looked for. It keeps no program alive itself.
const GUARD = "Deno.unrefTimer(setTimeout(() => Deno.exit(9), 60_000));";

/** Runs a client to its end, against a server that says nothing and never ends. */
async function runClient(port: number, source: string): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await runModule(`
    import { TCPSocket } from "@verb/tcp/tcp";
    ${GUARD}
    const socket = new TCPSocket();
    const tls = ${JSON.stringify(trust)};
    socket.resume();
    ${source.replaceAll("PORT", `${port}`)}
  `);
  return { code, stderr };
}

for (
  const [when, source] of [
    ["before connect()", 'socket.unref(); socket.connect(PORT, "127.0.0.1");'],
    ["while it connects", 'socket.connect(PORT, "127.0.0.1"); socket.unref();'],
    ["in the connect listener", 'socket.connect(PORT, "127.0.0.1", () => socket.unref());'],
  ] as const
) {
  Deno.test(`unref() ${when} lets the process end`, async () => {
    await using app = createServer().onConnection(() => {}).listen(0, "127.0.0.1");
    assertEquals(await runClient(app.address()!.port, source), { code: 0, stderr: "" });
  });
}

for (const engine of ["node", "deno"] as const) {
  Deno.test(`unref() before connect() lets the process end with TLS by engine "${engine}"`, async () => {
    await using app = listen({ tls: pair }).onConnection(() => {});
    const source = `
      socket.unref();
      socket.connect({ port: PORT, host: "127.0.0.1", tls: { ...tls, engine: "${engine}" } });
    `;
    assertEquals(await runClient(app.address()!.port, source), { code: 0, stderr: "" });
  });
}

Deno.test("unref() before connect() holds over an upgradeTls()", async () => {
  await using app = listen({}).onConnection((socket) => void socket.upgradeTls(pair));
  const source = `
    socket.unref();
    socket.connect(PORT, "127.0.0.1", () => socket.upgradeTls(tls));
  `;
  assertEquals(await runClient(app.address()!.port, source), { code: 0, stderr: "" });
});

Deno.test("unref() holds when the socket connects again", async () => {
  let connections = 0;
  await using app = createServer().onConnection((socket) => ++connections === 1 && void socket.destroy())
    .listen(0, "127.0.0.1");
  const source = `
    const hold = setTimeout(() => {}, 60_000); // the first connection is not to be the last
    socket.once("close", () => clearTimeout(hold));
    socket.on("close", () => socket.connect(PORT, "127.0.0.1"));
    socket.once("connect", () => socket.unref());
    socket.connect(PORT, "127.0.0.1");
  `;
  assertEquals(await runClient(app.address()!.port, source), { code: 0, stderr: "" });
});

Deno.test("ref() takes back an unref() that came before the connection", async () => {
  await using app = createServer().listen(0, "127.0.0.1").onConnection((socket) => void socket.write("go on"));
  const { code, stdout } = await runModule(`
    import { TCPSocket } from "@verb/tcp/tcp";
    const socket = new TCPSocket().unref();
    socket.connect(${app.address()!.port}, "127.0.0.1").ref();
    socket.on("data", () => Deno.unrefTimer(setTimeout(() => { console.log("still here"); socket.destroy(); }, 50)));
  `);
  assertEquals({ code, stdout }, { code: 0, stdout: "still here\n" });
});

/** Whether the kernel has a keep-alive timer for the connection between these ports of loopback. */
async function isKeptAlive(localPort: number, remotePort: number): Promise<boolean> {
  const hex = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of (await Deno.readTextFile("/proc/self/net/tcp")).split("\n")) {
    const [, local = "", remote = "", , , timer = ""] = line.trim().split(/\s+/);
    if (local.endsWith(hex(localPort)) && remote.endsWith(hex(remotePort))) return timer.startsWith("02");
  }
  throw new Error(`No connection from ${localPort} to ${remotePort}`);
}

for (
  const [when, set] of [
    ["before connect()", (socket: TCPSocket, port: number) => socket.setKeepAlive(false).connect(port, "127.0.0.1")],
    ["while it connects", (socket: TCPSocket, port: number) => socket.connect(port, "127.0.0.1").setKeepAlive(false)],
  ] as const
) {
  Deno.test(`setKeepAlive(false) ${when} holds for the connection`, async () => {
    if (Deno.build.os !== "linux") return; // only there does the kernel tell
    await using app = createServer().onConnection(() => {}).listen(0, "127.0.0.1");
    const { port } = app.address()!;
    const kept = await connect({ port, host: "127.0.0.1" });
    const socket = new TCPSocket();
    set(socket, port);
    await once(socket, "connect");
    assertEquals(await isKeptAlive(kept.localPort!, port), true);
    assertEquals(await isKeptAlive(socket.localPort!, port), false);
    socket.setKeepAlive(true);
    assertEquals(await isKeptAlive(socket.localPort!, port), true);
    for (const one of [kept, socket]) one.destroy();
    await Promise.all([kept.closed, socket.closed]);
  });
}

Deno.test("setNoDelay() before and during connect() says what the connection is told", async () => {
  await using app = createServer().onConnection(() => {}).listen(0, "127.0.0.1");
  const { port } = app.address()!;
  const probe = await Deno.connect({ port, hostname: "127.0.0.1" });
  const prototype = Object.getPrototypeOf(probe);
  probe.close();
  const { setNoDelay } = prototype;
  // The kernel does not tell TCP_NODELAY to other programs, so what it is told is looked at.
  const told = new Map<number, boolean>();
  prototype.setNoDelay = function (this: Deno.TcpConn, on: boolean) {
    told.set(this.localAddr.port, on);
    return setNoDelay.call(this, on);
  };
  try {
    const before = new TCPSocket().setNoDelay(false).connect(port, "127.0.0.1");
    const during = new TCPSocket().connect(port, "127.0.0.1").setNoDelay(false);
    const neither = new TCPSocket().connect(port, "127.0.0.1");
    const off = new TCPSocket({ tcp: { noDelay: false } }).setNoDelay().connect(port, "127.0.0.1");
    const sockets = [before, during, neither, off];
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    const nagle = sockets.map(({ localPort }) => told.get(localPort!) ?? false);
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map(({ closed }) => closed));
    assertEquals(nagle, [false, false, true, true]);
  } finally {
    prototype.setNoDelay = setNoDelay;
  }
});
