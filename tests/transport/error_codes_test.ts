import { assertEquals, assertStrictEquals } from "@std/assert";
import { FrameError, TcpError } from "../../src/base/errors.ts";
import { codeOf, systemError } from "../../src/transport/error_codes.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const withCode = (error: Error, code: unknown) => Object.assign(error, { code });
const { errors } = Deno;

const CODES: [what: string, error: unknown, code: string][] = [
  ["a code of the system", withCode(new Error("x"), "EHOSTUNREACH"), "EHOSTUNREACH"],
  ["a code that says more than the class", withCode(new errors.PermissionDenied("x"), "EPERM"), "EPERM"],
  ["a number in code", withCode(new Error("x"), 20), "ERR_UNKNOWN"],
  ["an abort", new DOMException("x", "AbortError"), "ABORT_ERR"],
  ["a signal's timeout", new DOMException("x", "TimeoutError"), "ETIMEDOUT"],
  ["a missing permission", new errors.NotCapable("Requires net access"), "EACCES"],
  ["a permission of the system", new errors.PermissionDenied("x"), "EACCES"],
  ["a closed descriptor", new errors.BadResource("Bad resource ID"), "ECANCELED"],
  ["a close meanwhile", new errors.Interrupted("operation canceled"), "ECANCELED"],
  ["TimedOut", new errors.TimedOut("x"), "ETIMEDOUT"],
  ["ConnectionRefused", new errors.ConnectionRefused("x"), "ECONNREFUSED"],
  ["ConnectionReset", new errors.ConnectionReset("x"), "ECONNRESET"],
  ["ConnectionAborted", new errors.ConnectionAborted("x"), "ECONNABORTED"],
  ["BrokenPipe", new errors.BrokenPipe("x"), "EPIPE"],
  ["NotConnected", new errors.NotConnected("x"), "ENOTCONN"],
  ["AddrInUse", new errors.AddrInUse("x"), "EADDRINUSE"],
  ["AddrNotAvailable", new errors.AddrNotAvailable("x"), "EADDRNOTAVAIL"],
  ["NotFound", new errors.NotFound("x"), "ENOENT"],
  [
    "an unknown host",
    new Error("failed to lookup address information: Name or service not known"),
    "ENOTFOUND",
  ],
  [
    "an unknown host on macOS",
    new Error("failed to lookup address information: nodename nor servname provided, or not known"),
    "ENOTFOUND",
  ],
  [
    "a host without addresses",
    new Error("failed to lookup address information: No address associated with hostname"),
    "ENOTFOUND",
  ],
  [
    "a resolver that is down",
    new Error("failed to lookup address information: Temporary failure in name resolution"),
    "EAI_AGAIN",
  ],
  ["what is no host's name", new URIError("invalid host 'a b': invalid char found in FQDN"), "ENOTFOUND"],
  ["a resolver that says try again", new Error("failed to lookup address information: Try again"), "EAI_AGAIN"],
  ["words that only look like it", new Error("Temporary failure"), "ERR_UNKNOWN"],
  ["an error without a name to go by", new Error("x"), "ERR_UNKNOWN"],
  ["a wrong argument", new TypeError("x"), "ERR_UNKNOWN"],
  ["what is no Error", "ECONNRESET", "ERR_UNKNOWN"],
  ["nothing", undefined, "ERR_UNKNOWN"],
  ["null", null, "ERR_UNKNOWN"],
];

for (const [what, error, code] of CODES) {
  unit(`codeOf() gives ${code} for ${what}`, () => assertEquals(codeOf(error), code));
}

unit("systemError() keeps code, attempt and cause, and says them in its message", () => {
  const cause = withCode(new errors.ConnectionRefused("Connection refused (os error 111)"), "ECONNREFUSED");
  const error = systemError(cause, { syscall: "connect", address: "127.0.0.1", port: 9 });
  assertEquals([error.name, error.code, error.syscall, error.address, error.port], [
    "TcpError",
    "ECONNREFUSED",
    "connect",
    "127.0.0.1",
    9,
  ]);
  assertEquals(error.message, "Cannot connect to 127.0.0.1:9: Connection refused (ECONNREFUSED)");
  assertStrictEquals(error.cause, cause);
});

unit("systemError() says of an unknown host which name it was, and no address and port, as Node does", () => {
  const unknown = new Error("failed to lookup address information: Name or service not known");
  const error = systemError(unknown, { syscall: "connect", address: "nowhere.invalid", port: 9 });
  assertEquals([error.code, error.syscall, error.hostname], ["ENOTFOUND", "getaddrinfo", "nowhere.invalid"]);
  assertEquals(["address" in error, "port" in error], [false, false]);
});

unit("systemError() puts an IPv6 address in brackets", () => {
  const error = systemError(new Error("x"), { syscall: "read", address: "::1", port: 9 });
  assertEquals(error.message, "Cannot read from [::1]:9: x (ERR_UNKNOWN)");
});

unit("systemError() names a unix path without a port", () => {
  const error = systemError(new errors.NotFound("no such file"), { syscall: "connect", address: "/run/x" });
  assertEquals(error.message, "Cannot connect to /run/x: no such file (ENOENT)");
});

unit("systemError() names no address where there is none", () => {
  assertEquals(systemError("odd", { syscall: "accept" }).message, "Cannot accept: odd (ERR_UNKNOWN)");
});

unit("systemError() lets errors of ours through as they are", () => {
  for (
    const ours of [new TcpError("m", { code: "EOVERFLOW" }), new FrameError("m", { code: "ERR_FRAME_MALFORMED" })]
  ) {
    assertStrictEquals(systemError(ours, { syscall: "write" }), ours);
  }
});

unit("systemError() leaves the limit of stack traces as it was", () => {
  const before = Error.stackTraceLimit;
  systemError(new Error("x"), { syscall: "read" });
  assertEquals(Error.stackTraceLimit, before);
});
