// `proxyProtocol: { trusted, others }`: who has to send a header, and whose limits count behind a balancer.

import { assert, assertEquals } from "@std/assert";
import { createServer, type DropReason, type ServerOptions, type TCPSocket } from "../../mod.ts";
import { LoopbackClient } from "../support/loopback_client.ts";
import { ascii, binaryHeader } from "../support/proxy_headers.ts";

const header = (address: string) => `PROXY TCP4 ${address} 198.51.100.2 4000 443\r\n`;

function listen(options: ServerOptions) {
  const app = createServer("tcp", options);
  const drops: { address: string | undefined; reason: DropReason }[] = [];
  const failures: (string | undefined)[] = [];
  const sockets: TCPSocket[] = [];
  app.on("drop", ({ remoteAddress, reason }) => drops.push({ address: remoteAddress, reason }));
  app.on("proxyError", ({ code }) => failures.push(code));
  app.onConnection((socket) => {
    sockets.push(socket);
    socket.pipe(socket);
  });
  app.listen(0, "127.0.0.1");
  return { app, drops, failures, sockets, port: app.address()!.port }; // it listens
}

/** Connects from there, sends that first, and has something echoed; undefined if it is refused. */
async function enter(from: string, port: number, first = ""): Promise<LoopbackClient | undefined> {
  const client = await LoopbackClient.connect(from, port);
  client.write(first);
  if (await client.echoes()) return client;
  client[Symbol.dispose]();
  return undefined;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

const BALANCER = "127.0.0.9";

Deno.test('others: "refuse" drops whom nobody trusts, whatever it sends, and requires headers of the others', async () => {
  const proxyProtocol = { trusted: ["127.0.0.8/30"], others: "refuse" } as const;
  const { app, drops, failures, sockets, port } = listen({ proxyProtocol });
  await using _closed = app;
  assertEquals(await enter("127.0.0.2", port), undefined);
  assertEquals(await enter("127.0.0.2", port, header("192.0.2.1")), undefined);
  using client = await enter(BALANCER, port, header("192.0.2.1"));
  assertEquals(await enter(BALANCER, port, "no header\r\n"), undefined);
  assert(client !== undefined);
  assertEquals(sockets.map(({ remoteAddress, proxy }) => [remoteAddress, proxy?.command]), [["192.0.2.1", "PROXY"]]);
  assertEquals(drops, [{ address: "127.0.0.2", reason: "denied" }, { address: "127.0.0.2", reason: "denied" }]);
  assertEquals([failures, app.metrics().dropped.denied], [["ERR_PROXY_HEADER_MALFORMED"], 2]);
});

Deno.test('others: "direct" takes clients without a header, to whom one is data', async () => {
  const { app, drops, failures, sockets, port } = listen({
    proxyProtocol: { trusted: [BALANCER], others: "direct" },
    limits: { deny: ["127.0.0.3"] },
  });
  await using _closed = app;
  using plain = await enter("127.0.0.2", port);
  using liar = await LoopbackClient.connect("127.0.0.2", port);
  liar.write(header("192.0.2.1"));
  assert(await liar.reads(header("192.0.2.1")));
  using client = await enter(BALANCER, port, header("192.0.2.7"));
  assertEquals(await enter("127.0.0.3", port), undefined);
  assert(plain !== undefined && client !== undefined);
  assertEquals(sockets.map(({ remoteAddress, proxy }) => [remoteAddress, proxy?.version]), [
    ["127.0.0.2", undefined],
    ["127.0.0.2", undefined],
    ["192.0.2.7", 1],
  ]);
  assertEquals([drops, failures], [[{ address: "127.0.0.3", reason: "denied" }], []]);
});

for (
  const proxyProtocol of ["required", { trusted: [BALANCER], others: "refuse" }] as const
) {
  const name = typeof proxyProtocol === "string" ? proxyProtocol : "trusted";
  Deno.test(`limits per address count the client behind the balancer, and never the balancer (${name})`, async () => {
    const { app, drops, port } = listen({
      proxyProtocol,
      limits: { maxConnectionsPerAddress: 1, deny: ["192.0.2.66"] },
    });
    await using _closed = app;
    using first = await enter(BALANCER, port, header("192.0.2.1"));
    using second = await enter(BALANCER, port, header("192.0.2.2"));
    assertEquals(await enter(BALANCER, port, header("192.0.2.1")), undefined);
    assertEquals(await enter(BALANCER, port, "PROXY TCP6 ::ffff:192.0.2.2 ::1 4000 443\r\n"), undefined);
    assertEquals(await enter(BALANCER, port, header("192.0.2.66")), undefined);
    using local = await enter(BALANCER, port, "PROXY UNKNOWN\r\n");
    using local2 = await enter(BALANCER, port, "PROXY UNKNOWN\r\n");
    assert(first !== undefined && second !== undefined && local !== undefined && local2 !== undefined);
    assertEquals(drops, [
      { address: "192.0.2.1", reason: "address" },
      { address: "192.0.2.2", reason: "address" },
      { address: "192.0.2.66", reason: "denied" },
    ]);
    assertEquals([app.metrics().accepted, app.metrics().preparing, app.metrics().dropped.address], [4, 0, 2]);
    first[Symbol.dispose]();
    await until(() => app.connections.size === 3);
    using again = await enter(BALANCER, port, header("192.0.2.1"));
    assert(again !== undefined);
  });
}

Deno.test("allow and the rate are the client's, too", async () => {
  const { app, drops, port } = listen({
    proxyProtocol: { trusted: [BALANCER], others: "refuse" },
    limits: { allow: ["192.0.2.0/24", "2001:db8::/32"], acceptsPerSecondPerAddress: 0.001 },
  });
  await using _closed = app;
  using first = await enter(BALANCER, port, header("192.0.2.1"));
  assertEquals(await enter(BALANCER, port, header("198.51.100.1")), undefined);
  assertEquals(await enter(BALANCER, port, header("192.0.2.1")), undefined);
  using six = await enter(BALANCER, port, "PROXY TCP6 2001:db8::1 ::1 4000 443\r\n");
  assertEquals(await enter(BALANCER, port, "PROXY TCP6 2001:db8::2 ::1 4000 443\r\n"), undefined, "of one /64");
  assert(first !== undefined && six !== undefined);
  assertEquals(drops.map(({ reason }) => reason), ["denied", "rate", "rate"]);
});

Deno.test("connections whose header drips are shed as silent ones are", async () => {
  const { app, port } = listen({
    proxyProtocol: { trusted: ["127.0.0.0/8"], others: "refuse" },
    limits: { maxConnections: 2, shedSilent: true },
  });
  await using _closed = app;
  using dripping = await LoopbackClient.connect(BALANCER, port);
  dripping.write("PROXY ");
  await until(() => app.metrics().preparing === 1);
  using first = await enter(BALANCER, port, header("192.0.2.1"));
  using second = await enter(BALANCER, port, header("192.0.2.2"));
  await dripping.closed;
  assert(await first?.echoes() && await second?.echoes());
  assertEquals([app.metrics().closed.shed, app.metrics().preparing, app.metrics().open], [1, 0, 2]);
});

Deno.test({
  name: '"unix" trusts the peers of a unix socket, and without it they are refused',
  ignore: Deno.build.os === "windows",
  async fn() {
    const dir = await Deno.makeTempDir();
    const path = `${dir}/socket`;
    for (const trusted of [["unix"], ["127.0.0.1"]]) {
      const app = createServer("tcp", { proxyProtocol: { trusted, others: "refuse" } });
      app.onConnection((socket) => socket.end(`${socket.remoteAddress}`)).listen(path);
      const conn = await Deno.connect({ transport: "unix", path });
      await conn.write(ascii(header("192.0.2.1"))).catch(() => {});
      const buffer = new Uint8Array(64);
      const bytes = await conn.read(buffer).catch(() => null) ?? 0;
      const text = new TextDecoder().decode(buffer.subarray(0, bytes));
      assertEquals(text, trusted[0] === "unix" ? "192.0.2.1" : "");
      assertEquals(app.metrics().dropped.denied, trusted[0] === "unix" ? 0 : 1);
      conn.close();
      await app.close();
    }
    await Deno.remove(dir, { recursive: true });
  },
});

Deno.test("a bad checksum and a wrong version are refused, counted and told", async () => {
  const { app, failures, port } = listen({ proxyProtocol: { trusted: [BALANCER], others: "refuse" } });
  await using _closed = app;
  const body = Uint8Array.from([...binaryHeader().subarray(16), 3, 0, 4, 1, 2, 3, 4]);
  for (const first of [binaryHeader({ body }), binaryHeader({ command: 0x31 }), ascii("PROXY ".padEnd(107, "x"))]) {
    using client = await LoopbackClient.connect(BALANCER, port);
    client.write(first);
    await client.closed;
  }
  assertEquals(failures, [
    "ERR_PROXY_HEADER_MALFORMED",
    "ERR_PROXY_HEADER_MALFORMED",
    "ERR_PROXY_HEADER_TOO_LARGE",
  ]);
  assertEquals(app.metrics().closed.protocol, 3);
});
