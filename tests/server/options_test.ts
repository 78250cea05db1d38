import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { createServer, TcpError } from "../../mod.ts";
import { mergeServerOptions, resolveServerOptions } from "../../src/server/options.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** As a caller in JavaScript does it. */
const withOptions = (options: unknown) => {
  const app = createServer();
  return Reflect.apply(app.withOptions, app, [options]);
};

const LIMITS = {
  maxConnections: 10_000,
  dropWhenFull: false,
  shedSilent: false,
  maxHandshakes: 1_000,
  maxConnectionsPerAddress: Infinity,
  acceptsPerSecondPerAddress: Infinity,
  memoryBudgetBytes: Infinity,
  allow: undefined,
  deny: undefined,
};

unit("resolveServerOptions() has the documented defaults", () => {
  const { socket, ...rest } = resolveServerOptions({});
  assertEquals(rest, {
    port: 0,
    hostname: "0.0.0.0",
    backlog: 511,
    path: undefined,
    reusePort: false,
    network: undefined,
    limits: LIMITS,
    proxyProtocol: undefined,
    proxyMs: 5_000,
    tls: undefined,
  });
  assertEquals([socket.noDelay, socket.keepAlive, socket.timeoutMs, socket.allowHalfOpen], [true, true, 0, false]);
  assertEquals([socket.maxWriteQueueBytes, socket.highWaterMarkBytes, socket.flushMs], [16_777_216, 65_536, 60_000]);
});

unit("resolveServerOptions() takes every option", () => {
  const resolved = resolveServerOptions({
    port: 3_000,
    hostname: "::1",
    backlog: 5,
    tcp: { noDelay: false, timeout: 5 },
    limits: { maxConnections: 7, dropWhenFull: true, maxWriteQueueBytes: 100, highWaterMarkBytes: 50 },
    deadlines: { flushMs: 9 },
  });
  const { socket, ...rest } = resolved;
  assertEquals(rest, {
    port: 3_000,
    hostname: "::1",
    backlog: 5,
    path: undefined,
    reusePort: false,
    network: undefined,
    limits: { ...LIMITS, maxConnections: 7, dropWhenFull: true },
    proxyProtocol: undefined,
    proxyMs: 5_000,
    tls: undefined,
  });
  assertEquals([socket.noDelay, socket.timeoutMs, socket.maxWriteQueueBytes, socket.flushMs], [false, 5, 100, 9]);
});

unit("resolveServerOptions() takes proxyProtocol, and 0 for no deadline on its header", () => {
  const { proxyProtocol, proxyMs } = resolveServerOptions({ proxyProtocol: "required", deadlines: { proxyMs: 0 } });
  assertEquals([proxyProtocol?.refusesOthers, proxyMs], [true, Infinity]);
  assertEquals(resolveServerOptions({ proxyProtocol: "off", deadlines: { proxyMs: 70 } }).proxyMs, 70);
});

unit("resolveServerOptions() takes a port in digits, as it comes from the environment", () => {
  assertEquals(Reflect.apply(resolveServerOptions, undefined, [{ port: "3000" }]).port, 3_000);
});

unit("resolveServerOptions() takes Infinity for maxConnections, spelled out", () => {
  assertEquals(resolveServerOptions({ limits: { maxConnections: Infinity } }).limits.maxConnections, Infinity);
});

unit("resolveServerOptions() gives a frozen record with frozen settings", () => {
  const resolved = resolveServerOptions({});
  assert(Object.isFrozen(resolved) && Object.isFrozen(resolved.socket));
});

const INTEGER = "must be an integer from 1 to 9007199254740991";

