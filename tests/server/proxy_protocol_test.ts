// `proxyProtocol: "required"`: whose connection it is comes from the header.

import { assert, assertEquals } from "@std/assert";
import { createServer, type TCPSocket } from "../../mod.ts";
import { Peer } from "../documentation/peer.ts";
import { ascii, binaryHeader, ipv6Body, joined, unixBody } from "../support/proxy_headers.ts";
import { exchange, LINE, listen } from "../support/proxy_server.ts";

const NAMED: readonly (readonly [name: string, header: Uint8Array, address?: string, port?: number])[] = [
  ["v1, IPv4", ascii(LINE), "192.0.2.1", 4_000],
  ["v1, IPv6", ascii("PROXY TCP6 2001:DB8:0:0::1 ::1 5000 443\r\n"), "2001:db8::1", 5_000],
  ["v1, IPv4 mapped into IPv6", ascii("PROXY TCP6 ::ffff:192.0.2.1 ::1 5000 443\r\n"), "192.0.2.1", 5_000],
  ["v2, IPv4", binaryHeader(), "192.0.2.1", 4_000],
  ["v2, IPv6", binaryHeader({ family: 0x21, body: ipv6Body([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]) }), "2001:db8::1", 5_000],
  ["v2, unix", binaryHeader({ family: 0x31, body: unixBody("/run/client") })],
];

for (const [name, header, address, port] of NAMED) {
  Deno.test(`the peer is the one that the header names: ${name}`, async () => {
    const { app, sockets, port: ours } = listen();
    await using _closed = app;
    using peer = await Peer.connect(ours);
    await peer.write(header);
    await exchange(peer);
    const [socket] = sockets;
    assert(socket !== undefined);
    const family = address === undefined ? undefined : address.includes(":") ? "IPv6" : "IPv4";
    assertEquals([socket.remoteAddress, socket.remotePort, socket.remoteFamily], [address, port, family]);
    assertEquals([socket.localAddress, socket.localPort, socket.localFamily], ["127.0.0.1", ours, "IPv4"]);
    assertEquals(app.connections.byAddress(address ?? "127.0.0.1"), address === undefined ? [] : [socket]);
    assertEquals(app.connections.byAddress("127.0.0.1"), []);
    assertEquals(socket.bytesRead, 4, "the header counts among no bytes");
  });
}

const UNNAMED: readonly (readonly [name: string, header: Uint8Array])[] = [
  ["v1, UNKNOWN", ascii("PROXY UNKNOWN\r\n")],
  ["v2, LOCAL", binaryHeader({ command: 0x20, family: 0, body: new Uint8Array(0) })],
  ["v2, LOCAL with addresses", binaryHeader({ command: 0x20 })],
];

for (const [name, header] of UNNAMED) {
  Deno.test(`the peer is the real one where the header names none: ${name}`, async () => {
    const { app, sockets, port } = listen();
    await using _closed = app;
    using peer = await Peer.connect(port);
    await peer.write(header);
    await exchange(peer);
    const [socket] = sockets;
    assertEquals(`${socket?.remoteAddress}:${socket?.remotePort}`, peer.address);
    assertEquals(app.connections.byAddress("127.0.0.1"), sockets);
  });
}

Deno.test("data in one chunk with the header is delivered", async () => {
  const { app, port } = listen();
  await using _closed = app;
  using peer = await Peer.connect(port);
  const data = "x".repeat(100_000);
  await Promise.all([
    peer.write(joined(binaryHeader(), ascii(data))),
    peer.readText(data).then((echoed) => assertEquals(echoed, data)),
  ]);
});

Deno.test("a header may come byte by byte, and the longest one too", async () => {
  const { app, port } = listen();
  await using _closed = app;
  using slow = await Peer.connect(port);
  for (const byte of ascii(LINE)) await slow.write(Uint8Array.of(byte));
  await exchange(slow);
  using long = await Peer.connect(port);
  await long.write(binaryHeader({ body: joined(binaryHeader().subarray(16), new Uint8Array(4_068)) }));
  await exchange(long);
});

Deno.test("iteration gives connections behind their header", async () => {
  await using app = createServer("tcp", { proxyProtocol: "required" }).listen(0, "127.0.0.1");
  using silent = await Peer.connect(app.address()!.port); // it listens
  using peer = await Peer.connect(app.address()!.port); // it listens
  await peer.write(LINE);
  for await (const socket of app) {
    assertEquals(socket.remoteAddress, "192.0.2.1");
    socket.end();
    break; // closes the listener, so that the silent one is closed as well
  }
  assertEquals([await silent.readToEnd(), app.metrics().closed.shutdown], [Buffer.alloc(0), 1]);
});

Deno.test("a header is data where nobody requires one", async () => {
  const { app, sockets, port } = listen({ proxyProtocol: "off" });
  await using _closed = app;
  using peer = await Peer.connect(port);
  await peer.write(LINE);
  assertEquals(await peer.readText(LINE), LINE);
  assertEquals(sockets[0]?.remoteAddress, "127.0.0.1");
});

Deno.test({
  name: "a header is required on a unix socket, too",
  ignore: Deno.build.os === "windows",
  async fn() {
    const dir = await Deno.makeTempDir();
    const path = `${dir}/socket`;
    const app = createServer("tcp", { proxyProtocol: "required" }).listen(path);
    const accepted = new Promise<TCPSocket>((resolve) => app.onConnection(resolve));
    const connection = await Deno.connect({ transport: "unix", path });
    await connection.write(ascii(LINE));
    const socket = await accepted;
    assertEquals([socket.remoteAddress, socket.remotePort], ["192.0.2.1", 4_000]);
    connection.close();
    await app.close();
    await Deno.remove(dir, { recursive: true });
  },
});
