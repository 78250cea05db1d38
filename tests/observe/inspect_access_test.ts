import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { createServer } from "../../mod.ts";
import { inspectHandler, type InspectOptions } from "../../src/observe/mod.ts";
import { feedRequest, requestOf } from "./inspected.ts";

function unit(name: string, fn: () => Promise<void> | void): void {
  Deno.test({ name, permissions: "none", fn });
}

const HOSTED: InspectOptions = { hosts: ["ops.example.org", "192.0.2.7", "2001:db8::7"], token: "open sesame" };

/** The status and the text of the answer. */
async function ask(request: Request, options: InspectOptions = {}, from?: string): Promise<[number, string]> {
  const inspect = inspectHandler(createServer(), options);
  const info = from === undefined ? undefined : {
    remoteAddr: { transport: "tcp", hostname: from, port: 50_000 } as const,
  };
  const response = inspect(request, info);
  inspect.close();
  return [response.status, await response.text()];
}

for (
  const host of [
    "localhost",
    "LOCALHOST:9000",
    "localhost.",
    "chat.localhost:80",
    "127.0.0.1",
    "127.9.8.7:1",
    "[::1]:9000",
  ]
) {
  unit(`inspectHandler() is served as ${host}`, async () => {
    assertEquals((await ask(requestOf({ host })))[0], 200);
    assertEquals((await ask(feedRequest({ host })))[0], 200);
  });
}

for (
  const host of [
    "evil.example",
    "evil.example:9000",
    "localhost.evil.example",
    "notlocalhost",
    "127.0.0.1.evil.example",
    "128.0.0.1",
    "10.0.0.1",
    "[2001:db8::7]",
    "ops.example.org",
    "0.0.0.0",
    "127.1",
    "2130706433",
  ]
) {
  unit(`inspectHandler() is not served as ${host}`, async () => {
    for (const request of [requestOf({ host }), feedRequest({ host })]) {
      const [status, text] = await ask(request);
      assertEquals(status, 403);
      assertStringIncludes(text, "This page is not served as");
    }
  });
}

for (const host of ["", " ", "a b", "localhost@evil.example", "localhost/..", "localhost:evil", "[::1"]) {
  unit(`inspectHandler() refuses a Host that is none: ${JSON.stringify(host)}`, async () => {
    assertEquals(await ask(requestOf({ host })), [400, "The request names no host\n"]);
  });
}

unit("inspectHandler() takes the name of the URL where there is no Host, as with HTTP/2", async () => {
  assertEquals((await ask(requestOf({}, "http://evil.example/")))[0], 403);
  assertEquals((await ask(requestOf({}, "http://localhost/")))[0], 200);
});

unit("inspectHandler() is served as one of `hosts` to those who know the token", async () => {
  for (const host of ["ops.example.org", "OPS.example.org:8443", "192.0.2.7:80", "[2001:db8::7]:9000", "localhost"]) {
    assertEquals((await ask(requestOf({ host }), HOSTED))[0], 401);
    assertEquals((await ask(requestOf({ host, authorization: "Bearer open" }), HOSTED))[0], 401);
    const url = "http://127.0.0.1:9000/?token=open%20sesame";
    assertEquals((await ask(requestOf({ host }, url), HOSTED))[0], 200);
  }
  assertEquals((await ask(requestOf({ host: "other.example.org" }, "http://a/?token=open%20sesame"), HOSTED))[0], 403);
});

unit(
  "inspectHandler() takes the token in the address, as a bearer, and in the cookie that answers the address",
  async () => {
    const inspect = inspectHandler(createServer(), { token: "secret" });
    assertEquals(inspect(requestOf()).status, 401);
    assertEquals(inspect(requestOf({ authorization: "Bearer secret" })).status, 200);
    assertEquals(inspect(requestOf({ authorization: "bearer secret" })).headers.get("set-cookie"), null);
    const first = inspect(requestOf({}, "http://127.0.0.1:9000/inspect?token=secret"));
    assertEquals(first.status, 200);
    const cookie = first.headers.get("set-cookie") ?? "";
    assertMatch(cookie, /^verb_tcp_inspect=[\da-f]{64}; HttpOnly; SameSite=Strict$/);
    assert(!cookie.includes("secret"));
    const kept = `other=1; ${cookie.split(";")[0]}`;
    assertEquals(inspect(requestOf({ cookie: kept })).status, 200);
    const feed = inspect(feedRequest({ cookie: kept }));
    assertEquals(feed.status, 200);
    await feed.body?.cancel();
  },
);

