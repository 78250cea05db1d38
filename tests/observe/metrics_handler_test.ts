import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { createServer } from "../../mod.ts";
import { metricsHandler, prometheusText } from "../../src/observe/mod.ts";
import { startWorkers } from "../../src/workers/mod.ts";

function get(path: string, method = "GET"): Request {
  return new Request(`http://127.0.0.1${path}`, { method });
}

Deno.test("metricsHandler() gives the metrics of one server, of several by name, and never a cached answer", async () => {
  await using app = createServer();
  const answer = metricsHandler(app)(get("/metrics"));
  assertEquals(answer.status, 200);
  assertEquals(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assertEquals(answer.headers.get("cache-control"), "no-store");
  assertEquals(await answer.text(), prometheusText({ default: app.metrics() }));
  const named = { chat: app, metrics: createServer() };
  const text = await metricsHandler(named)(get("/metrics?since=never")).text();
  assertEquals(text, prometheusText({ chat: app.metrics(), metrics: app.metrics() }));
});

Deno.test("metricsHandler() is alive always, and ready only while all servers want connections", async () => {
  const [one, other] = [createServer(), createServer()];
  const handler = metricsHandler({ one, other });
  const statuses = () => [handler(get("/healthz")).status, handler(get("/readyz")).status];
  one.onConnection(() => {}).listen(0, "127.0.0.1");
  assertEquals(statuses(), [200, 503]);
  other.listen(0, "127.0.0.1");
  assertEquals(statuses(), [200, 200]);
  const closed = one.close({ settleMs: 10 });
  assertEquals([one.listening, ...statuses()], [true, 200, 503]);
  await closed;
  assertEquals(statuses(), [200, 503]);
  await other.close();
});

Deno.test("metricsHandler() refuses other paths and other methods", async () => {
  const handler = metricsHandler(createServer());
  const wrong = handler(get("/"));
  assertEquals(wrong.status, 404);
  await wrong.body?.cancel();
  const post = handler(get("/metrics", "POST"));
  assertEquals([post.status, post.headers.get("allow")], [405, "GET, HEAD"]);
  await post.body?.cancel();
});

Deno.test("metricsHandler() answers HEAD over HTTP as GET, without a body", async () => {
  await using http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, metricsHandler(createServer()));
  const answer = await fetch(`http://127.0.0.1:${http.addr.port}/metrics`, { method: "HEAD" });
  assertEquals([answer.status, await answer.text()], [200, ""]);
});

Deno.test("metricsHandler() refuses what is no server", () => {
  // @ts-expect-error it is not
  assertThrows(() => metricsHandler(undefined), TypeError, "source");
  // @ts-expect-error it is not
  assertThrows(() => metricsHandler({ chat: 5 }), TypeError, "chat");
});

Deno.test("metricsHandler() sums workers, which are ready until they are closed", async () => {
  const workers = startWorkers(new URL("../fixtures/worker_echo.ts", import.meta.url), { count: 2 });
  const handler = metricsHandler(workers);
  assertEquals((await handler(get("/readyz"))).status, 503);
  await workers.ready;
  assertEquals((await handler(get("/readyz"))).status, 200);
  const text = await (await handler(get("/metrics"))).text();
  assertStringIncludes(text, 'verb_tcp_connections_open{server="default"} 0');
  assertMatch(text, /verb_tcp_connection_duration_seconds_count\{server="default"\} 0/);
  const closed = workers.close();
  assert(!workers.listening);
  assertEquals((await handler(get("/readyz"))).status, 503);
  await closed;
});
