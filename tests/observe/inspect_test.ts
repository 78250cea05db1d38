import { assert, assertEquals, assertMatch } from "@std/assert";
import { createHash } from "node:crypto";
import { connect, createServer, framed, ServerProtocol, type TCPSocket } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { inspectHandler } from "../../src/observe/mod.ts";
import { Rooms } from "../../src/rooms/mod.ts";
import { createNetwork } from "../../src/testing/mod.ts";
import { LoopbackClient } from "../support/loopback_client.ts";
import { feedRequest, requestOf, view, Viewer } from "./inspected.ts";

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

// ---- The page ----

Deno.test("inspectHandler() gives a page that loads nothing and runs one script, known by its hash", async () => {
  const response = inspectHandler(createServer())(requestOf());
  assertEquals([response.status, response.headers.get("content-type")], [200, "text/html; charset=utf-8"]);
  const page = await response.text();
  const policy = new Map(
    response.headers.get("content-security-policy")?.split("; ").map((part) => {
      const [name, ...values] = part.split(" ");
      return [name, values];
    }),
  );
  const styles = [...page.matchAll(/<style>(.*?)<\/style>/gs)].map(([, text]) => hashOf(text!));
  const scripts = [...page.matchAll(/<script>(.*?)<\/script>/gs)].map(([, text]) => hashOf(text!));
  assertEquals([styles.length, scripts.length], [1, 1]);
  assertEquals(policy.get("default-src"), ["'none'"]);
  assertEquals(policy.get("script-src"), scripts);
  assertEquals(policy.get("style-src"), styles);
  assertEquals(policy.get("connect-src"), ["'self'"]);
  assertEquals(policy.get("frame-ancestors"), ["'none'"]);
  assertEquals(policy.get("base-uri"), ["'none'"]);
  assertEquals(policy.get("require-trusted-types-for"), ["'script'"]);
  // No handler and no style in an attribute, which the policy would refuse, and no address of anything.
  const markup = page.replace(/<(style|script)>.*?<\/\1>/gs, "");
  assertEquals(markup.match(/\s(?:on\w+|style)=/g), null);
  assertEquals(page.replaceAll("http://www.w3.org/2000/svg", "").match(/(?:https?:)?\/\/[a-z]/g), null);
  assertEquals(page.match(/@import|url\(/g), null);
  assertEquals(page.match(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval/g), null);
});

Deno.test("inspectHandler() answers with headers that keep the page to itself", () => {
  const { headers } = inspectHandler(createServer())(requestOf());
  assertEquals(headers.get("cache-control"), "no-store");
  assertEquals(headers.get("referrer-policy"), "no-referrer");
  assertEquals(headers.get("x-content-type-options"), "nosniff");
  assertEquals(headers.get("cross-origin-resource-policy"), "same-origin");
  assertEquals(headers.get("access-control-allow-origin"), null);
});

Deno.test("inspectHandler() only reads: it answers GET and HEAD", async () => {
  const inspect = inspectHandler(createServer());
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
    const response = inspect(new Request("http://127.0.0.1/", { method }));
    assertEquals([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
    assertEquals(await response.text(), `This page only answers GET and HEAD, not "${method}"\n`);
  }
  for (const accept of ["text/html", "text/event-stream"]) {
    const response = inspect(new Request("http://127.0.0.1/", { method: "HEAD", headers: { accept } }));
    assertEquals([response.status, response.body, response.headers.get("content-type")?.split(";")[0]], [
      200,
      null,
      accept,
    ]);
  }
  assertEquals(inspect.viewers, 0);
});

// ---- The messages ----

Deno.test("inspectHandler() tells what the server counts, at once and then once a second", async () => {
  await using network = createNetwork();
  await network.advance(0); // from here on time stands still
  const app = createServer().onConnection((socket) => void socket.pipe(socket));
  const port = network.listen(app);
  const inspect = inspectHandler(app, { name: "echo" });
  const timers = network.timers;
  await using viewer = view(inspect);
  const first = await viewer.next();
  assertEquals([first?.name, first?.address, first?.state], ["echo", `127.0.0.1:${port}`, "listening"]);
  assertEquals([first?.viewers, first?.samples.length], [{ now: 1, max: 16 }, 1]);

  const client = await network.connect(port);
  client.on("data", () => {});
  client.write("hello");
  await network.advance(1_000);
  const second = await viewer.next();
  assertEquals(second?.metrics, JSON.parse(JSON.stringify(app.metrics())));
  assertEquals([second?.metrics.open, second?.metrics.bytesRead, second?.metrics.bytesWritten], [1, 5, 5]);
  assertEquals([second?.samples.length, second?.samples[0]?.accepted, second?.samples[0]?.closed], [1, 1, 0]);
  assertEquals(second!.at - first!.at, 1_000);

  client.destroy();
  await network.advance(999);
  const early = viewer.next();
  assertEquals(await Promise.race([early, Promise.resolve("nothing yet")]), "nothing yet");
  await network.advance(1);
  const third = await early;
  assertEquals([third?.metrics.open, third?.samples[0]?.closed], [0, 1]);
  await viewer.leave();
  assertEquals([inspect.viewers, network.timers], [0, timers]);
});

Deno.test("inspectHandler() shows each connection with its rates, its queue and what nobody took", async () => {
  await using network = createNetwork();
  await network.advance(0); // from here on time stands still
  const sockets: TCPSocket[] = [];
  const app = createServer().onConnection((socket) => void sockets.push(socket));
  const port = network.listen(app);
  const [busy, slow] = [await network.connect(port, { from: "127.0.0.8" }), await network.connect(port)];
  await network.advance(0);
  const [toBusy, toSlow] = sockets;
  toBusy?.on("data", () => {});
  busy.write(new Uint8Array(1_000));
  slow.pause(); // what it is sent stays with us
  await network.advance(0);

  const inspect = inspectHandler(app);
  await using viewer = view(inspect);
  const first = await viewer.next();
  assertEquals(first?.connections.busiest.map(({ readRate }) => readRate), [undefined, undefined]); // nothing to compare with
  busy.write(new Uint8Array(3_000));
  for (let chunk = 0; chunk < 64; chunk++) toSlow?.write(new Uint8Array(65_536));
  await network.advance(1_000);

  const second = await viewer.next();
  const { total, busiest, fullest } = second!.connections;
  assertEquals([total, second!.metrics.blocked, busiest.length, fullest.length], [2, 1, 2, 1]);
  const row = busiest.find(({ id }) => id === toBusy?.id);
  assertEquals([row?.peer, row?.readRate, row?.writeRate, row?.bytesRead], [
    `127.0.0.8:${toBusy?.remotePort}`,
    3_000,
    0,
    4_000,
  ]);
  assertEquals([row?.state, row?.tls, row?.blocked, row?.queuedBytes], ["open", false, false, 0]);
  assertEquals([fullest[0]?.id, fullest[0]?.queuedBytes, fullest[0]?.blocked], [
    toSlow?.id,
    toSlow?.writableLength,
    true,
  ]);
  slow.write("nobody reads this");
  await network.advance(1_000);
  const third = await viewer.next();
  assert(third?.connections.busiest.some(({ id, unreadBytes }) => id === toSlow?.id && unreadBytes === 17));
  for (const socket of [busy, slow, ...sockets]) socket.destroy();
});

Deno.test("inspectHandler() shows the busiest of many, and how many there are", async () => {
  await using network = createNetwork();
  await network.advance(0); // from here on time stands still
  const app = createServer().onConnection((socket) => void socket.resume());
  const port = network.listen(app);
  const clients: TCPSocket[] = [];
  for (let index = 0; index < 200; index++) clients.push(await network.connect(port));
  await network.advance(20_000);
  const inspect = inspectHandler(app);
  await using viewer = view(inspect);
  await viewer.next();
  // Those that had been silent, too, are known a second after their first bytes.
  const say = async (bytes: (index: number) => number) => {
    clients.forEach((client, index) => bytes(index) > 0 && client.write(new Uint8Array(bytes(index))));
    await network.advance(1_000);
    return await viewer.next();
  };
  await say((index) => index % 4 === 0 ? 10 : 0);
  const message = await say((index) => index % 4 === 0 ? 100 + index : 0);
  const { total, busiest } = message!.connections;
  assertEquals([total, busiest.length], [200, 32]);
  const rates = busiest.map(({ readRate }) => readRate);
  assertEquals(rates, Array.from({ length: 32 }, (_, place) => 100 + 196 - 4 * place));
  clients.forEach((client) => client.destroy());
});

Deno.test("inspectHandler() shows rooms, the largest first, and their names as text that moves nothing", async () => {
  await using network = createNetwork();
  await network.advance(0); // from here on time stands still
  const codec = lines();
  const rooms = new Rooms({ codec });
  const app = createServer();
  app.onConnection((socket) => {
    const member = framed(socket, codec);
    member.on("message", (line) => void rooms.join(line, member));
  });
  const port = network.listen(app);
  const clients = [await network.connect(port), await network.connect(port)];
  for (const [index, client] of clients.entries()) {
    client.write(index === 0 ? "<script>alert(1)</script>\na\u202eb\n" : "<script>alert(1)</script>\n");
  }
  await network.advance(0);
  const inspect = inspectHandler(app, {
    rooms: {
      chat: rooms,
      broken: {
        ...stub,
        names: () => {
          throw new Error("gone");
        },
      },
    },
  });
  await using viewer = view(inspect);
  const [chat, broken] = (await viewer.next())!.rooms;
  assertEquals([chat?.label, chat?.rooms, chat?.members, chat?.busState], ["chat", 2, 2, "up"]);
  assertEquals(chat?.largest, [{ name: "<script>alert(1)</script>", members: 2 }, { name: "a\\u{202e}b", members: 1 }]);
  assertEquals([broken?.label, broken?.rooms], ["broken: gone", 0]);
  clients.forEach((client) => client.destroy());
  await rooms.close();
});

const stub = { names: () => [""], size: () => 0, metrics: () => ({ rooms: 0, members: 0 }) };

Deno.test("inspectHandler() tells of recent trouble, one line for each kind and address, while somebody looks", async () => {
  await using network = createNetwork();
  await network.advance(0);
  const app = createServer(ServerProtocol.TCP, { limits: { maxConnections: 1, dropWhenFull: true } });
  app.onConnection((socket) => void socket.resume());
  const port = network.listen(app);
  const inspect = inspectHandler(app);
  const lone = await network.connect(port);
  lone.on("error", () => {});
  const knock = async () => void await (await network.connect(port, { from: "127.0.0.9" })).closed;
  await knock(); // nobody looks yet
  const viewer = view(inspect);
  assertEquals((await viewer.next())?.troubles, []);
  await knock();
  await knock();
  for (const socket of app.connections) socket.destroy(Object.assign(new Error("enough"), { code: "E_ENOUGH" }));
  await network.advance(1_000);
  const message = await viewer.next();
  assertEquals(message?.troubles.map(({ what, code, peer, count }) => [what, code, peer, count]), [
    ["closed: error", "E_ENOUGH", "127.0.0.1", 1],
    ["dropped: full", "", "127.0.0.9", 2],
  ]);
  assertEquals(message?.metrics.dropped.full, 3);
  await viewer.leave();
});

Deno.test("inspectHandler() tells a draining server from one that does not listen", async () => {
  await using network = createNetwork();
  await network.advance(0); // from here on time stands still
  const app = createServer().onConnection((socket) => socket.on("shutdown", () => {}));
  const inspect = inspectHandler(app);
  await using viewer = view(inspect);
  assertEquals((await viewer.next())?.state, "stopped");
  const client = await network.connect(network.listen(app));
  await network.advance(1_000);
  assertEquals((await viewer.next())?.state, "listening");
  const closed = app.close({ settleMs: 1_500, drainMs: 5_000 });
  for (const state of ["draining", "draining"]) {
    await network.advance(1_000);
    assertEquals((await viewer.next())?.state, state);
  }
  client.destroy();
  await network.advance(1_000);
  await closed;
  await network.advance(1_000);
  assertEquals((await viewer.until(({ state }) => state !== "draining")).state, "stopped");
});

Deno.test("inspectHandler() tells those who come later what was before, five minutes at most", async () => {
  await using network = createNetwork();
  await network.advance(0); // from here on time stands still
  const app = createServer();
  network.listen(app);
  const inspect = inspectHandler(app);
  const early = view(inspect);
  for (let second = 0; second < 310; second++) {
    await early.next();
    await network.advance(1_000);
  }
  await using late = view(inspect);
  const message = await late.next();
  assertEquals(message?.samples.length, 301);
  assertEquals(message?.viewers.now, 2);
  assertEquals(message?.at, message?.samples.at(-1)?.at);
  assertEquals(message!.at - message!.samples[0]!.at, 300_000);
  await early.leave();
  await late.leave();
  // While nobody looks nothing is noted: what comes next says so by its times.
  await network.advance(100_000);
  await using again = view(inspect);
  const samples = (await again.next())!.samples;
  assertEquals(samples.length, 202);
  assertEquals(samples.at(-1)!.at - samples.at(-2)!.at, 100_000);
});

// ---- Viewers ----

Deno.test("inspectHandler() has seats for 16 viewers, refuses the 17th, and knows who has left", async () => {
  await using network = createNetwork();
  await network.advance(0); // from here on time stands still
  const inspect = inspectHandler(createServer());
  const viewers = Array.from({ length: 16 }, () => view(inspect));
  const refused = inspect(feedRequest());
  assertEquals([refused.status, refused.headers.get("retry-after")], [503, "5"]);
  assertEquals(await refused.text(), "All 16 viewers' seats are taken: close the page somewhere else\n");
  assertEquals(inspect.viewers, 16);
  await viewers[3]?.leave();
  assertEquals(inspect.viewers, 15);
  viewers[3] = view(inspect);
  assertEquals(inspect(feedRequest()).status, 503);
  await network.advance(1_000);
  for (const viewer of viewers) await viewer.leave();
  assertEquals([inspect.viewers, network.timers], [0, 0]);
});

Deno.test("inspectHandler() lets a viewer that does not read miss messages, and ends it after half a minute", async () => {
  await using network = createNetwork();
  await network.advance(0); // from here on time stands still
  const inspect = inspectHandler(createServer());
  const [asleep, awake] = [inspect(feedRequest()), view(inspect)];
  for (let second = 0; second < 31; second++) {
    await awake.next();
    await network.advance(1_000);
  }
  assertEquals(inspect.viewers, 1);
  const frames = (await asleep.text()).split("\n\n");
  assertEquals([frames.length, frames.at(-1)], [3, ""]); // two had room
  await awake.leave();
});

Deno.test("inspectHandler().close() ends its viewers", async () => {
  const inspect = inspectHandler(createServer());
  const viewers = [view(inspect), view(inspect)];
  inspect.close();
  assertEquals(inspect.viewers, 0);
  for (const viewer of viewers) {
    await viewer.next();
    assertEquals(await viewer.next(), undefined);
  }
});

Deno.test("inspectHandler() under Deno.serve: a foreign Host is refused, and viewers that vanish free their seats", async () => {
  const app = createServer().onConnection((socket) => void socket.resume()).listen(0, "127.0.0.1");
  const inspect = inspectHandler(app);
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, inspect);
  const { port } = http.addr;
  const url = `http://127.0.0.1:${port}/any/path`;

  using foreigner = await LoopbackClient.connect("127.0.0.1", port);
  foreigner.write(`GET / HTTP/1.1\r\nHost: evil.example:${port}\r\nConnection: close\r\n\r\n`);
  await foreigner.closed;
  assertMatch(foreigner.text, /^HTTP\/1.1 403 .*This page is not served as "evil.example"/s);

  // One leaves in order, one is cut off.
  const accept = { accept: "text/event-stream" };
  const leaver = new Viewer(await fetch(url, { headers: accept }));
  const gone = LoopbackClient.connect("127.0.0.1", port);
  (await gone).write(`GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`);
  await using stayer = new Viewer(await fetch(url, { headers: accept }));
  await stayer.until(({ viewers }) => viewers.now === 3);
  await leaver.leave();
  (await gone)[Symbol.dispose]();
  await stayer.until(({ viewers }) => viewers.now === 1);

  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  const message = await stayer.until(({ metrics }) => metrics.open === 1);
  assertMatch(message.connections.busiest[0]!.peer, /^127\.0\.0\.1:\d+$/);
  client.destroy();
  inspect.close();
  await http.shutdown();
  await app.close();
});
