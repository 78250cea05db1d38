// Whatever makes an upgrade fail is its rejection, and nothing is said in the clear by a socket that was to be secured.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { TcpError, TCPSocket, type UpgradeOptions, type UpgradeState } from "../../mod.ts";
import { connect, reconnect } from "../../tcp.ts";
import { authority, listen, server } from "./support.ts";

const pair = { cert: server.cert, key: server.key };
const trust = { ca: authority.cert, servername: "localhost" };
const TRUST_ALSO = { ...trust, cert: server.cert };

const WRONG: readonly (readonly [string, unknown, unknown?])[] = [
  ["no options", undefined],
  ["an unknown option", { ...trust, certificate: "x" }],
  ['the engine "deno"', { ...trust, ...pair, engine: "deno" }],
  ["a certificate that is none", { cert: "x", key: "y" }],
  ["a leftover that is no bytes", { ...trust, ...pair }, { leftover: "x" }],
  ["a head that is no bytes", { ...trust, ...pair }, { head: "x" }],
  ["an unknown state", { ...trust, ...pair }, { haed: new Uint8Array() }],
];

/** Upgrades with whatever it is given. */
const upgrade = (socket: TCPSocket, options: unknown, state: unknown = {}): Promise<void> =>
  socket.upgradeTls(options as UpgradeOptions, state as UpgradeState);

for (const [what, options, state] of WRONG) {
  Deno.test(`upgradeTls() of a client rejects for ${what}, and ends the socket with it`, async () => {
    await using app = listen({}).onConnection(() => {});
    const socket = await connect({ port: app.address()!.port, host: "127.0.0.1" });
    const upgraded = upgrade(socket, options, state); // does not throw
    const error = await assertRejects(() => upgraded, TypeError);
    const { reason, error: told } = await socket.closed;
    assertEquals(reason, "error");
    assertStrictEquals(told, error);
  });

  for (const how of ["awaits it", "does not await it"]) {
    Deno.test(`upgradeTls() of a server rejects for ${what}; a handler that ${how} is told once`, async () => {
      const told: unknown[] = [];
      await using app = listen({}).onError((error) => told.push(error)).onConnection(async (socket) => {
        const upgraded = upgrade(socket, options, state);
        if (how === "awaits it") await upgraded;
      });
      const socket = await connect({ port: app.address()!.port, host: "127.0.0.1" });
      socket.resume();
      await socket.closed;
      assertEquals(told.map((error) => error instanceof TypeError), [true]);
      assertEquals(app.metrics().closed.error, 1);
    });
  }
}

const NOT_OPEN: readonly (readonly [string, (where: { port: number; host: string }) => Promise<TCPSocket>, boolean])[] =
  [
    ["idle", () => Promise.resolve(new TCPSocket()), true],
    ["connecting", (where) => Promise.resolve(new TCPSocket().connect(where)), true],
    ["ended", async (where) => (await connect(where)).end(), false], // it says nothing more anyway
    ["destroyed", async (where) => (await connect(where)).destroy(), true],
  ];

for (const [state, open, destroyed] of NOT_OPEN) {
  Deno.test(`upgradeTls() rejects on a socket that is ${state}`, async () => {
    await using app = listen({}).onConnection((socket) => void socket.resume());
    const socket = await open({ port: app.address()!.port, host: "127.0.0.1" });
    const error = await assertRejects(() => socket.upgradeTls(trust), TcpError, "not open");
    assertEquals([error.code, socket.destroyed], ["ERR_SOCKET_CLOSED", destroyed]);
    socket.resume();
    await socket.closed;
  });
}

Deno.test("a second upgradeTls() rejects and leaves the first one alone", async () => {
  await using app = listen({}).onConnection((socket) => void socket.upgradeTls(pair));
  const socket = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  const first = socket.upgradeTls(trust);
  assertEquals((await assertRejects(() => socket.upgradeTls(TRUST_ALSO), TcpError)).code, "EALREADY");
  await first;
  assertEquals(socket.authorized, true);
  socket.destroy();
});

Deno.test("upgradeTls() leaves the connection to whoever looks after it: its failure is not uncaught", async () => {
  await using app = listen({}).onConnection((socket) => void socket.upgradeTls(pair));
  for await (const socket of reconnect({ port: app.address()!.port, host: "127.0.0.1" })) {
    await socket.upgradeTls(trust);
    socket.destroy(new Error("nobody listens, but reconnect() is told"));
    assertEquals((await socket.closed).reason, "error");
    break;
  }
});
