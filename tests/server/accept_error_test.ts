import { assertEquals } from "@std/assert";
import { type AcceptVerdict, classifyAcceptError } from "../../src/server/accept_loop.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const withCode = (code: string) => Object.assign(new Error("accept failed"), { code });

const VERDICTS: Record<AcceptVerdict, string[]> = {
  closed: [],
  // One peer's fault, or one peer's network.
  next: [
    "ECONNABORTED",
    "ECONNRESET",
    "ENOTCONN",
    "EPROTO",
    "EPERM",
    "ETIMEDOUT",
    "ENETDOWN",
    "EHOSTDOWN",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "EINTR",
    "EPIPE",
    "EINVAL",
  ],
  // The system has too little of something: the peers wait in the backlog.
  pause: ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"],
  unknown: ["EIO", "ERR_SOMETHING", "EBADF"],
};

for (const [verdict, codes] of Object.entries(VERDICTS)) {
  for (const code of codes) {
    unit(`classifyAcceptError() says ${verdict} to ${code}`, () => {
      assertEquals(classifyAcceptError(withCode(code), false), verdict);
    });

    unit(`classifyAcceptError() says closed to ${code} once the listener is closed`, () => {
      assertEquals(classifyAcceptError(withCode(code), true), "closed");
    });
  }
}

const CODELESS: [error: unknown, verdict: AcceptVerdict][] = [
  [new Deno.errors.ConnectionAborted("x"), "next"],
  [new Deno.errors.ConnectionReset("x"), "next"],
  [new Deno.errors.NotConnected("x"), "next"],
  [new Deno.errors.TimedOut("x"), "next"],
  [new Deno.errors.BadResource("x"), "unknown"],
  [new Error("x"), "unknown"],
  [new TypeError("x"), "unknown"],
  ["x", "unknown"],
  [undefined, "unknown"],
];

for (const [error, verdict] of CODELESS) {
  unit(`classifyAcceptError() says ${verdict} to ${error instanceof Error ? error.name : error} without a code`, () => {
    assertEquals(classifyAcceptError(error, false), verdict);
  });
}