const BAD: [options: unknown, errorClass: typeof TypeError | typeof RangeError, message: string][] = [
  [{ port: -1 }, RangeError, 'Option "port" must be an integer from 0 to 65535; it is -1'],
  [{ port: "http" }, RangeError, 'Option "port" must be an integer from 0 to 65535; it is "http"'],
  [{ port: null }, TypeError, 'Option "port" must be an integer from 0 to 65535; it is null'],
  [{ hostname: "" }, TypeError, 'Option "hostname" must be a non-empty string; it is ""'],
  [{ hostname: 5 }, TypeError, 'Option "hostname" must be a non-empty string; it is 5'],
  [{ backlog: 0 }, RangeError, 'Option "backlog" must be an integer from 1 to 65535; it is 0'],
  [{ backlog: "5" }, TypeError, 'Option "backlog" must be an integer from 1 to 65535; it is "5"'],
  [{ path: 5 }, TypeError, 'Option "path" must be a non-empty string; it is 5'],
  [{ reusePort: 1 }, TypeError, 'Option "reusePort" must be true or false; it is 1'],
  [{ limits: { maxConnections: 0 } }, RangeError, `Option "limits.maxConnections" ${INTEGER}; it is 0`],
  [{ limits: { maxConnections: "5" } }, TypeError, `Option "limits.maxConnections" ${INTEGER}; it is "5"`],
  [{ limits: { dropWhenFull: 1 } }, TypeError, 'Option "limits.dropWhenFull" must be true or false; it is 1'],
  [
    { limits: { maxConnection: 5 } },
    TypeError,
    'Option "limits.maxConnection" is unknown; "limits" takes maxWriteQueueBytes, highWaterMarkBytes, readWhileBlocked, readBytesPerSecond, ' +
    "writeBytesPerSecond, " +
    "maxConnections, dropWhenFull, shedSilent, maxHandshakes, maxConnectionsPerAddress, acceptsPerSecondPerAddress, memoryBudgetBytes, allow, " +
    "deny",
  ],
  [{ limits: 5 }, TypeError, 'Option "limits" must be an object; it is 5'],
  [{ tcp: { timeout: -1 } }, RangeError, 'Option "tcp.timeout" must be from 0 to 2147483647 milliseconds; it is -1'],
  [{ tcp: [] }, TypeError, 'Option "tcp" must be an object; it is an array'],
  [{ tcp: null }, TypeError, 'Option "tcp" must be an object; it is null'],
  [
    { deadlines: { idleMS: 5 } },
    TypeError,
    'Option "deadlines.idleMS" is unknown; "deadlines" takes connectMs, handshakeMs, firstByteMs, frameMs, idleMs, ' +
    "idleReadMs, idleWriteMs, rate, flushMs, endMs, lifetimeMs, proxyMs",
  ],
  [
    { prot: 5 },
    TypeError,
    'Option "prot" is unknown; "options" takes port, hostname, backlog, path, reusePort, network, tcp, limits, deadlines, ' +
    "proxyProtocol, tls",
  ],
  [
    { proxyProtocol: true },
    TypeError,
    'Option "proxyProtocol" must be "off", "required" or { trusted, others }; it is true',
  ],
  [
    { proxyProtocol: "v1" },
    TypeError,
    'Option "proxyProtocol" must be "off", "required" or { trusted, others }; it is "v1"',
  ],
  [
    { deadlines: { proxyMs: -1 } },
    RangeError,
    'Option "deadlines.proxyMs" must be from 0 to 2147483647 milliseconds; it is -1',
  ],
  [
    { proxyProtocol: "required", tls: { cert: "", key: "", engine: "deno" }, tcp: { noDelay: false } },
    TypeError,
    'Option "tls.engine" must not be "deno" with "proxyProtocol": only "node" can do that',
  ],
  [null, TypeError, 'Option "options" must be an object; it is null'],
  [[], TypeError, 'Option "options" must be an object; it is an array'],
];

for (const [options, errorClass, message] of BAD) {
  unit(`withOptions() says: ${message}`, () => {
    const error = assertThrows(() => withOptions(options), errorClass);
    assertEquals(error.message, message);
  });

  unit(`createServer() says: ${message}`, () => {
    const error = assertThrows(() => Reflect.apply(createServer, undefined, ["tcp", options]), errorClass);
    assertEquals(error.message, message);
  });
}

