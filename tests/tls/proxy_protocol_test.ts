// A PROXY header comes in the clear, in front of the TLS handshake.

import { assertEquals } from "@std/assert";
import type { TcpServer, TCPSocket } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { Peer } from "../documentation/peer.ts";
import { ascii, binaryHeader, joined } from "../support/proxy_headers.ts";
import { authority, client as clientPair, listenEcho, pattern, server, strict } from "./support.ts";

const tls = { cert: server.cert, key: server.key };
const LINE = ascii("PROXY TCP4 192.0.2.1 198.51.100.2 4000 443\r\n");

function portOf(app: TcpServer): number {
  return app.address()!.port; // it listens
}

/** What the server tells of next. */
function nextFailure(app: TcpServer, event: "proxyError" | "tlsClientError") {
  return new Promise<{ code: string | undefined; address: string | undefined }>((resolve) => {
    app.once(event, (error, peer) => resolve({ code: error.code, address: peer.remoteAddress }));
  });
}

for (const [name, header] of [["v1", LINE], ["v2", binaryHeader()]] as const) {
  Deno.test(`a client that sends its header alone is secured behind it: ${name}`, async () => {
    await using app = listenEcho({ tls, proxyProtocol: "required" });
    const accepted = new Promise<TCPSocket>((resolve) => app.once("connection", resolve));
    const plain = await Deno.connect({ hostname: "127.0.0.1", port: portOf(app) });
    await plain.write(header);
    const secured = await Deno.startTls(plain, { hostname: "localhost", caCerts: [authority.cert] });
    await secured.write(ascii("hello"));
    const socket = await accepted;
    assertEquals([socket.remoteAddress, socket.remotePort, socket.encrypted], ["192.0.2.1", 4_000, true]);
    assertEquals(app.connections.byAddress("192.0.2.1"), [socket]);
    const buffer = new Uint8Array(64);
    assertEquals(buffer.subarray(0, await secured.read(buffer) ?? 0), ascii("hello"));
    secured.close();
    await socket.closed;
  });
}

/** A balancer for one connection: what the client sends first leaves in one chunk behind the header. */
async function relay(listener: Deno.TcpListener, port: number, header: Uint8Array): Promise<void> {
  using down = await listener.accept();
  using up = await Deno.connect({ hostname: "127.0.0.1", port });
  const buffer = new Uint8Array(4_096);
  const whole = joined(header, buffer.subarray(0, await down.read(buffer) ?? 0));
  assertEquals(await up.write(whole), whole.length);
  await Promise.all([copy(down, up), copy(up, down)]);
}

async function copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (let bytes; (bytes = await from.read(buffer)) !== null;) {
    for (let sent = 0; sent < bytes;) sent += await to.write(buffer.subarray(sent, bytes));
  }
  await to.closeWrite();
}

Deno.test("a handshake that begins in one chunk with the header loses no byte, nor does what follows", async () => {
  await using app = listenEcho({ tls: strict, proxyProtocol: "required" });
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const relayed = relay(listener, portOf(app), binaryHeader());
  const accepted = new Promise<TCPSocket>((resolve) => app.once("connection", resolve));
  const { cert, key } = clientPair;
  const client = await connect({
    port: listener.addr.port,
    host: "127.0.0.1",
    tls: { ca: authority.cert, servername: "localhost", cert, key },
  });
  const socket = await accepted;
  assertEquals([socket.remoteAddress, socket.authorized], ["192.0.2.1", true]);
  const sent = pattern(200_000);
  const chunks: Uint8Array[] = [];
  let came = 0;
  client.write(sent);
  for await (const chunk of client) {
    chunks.push(chunk);
    came += chunk.length;
    if (came === sent.length) client.end();
  }
  assertEquals(Buffer.concat(chunks).equals(sent), true);
  await relayed;
});

Deno.test("a failed handshake behind a header is told of the peer that the header names", async () => {
  await using app = listenEcho({ tls, proxyProtocol: "required" });
  const failed = nextFailure(app, "tlsClientError");
  using peer = await Peer.connect(portOf(app));
  await peer.write(joined(LINE, ascii("GET / HTTP/1.1\r\n\r\n")));
  assertEquals(await failed, { code: "ERR_SSL_WRONG_VERSION_NUMBER", address: "192.0.2.1" });
  await peer.readToEnd();
  assertEquals([app.metrics().closed.tls, app.metrics().closed.protocol], [1, 0]);
});

Deno.test("a TLS client without a header is closed before any handshake", async () => {
  await using app = listenEcho({ tls, proxyProtocol: "required" });
  const failed = nextFailure(app, "proxyError");
  using peer = await Peer.connect(portOf(app));
  await peer.write(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01));
  assertEquals(await failed, { code: "ERR_PROXY_HEADER_MALFORMED", address: "127.0.0.1" });
  assertEquals((await peer.readToEnd()).length, 0, "not even an alert");
  assertEquals([app.metrics().closed.tls, app.metrics().closed.protocol], [0, 1]);
});

Deno.test("header and handshake have a deadline each", async () => {
  await using app = listenEcho({ tls, proxyProtocol: "required", deadlines: { proxyMs: 100, handshakeMs: 300 } });
  const [noHeader, noHandshake] = [nextFailure(app, "proxyError"), nextFailure(app, "tlsClientError")];
  using silent = await Peer.connect(portOf(app));
  using half = await Peer.connect(portOf(app));
  await half.write(LINE);
  assertEquals(await noHeader, { code: "ETIMEDOUT", address: "127.0.0.1" });
  assertEquals(await noHandshake, { code: "ETIMEDOUT", address: "192.0.2.1" });
  await silent.readToEnd();
  await half.readToEnd();
  const { closed, preparing } = app.metrics();
  assertEquals([closed["deadline:proxy"], closed["deadline:handshake"], preparing], [1, 1, 0]);
});

Deno.test("closing the server ends a handshake behind a header", async () => {
  const app = listenEcho({ tls, proxyProtocol: "required" });
  using peer = await Peer.connect(portOf(app));
  await peer.write(joined(LINE, Uint8Array.of(0x16, 0x03, 0x01)));
  while (app.metrics().preparing < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  await app.close();
  await peer.readToEnd();
  assertEquals([app.metrics().closed.shutdown, app.metrics().preparing], [1, 0]);
});