unit("inspectHandler() refuses tokens that are none", async () => {
  const inspect = inspectHandler(createServer(), { token: "secret" });
  for (
    const headers of [
      { authorization: "Bearer secrets" },
      { authorization: "Basic secret" },
      { authorization: "Bearer" },
      { cookie: "verb_tcp_inspect=" },
      { cookie: "verb_tcp_inspect=secret" },
      { cookie: `verb_tcp_inspect=${"0".repeat(64)}` },
    ]
  ) {
    const page = inspect(requestOf(headers));
    assertEquals([page.status, page.headers.get("content-type")], [401, "text/html; charset=utf-8"]);
    assertStringIncludes(await page.text(), '<input id="token" name="token" type="password"');
    const feed = inspect(feedRequest(headers));
    assertEquals([feed.status, feed.headers.get("content-type")], [401, "text/plain; charset=utf-8"]);
    assertEquals(feed.headers.get("www-authenticate"), 'Bearer realm="verb-tcp-inspect"');
    await feed.body?.cancel();
  }
  assertEquals(inspect(requestOf({}, "http://127.0.0.1/?token=Secret")).status, 401);
  assertEquals(inspect(requestOf({}, "http://127.0.0.1/?token=")).status, 401);
  assertEquals(inspect.viewers, 0);
});

unit("inspectHandler() answers other machines only where they know a token", async () => {
  for (const from of ["127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1"]) {
    assertEquals((await ask(requestOf(), {}, from))[0], 200);
  }
  for (const from of ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"]) {
    assertEquals(await ask(requestOf(), {}, from), [
      403,
      "This page is for this machine only: others need a token, and there is none\n",
    ]);
    assertEquals((await ask(requestOf({ authorization: "Bearer open" }), { token: "open" }, from))[0], 200);
  }
});

unit("inspectHandler() answers a unix socket's peers", () => {
  const inspect = inspectHandler(createServer());
  assertEquals(inspect(requestOf(), { remoteAddr: { transport: "unix", path: "" } }).status, 200);
});

unit("inspectHandler() gives other sites nothing, but lets their links lead here", async () => {
  const foreign = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" };
  assertEquals(await ask(feedRequest(foreign)), [403, "This page is not served to other sites\n"]);
  assertEquals((await ask(feedRequest({ ...foreign, "sec-fetch-site": "same-site" })))[0], 403);
  assertEquals((await ask(requestOf(foreign)))[0], 403);
  assertEquals((await ask(requestOf({ ...foreign, "sec-fetch-mode": "navigate" })))[0], 200);
  assertEquals((await ask(feedRequest({ "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" })))[0], 200);
});

unit("inspectHandler() requires a token with hosts, and refuses options that make no sense", () => {
  const app = createServer();
  const refused = (options: unknown, message: string) => {
    // Whatever a program without types may give.
    assertThrows(() => inspectHandler(app, options as InspectOptions), TypeError, message);
  };
  refused(
    { hosts: ["a.example"] },
    'Option "token" must be a non-empty string, because there are hosts; it is undefined',
  );
  refused({ token: "" }, 'Option "token" must be a non-empty string; it is ""');
  refused({ token: 7 }, 'Option "token" must be a non-empty string; it is 7');
  refused({ hosts: "a.example", token: "t" }, 'Option "hosts" must be an array of host names; it is "a.example"');
  for (const host of ["a.example:80", "http://a.example", "", "a b", "a/b", 7]) {
    refused(
      { hosts: ["b.example", host], token: "t" },
      'Option "hosts[1]" must be a host name or address without a port',
    );
  }
  refused({ host: "a.example" }, 'Option "host" is unknown');
  refused({ name: 1 }, 'Option "name" must be a non-empty string; it is 1');
  refused({ rooms: 1 }, 'Option "rooms" must be Rooms, or an object of Rooms by label; it is 1');
  refused({ rooms: { chat: {} } }, 'Option "rooms.chat" must be Rooms; it is an object');
  assertThrows(
    () => inspectHandler({} as never),
    TypeError,
    'Option "app" must be a server such as createServer() gives',
  );
  inspectHandler(app, { hosts: [] }); // nobody else: no token needed
});
