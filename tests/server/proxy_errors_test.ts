// Who sends no valid PROXY header where one is required costs nobody but himself.

import { assert, assertEquals } from "@std/assert";
import { createServer, type SocketError } from "../../mod.ts";
import { connectResettable, Peer } from "../documentation/peer.ts";
import { descriptorsAt, descriptorsFall } from "../support/descriptors.ts";
import { ascii, binaryHeader, joined } from "../support/proxy_headers.ts";
import { exchange, type Failure, LINE, listen, nextProxyError, until } from "../support/proxy_server.ts";

const BAD: readonly (readonly [name: string, sent: Uint8Array, what: string])[] = [
  ["a request of HTTP", ascii("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "MALFORMED"],
  ["a wrong address", ascii("PROXY TCP4 192.0.2.256 192.0.2.1 1 2\r\n"), "MALFORMED"],
  ["another version", binaryHeader({ command: 0x31 }), "MALFORMED"],
  ["a line without an end", ascii(`PROXY TCP4 ${"1".repeat(1_000)}`), "TOO_LARGE"],
  ["a header without an end", binaryHeader({ length: 65_535 }), "TOO_LARGE"],
];

for (const [name, sent, what] of BAD) {
  Deno.test(`a connection without a valid header is closed, counted and told: ${name}`, async () => {
    const { app, sockets, errors, port } = listen();
    await using _closed = app;
    const failed = nextProxyError(app);
    using peer = await Peer.connect(port);
    await peer.write(sent);
    const { code, peer: { remoteAddress, remotePort } } = await failed;
    assertEquals([code, `${remoteAddress}:${remotePort}`], [`ERR_PROXY_HEADER_${what}`, peer.address]);
    assertEquals((await peer.readToEnd()).length, 0);
    const { accepted, closed, open, preparing } = app.metrics();
    assertEquals([accepted, closed.protocol, open, preparing], [1, 1, 0, 0]);
    assert(await descriptorsFall(port, 1), "its descriptor must be free");
    assertEquals([sockets, errors], [[], []]);
  });
}

Deno.test("a connection that ends inside its header is one without", async () => {
  const { app, errors, port } = listen();
  await using _closed = app;
  for (const half of ["", LINE.slice(0, 20)]) {
    const failed = nextProxyError(app);
    using peer = await Peer.connect(port);
    await peer.write(half);
    await peer.end();
    assertEquals((await failed).code, "ERR_PROXY_HEADER_TRUNCATED");
    assertEquals((await peer.readToEnd()).length, 0);
  }
  assertEquals([app.metrics().closed.protocol, errors], [2, []]);
});

Deno.test("a connection that is reset inside its header is counted as reset", async () => {
  const { app, errors, port } = listen();
  await using _closed = app;
  const failed = nextProxyError(app);
  const peer = await connectResettable(port);
  peer.write(LINE.slice(0, 20));
  await until(() => app.metrics().preparing === 1);
  peer.resetAndDestroy();
  assertEquals((await failed).code, "ECONNRESET");
  assertEquals([app.metrics().closed.reset, errors], [1, []]);
  assert(await descriptorsFall(port, 1), "its descriptor must be free");
});

Deno.test("silent and slow peers are closed at deadlines.proxyMs while an honest one is served", async () => {
  const { app, errors, port } = listen({ deadlines: { proxyMs: 300 } });
  await using _closed = app;
  const failures: Failure[] = [];
  app.on("proxyError", (error, peer) => failures.push({ code: error.code, peer }));
  const silent = await Promise.all(Array.from({ length: 50 }, () => Peer.connect(port)));
  using slow = await Peer.connect(port);
  using honest = await Peer.connect(port);
  await honest.write(LINE);
  let over = false;
  const drips = (async () => {
    await slow.write("PROXY UNKNOWN ");
    for (let bytes = 14; !over; bytes++) {
      // Fewer than would be too many; and it may be cut off in the middle of a write.
      if (bytes < 100) await slow.write("x").catch(() => {});
      await exchange(honest);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  await until(() => app.metrics().closed["deadline:proxy"] === 51);
  over = true;
  await drips;
  for (const peer of [...silent, slow]) {
    assertEquals((await peer.readToEnd()).length, 0);
    peer.close();
  }
  assertEquals(failures.map(({ code }) => code), Array(51).fill("ETIMEDOUT"));
  assertEquals([app.metrics().preparing, app.connections.size, errors], [0, 1, []]);
  const open = await descriptorsAt(port);
  assert(open === undefined || await descriptorsFall(port, 2), "only the listener's and the honest one's are left");
  await exchange(honest);
});

Deno.test("the deadline's error names its option", async () => {
  const { app, port } = listen({ deadlines: { proxyMs: 20 } });
  await using _closed = app;
  const failed = new Promise<SocketError>((resolve) => app.once("proxyError", resolve));
  using _peer = await Peer.connect(port);
  assertEquals((await failed).message, "The connection was not ready within 20 ms (deadlines.proxyMs)");
});

Deno.test("what nobody listens for is not printed", async () => {
  await using app = createServer("tcp", { proxyProtocol: "required", deadlines: { proxyMs: 50 } });
  app.onConnection(() => {}).listen(0, "127.0.0.1");
  const printed: unknown[] = [];
  const { error } = console;
  // deno-lint-ignore no-console -- it is what is tested
  console.error = (...args: unknown[]) => void printed.push(args);
  try {
    using garbage = await Peer.connect(app.address()!.port); // it listens
    using silent = await Peer.connect(app.address()!.port); // it listens
    await garbage.write("garbage");
    await garbage.readToEnd();
    await silent.readToEnd();
  } finally {
    // deno-lint-ignore no-console -- see above
    console.error = error;
  }
  assertEquals([app.metrics().closed.protocol, app.metrics().closed["deadline:proxy"], printed], [1, 1, []]);
});

Deno.test("a proxyError listener that throws is reported and harms nobody", async () => {
  const { app, errors, port } = listen();
  await using _closed = app;
  app.on("proxyError", () => {
    throw new Error("the listener's");
  });
  using garbage = await Peer.connect(port);
  await garbage.write("garbage");
  await garbage.readToEnd();
  using peer = await Peer.connect(port);
  await peer.write(LINE);
  await exchange(peer);
  assertEquals(errors.map(({ message }) => message), ["the listener's"]);
});

// ---- bounds and the end ----

Deno.test("limits.maxHandshakes lets peers wait in the kernel that come while headers are awaited", async () => {
  const { app, port } = listen({ limits: { maxHandshakes: 1 } });
  await using _closed = app;
  using silent = await Peer.connect(port);
  await until(() => app.metrics().preparing === 1);
  using peer = await Peer.connect(port);
  await peer.write(joined(ascii(LINE), ascii("ping")));
  silent.close();
  assertEquals(await peer.readText("ping"), "ping");
  assertEquals(app.metrics().closed.protocol, 1);
});

Deno.test("closing the server ends the wait for headers, and tells nobody of it", async () => {
  const { app, sockets, port } = listen();
  const told: unknown[] = [];
  app.on("proxyError", (error) => told.push(error));
  app.on("tlsClientError", (error) => told.push(error));
  using silent = await Peer.connect(port);
  using half = await Peer.connect(port);
  using announced = await Peer.connect(port);
  await half.write(LINE.slice(0, 20));
  await announced.write(LINE);
  await exchange(announced);
  await until(() => app.metrics().preparing === 2);
  const closed = app.close();
  assertEquals([(await silent.readToEnd()).length, (await half.readToEnd()).length], [0, 0]);
  await announced.readToEnd();
  announced.close();
  const { ended, forced } = await closed;
  assertEquals([ended, forced, sockets.length, told], [1, 0, 1, []]);
  assertEquals([app.metrics().closed.shutdown, app.metrics().preparing], [2, 0]);
  assert(await descriptorsFall(port, 0), "nothing is left of them");
});
