// A real HAProxy in front: what it tells in its headers, over plain TCP and TLS, and whose limits count behind it.

import { assert, assertEquals, assertMatch } from "@std/assert";
import net from "node:net";
import tls from "node:tls";
import { createServer, type DropReason, type ServerOptions, type TCPSocket } from "../../mod.ts";
import { LoopbackClient } from "../support/loopback_client.ts";
import { authority, client as clientPair, server as serverPair } from "../tls/support.ts";

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Ports that are free now, for a program that cannot tell which it was given. */
function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map(({ addr }) => addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

/** HAProxy with one front for each of these, which sends to `port` as it says; gives the ports of the fronts. */
async function startHaproxy(fronts: readonly { readonly bind?: string; readonly server: string }[], port: number) {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/server.pem`, `${serverPair.cert}\n${serverPair.key}`);
  await Deno.writeTextFile(`${dir}/ca.pem`, authority.cert);
  const ports = freePorts(fronts.length);
  const sections = fronts.map(({ bind = "", server }, index) => `
listen front${index}
  bind 127.0.0.1:${ports[index]} ${bind.replaceAll("DIR", dir)}
  unique-id-format id-%ci-%cp
  server app 127.0.0.1:${port} ${server}
`);
  await Deno.writeTextFile(
    `${dir}/haproxy.cfg`,
    `
global
  maxconn 100
defaults
  mode tcp
  timeout connect 10s
  timeout client 60s
  timeout server 60s
${sections.join("")}`,
  );
  const child = new Deno.Command("haproxy", {
    args: ["-db", "-f", `${dir}/haproxy.cfg`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let over = false;
  void child.status.then(() => over = true);
  for (const front of ports) {
    for (;;) {
      assert(!over, "HAProxy has ended");
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: front }).catch(() => undefined);
      conn?.close();
      if (conn !== undefined) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return {
    ports,
    async [Symbol.asyncDispose](): Promise<void> {
      if (!over) child.kill("SIGKILL");
      await child.status;
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** A server behind it that echoes. */
function listen(options: ServerOptions = {}) {
  const app = createServer("tcp", { proxyProtocol: { trusted: ["127.0.0.1"], others: "refuse" }, ...options });
  const sockets: TCPSocket[] = [];
  const drops: (readonly [string | undefined, DropReason])[] = [];
  const failures: (string | undefined)[] = [];
  app.onConnection((socket) => {
    sockets.push(socket);
    socket.pipe(socket);
  });
  app.on("drop", ({ remoteAddress, reason }) => drops.push([remoteAddress, reason]));
  app.on("proxyError", ({ code }) => failures.push(code));
  app.listen(0, "127.0.0.1");
  return { app, sockets, drops, failures, port: app.address()!.port }; // it listens
}

/** The connection that a client at that address has made. */
function socketOf(sockets: readonly TCPSocket[], address: string): TCPSocket {
  const socket = sockets.findLast(({ remoteAddress }) => remoteAddress === address);
  assert(socket !== undefined, `nobody from ${address}`);
  return socket;
}

for (const behind of ["plain TCP", "TLS"]) {
  Deno.test(`HAProxy tells the client by its headers of version 1 and 2 (${behind} behind it)`, async () => {
    const secured = behind === "TLS";
    const { app, sockets, port } = listen(secured ? { tls: { cert: serverPair.cert, key: serverPair.key } } : {});
    await using _app = app;
    const how = secured ? "ssl verify none" : "";
    await using haproxy = await startHaproxy([
      { server: `${how} send-proxy` },
      { server: `${how} send-proxy-v2 proxy-v2-options unique-id,crc32c` },
    ], port);
    for (const [index, front] of haproxy.ports.entries()) {
      const address = `127.0.0.${20 + index}`;
      using client = await LoopbackClient.connect(address, front);
      assert(await client.echoes());
      const { proxy, remotePort, encrypted } = socketOf(sockets, address);
      assertEquals([proxy?.version, proxy?.command, encrypted], [index === 0 ? 1 : 2, "PROXY", secured]);
      assertEquals([proxy?.source, remotePort], [{ address, port: client.localPort! }, client.localPort]);
      assertEquals(proxy?.destination, { address: "127.0.0.1", port: front });
      if (index === 0) continue;
      assertEquals(proxy?.tlvs.has(3), true, "a checksum came, and was good");
      assertMatch(new TextDecoder().decode(proxy?.uniqueId), new RegExp(`^id-${address}-${client.localPort}$`));
    }
  });
}

Deno.test("HAProxy tells what it knows of TLS, and of the client's certificate", async () => {
  const { app, sockets, port } = listen();
  await using _app = app;
  await using haproxy = await startHaproxy([{
    bind: "ssl crt DIR/server.pem ca-file DIR/ca.pem verify optional",
    server: "send-proxy-v2-ssl-cn proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,unique-id,crc32c",
  }], port);
  for (const certificate of [false, true]) {
    const localAddress = `127.0.0.${30 + Number(certificate)}`;
    const client = tls.connect({
      socket: net.connect({ port: haproxy.ports[0]!, host: "127.0.0.1", localAddress }), // there is one
      servername: "localhost",
      ca: authority.cert,
      ...(certificate ? { cert: clientPair.cert, key: clientPair.key } : {}),
    });
    client.write("ping");
    const echoed = await new Promise((resolve) => client.once("data", (data: Uint8Array) => resolve(String(data))));
    assertEquals(echoed, "ping");
    const { proxy } = socketOf(sockets, localAddress);
    assertMatch(proxy?.tls?.version ?? "", /^TLSv1\.[23]$/);
    assertMatch(proxy?.tls?.cipher ?? "", /^[A-Z0-9_-]+$/);
    assertEquals([proxy?.tls?.clientCertificate, proxy?.tls?.verified], [certificate, certificate]);
    assertEquals(proxy?.tls?.commonName, certificate ? "client" : undefined);
    assertEquals(new TextDecoder().decode(proxy?.tlvs.get(2)), "localhost", "the name that the client asked for");
    assert(proxy?.uniqueId !== undefined && proxy.tlvs.has(3));
    client.destroy();
  }
});

Deno.test("HAProxy's own checks are no clients, and limits count the client behind it", async () => {
  const { app, sockets, drops, failures, port } = listen({ limits: { maxConnectionsPerAddress: 1 } });
  await using _app = app;
  await using haproxy = await startHaproxy([{ server: "send-proxy-v2 check inter 20ms" }], port);
  const [front] = haproxy.ports;
  await until(() => sockets.filter(({ proxy }) => proxy?.command === "LOCAL").length > 5);
  using first = await LoopbackClient.connect("127.0.0.40", front!);
  assert(await first.echoes());
  using other = await LoopbackClient.connect("127.0.0.41", front!);
  assert(await other.echoes());
  using refused = await LoopbackClient.connect("127.0.0.40", front!);
  assertEquals(await refused.echoes(), false);
  assertEquals(drops, [["127.0.0.40", "address"]]);
  using stranger = await LoopbackClient.connect("127.0.0.42", port);
  assertEquals(await stranger.echoes(), false);
  assertEquals(drops.slice(1), [["127.0.0.42", "denied"]]);
  assertEquals(failures.filter((code) => code?.startsWith("ERR_PROXY_HEADER_MALFORMED")), []);
  assert(await first.echoes() && await other.echoes());
});