unit("withOptions({ reusePort: true }) throws where the runtime lacks its flag, instead of ending the process", () => {
  const { reusePort } = createServer().capabilities;
  assertEquals(reusePort, "listenDatagram" in Deno);
  if (reusePort) withOptions({ reusePort: true });
  else assertEquals(assertThrows(() => withOptions({ reusePort: true }), TcpError).code, "ERR_FEATURE_UNAVAILABLE");
});

// ---- merging ----

unit("mergeServerOptions() lays groups over each other, key by key", () => {
  const merged = mergeServerOptions(
    { port: 1, tcp: { noDelay: false, timeout: 5 }, limits: { maxConnections: 3 } },
    { port: 2, tcp: { timeout: 6 }, deadlines: { flushMs: 7 } },
  );
  assertEquals(merged, {
    port: 2,
    tcp: { noDelay: false, timeout: 6 },
    limits: { maxConnections: 3 },
    deadlines: { flushMs: 7 },
  });
});

unit("mergeServerOptions() changes neither of its arguments", () => {
  const base = { tcp: { noDelay: false } };
  const more = { tcp: { timeout: 5 }, limits: { maxConnections: 5 } };
  mergeServerOptions(base, more);
  assertEquals([base, more], [{ tcp: { noDelay: false } }, { tcp: { timeout: 5 }, limits: { maxConnections: 5 } }]);
});

for (const group of ["tcp", "limits", "deadlines"]) {
  for (const bad of [5, true, [], null, "x"]) {
    unit(`withOptions({ ${group}: ${JSON.stringify(bad)} }) is refused, also over an earlier ${group}`, () => {
      const app = createServer();
      app.withOptions({ tcp: { noDelay: true }, limits: { maxConnections: 5 }, deadlines: { flushMs: 5 } });
      assertThrows(
        () => Reflect.apply(app.withOptions, app, [{ [group]: bad }]),
        TypeError,
        `Option "${group}" must be an object`,
      );
    });
  }
}

unit("withOptions() leaves what was said before where an option is undefined", () => {
  const merged: unknown = Reflect.apply(mergeServerOptions, undefined, [
    { port: 5, tcp: { noDelay: false }, limits: { maxConnections: 3 } },
    { port: undefined, tcp: { noDelay: undefined }, limits: undefined },
  ]);
  const { port, limits, socket } = Reflect.apply(resolveServerOptions, undefined, [merged]);
  assertEquals([port, limits.maxConnections, socket.noDelay], [5, 3, false]);
});

unit("withOptions() does not follow the caller's objects when they change", () => {
  const tcp: Record<string, unknown> = { noDelay: false };
  const app = createServer();
  Reflect.apply(app.withOptions, app, [{ tcp }]);
  tcp.nonsense = true;
  app.withOptions({ port: 0 }); // would meet the nonsense
});

unit("withOptions() that throws changes nothing", () => {
  const app = createServer();
  app.withOptions({ tcp: { noDelay: false } });
  assertThrows(() => app.withOptions({ port: -1, tcp: { noDelay: true } }), RangeError);
  app.withOptions({}); // what it kept is still right
});

unit("withOptions() gives its server", () => {
  const app = createServer();
  assertEquals(app.withOptions({}) === app, true);
});

Deno.test("withOptions() throws while the server listens and names what is for that", async () => {
  await using app = createServer();
  app.listen(0, "127.0.0.1");
  const error = assertThrows(() => app.withOptions({ port: 1 }), Error);
  assertInstanceOf(error, TcpError);
  assertEquals(error.code, "ERR_SERVER_ALREADY_LISTEN");
  for (const name of ["updateLimits", "reloadTls"]) assertEquals(error.message.includes(name), true);
});

Deno.test("withOptions() may be called again after close()", async () => {
  const app = createServer();
  app.listen(0, "127.0.0.1");
  await app.close();
  app.withOptions({ tcp: { noDelay: false } });
});
