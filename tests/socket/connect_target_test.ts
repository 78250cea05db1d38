import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { readConnectArguments, resolveConnect } from "../../src/socket/connect_target.ts";
import { dial, type Target } from "../../src/transport/dial.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const listener = () => {};
const request = (target: Target, timeoutMs?: number) => ({
  target,
  timeoutMs,
  signal: undefined,
  tls: undefined,
  dial,
  proxyHeader: undefined,
});

const FORMS: [what: string, args: unknown[], target: Target, called: boolean][] = [
  ["port", [80], { host: "localhost", port: 80 }, false],
  ["port, host", [80, "example"], { host: "example", port: 80 }, false],
  ["port, listener", [80, listener], { host: "localhost", port: 80 }, true],
  ["port, host, listener", [80, "example", listener], { host: "example", port: 80 }, true],
  ["port, undefined, listener", [80, undefined, listener], { host: "localhost", port: 80 }, true],
  ["port, host, undefined", [80, "example", undefined], { host: "example", port: 80 }, false],
  ["port as digits", ["8080", "example"], { host: "example", port: 8_080 }, false],
  ["path", ["/run/x"], { path: "/run/x" }, false],
  ["path, listener", ["/run/x", listener], { path: "/run/x" }, true],
  ["options", [{ port: 80 }], { host: "localhost", port: 80 }, false],
  ["options with a host", [{ port: 80, host: "::1" }], { host: "::1", port: 80 }, false],
  ["options with a path, listener", [{ path: "/run/x" }, listener], { path: "/run/x" }, true],
  ["options, undefined", [{ port: 80 }, undefined], { host: "localhost", port: 80 }, false],
];

for (const [what, args, target, called] of FORMS) {
  unit(`readConnectArguments() reads (${what})`, () => {
    assertEquals(readConnectArguments(args), {
      request: request(target),
      ...(called ? { callback: listener } : {}),
    });
  });
}

unit("resolveConnect() takes timeoutMs and signal", () => {
  const { signal } = new AbortController();
  const resolved = resolveConnect({ port: 80, timeoutMs: 50, signal });
  assertEquals(resolved.timeoutMs, 50);
  assertStrictEquals(resolved.signal, signal);
});

unit("resolveConnect() takes the names of its caller, too", () => {
  assertEquals(Reflect.apply(resolveConnect, undefined, [{ port: 80, tcp: {} }, ["port", "tcp"]]), {
    ...request({ host: "localhost", port: 80 }),
  });
});

const PORT = 'Option "port" must be an integer from 0 to 65535';

const BAD: [args: unknown[], message: string][] = [
  [[], 'Option "port" or "path" must say where to connect; both are missing'],
  [[listener], 'Option "port" or "path" must say where to connect; both are missing'],
  [[-1], `${PORT}; it is -1`],
  [[65_536, "example"], `${PORT}; it is 65536`],
  [["99999"], `${PORT}; it is "99999"`],
  [[null], `${PORT}; it is null`],
  [[80, 5], 'Option "host" must be a non-empty string; it is 5'],
  [[80, ""], 'Option "host" must be a non-empty string; it is ""'],
  [[{ port: 1.5 }], `${PORT}; it is 1.5`],
  [[{}], 'Option "port" or "path" must say where to connect; both are missing'],
  [[{ host: "example" }], 'Option "port" or "path" must say where to connect; both are missing'],
  [[{ port: 80, path: "/run/x" }], 'Option "path" excludes "port" and "host"'],
  [[{ host: "example", path: "/run/x" }], 'Option "path" excludes "port" and "host"'],
  [[{ path: "" }], 'Option "path" must be a non-empty string; it is ""'],
  [[{ port: 80, timeoutMs: -1 }], 'Option "timeoutMs" must be from 0 to 2147483647 milliseconds; it is -1'],
  [[{ port: 80, timeoutMs: "1s" }], 'Option "timeoutMs" must be a number of milliseconds; it is "1s"'],
  [[{ port: 80, signal: {} }], 'Option "signal" must be an AbortSignal; it is an object'],
  [
    [{ port: 80, hostnam: "x" }],
    'Option "hostnam" is unknown; "options" takes port, host, hostname, path, timeoutMs, signal, tls, proxyHeader, network',
  ],
  [[[80]], 'Option "options" must be an object; it is an array'],
];

for (const [args, message] of BAD) {
  unit(`readConnectArguments() refuses (${args.map((arg) => Deno.inspect(arg)).join(", ")})`, () => {
    assertEquals(assertThrows(() => readConnectArguments(args), Error).message, message);
  });
}

unit("resolveConnect() says what it wants instead of options that are missing", () => {
  for (const options of [undefined, null, 80]) {
    assertThrows(() => Reflect.apply(resolveConnect, undefined, [options]), TypeError, 'Option "');
  }
});
