import { assertEquals, assertThrows } from "@std/assert";
import {
  checkBoolean,
  checkBound,
  checkFunction,
  checkInteger,
  checkKeys,
  checkMs,
  checkPort,
  checkString,
  invalid,
  MAX_TIMER_MS,
} from "../../src/base/check.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** `run` throws exactly this. */
function assertRefuses(run: () => unknown, errorClass: typeof TypeError | typeof RangeError, message: string): void {
  const error = assertThrows(run, errorClass);
  assertEquals([error.name, error.message], [errorClass.name, message]);
}

// ---- how values are shown ----

const SHOWN: [value: unknown, shown: string][] = [
  ["five", '"five"'],
  ["", '""'],
  [5, "5"],
  [NaN, "NaN"],
  [7n, "7n"],
  [null, "null"],
  [undefined, "undefined"],
  [true, "true"],
  [() => 1, "a function"],
  [class {}, "a function"],
  [[1, 2], "an array"],
  [{ secret: 1 }, "an object"],
  [Symbol("s"), "Symbol(s)"],
];

for (const [value, shown] of SHOWN) {
  unit(`invalid() shows ${shown} in the one form of message`, () => {
    const error = invalid("tcp.noDelay", "true or false", value);
    assertEquals([error.name, error.message], [
      "TypeError",
      `Option "tcp.noDelay" must be true or false; it is ${shown}`,
    ]);
  });
}

unit("invalid() does not show what an object holds", () => {
  assertEquals(invalid("x", "a number", { password: "geheim" }).message.includes("geheim"), false);
});

// ---- numbers ----

for (const good of [1, 5, 10]) {
  unit(`checkInteger() takes ${good} of 1 to 10`, () => assertEquals(checkInteger("n", good, 3, 1, 10), good));
}

unit("checkInteger() gives the fallback for undefined", () => assertEquals(checkInteger("n", undefined, 3, 1, 10), 3));

for (const bad of [0, 11, 1.5, NaN, Infinity, -Infinity]) {
  unit(`checkInteger() refuses ${bad} by a RangeError`, () => {
    assertRefuses(
      () => checkInteger("n", bad, 3, 1, 10),
      RangeError,
      `Option "n" must be an integer from 1 to 10; it is ${bad}`,
    );
  });
}

for (const [bad, shown] of [["5", '"5"'], [null, "null"], [5n, "5n"], [true, "true"]] as const) {
  unit(`checkInteger() refuses ${shown} by a TypeError`, () => {
    assertRefuses(
      () => checkInteger("n", bad, 3, 1, 10),
      TypeError,
      `Option "n" must be an integer from 1 to 10; it is ${shown}`,
    );
  });
}

unit("checkBound() takes Infinity, spelled out", () => assertEquals(checkBound("max", Infinity, 5, 1), Infinity));
unit("checkBound() gives the fallback for undefined", () => assertEquals(checkBound("max", undefined, 5, 1), 5));
unit("checkBound() takes the smallest value", () => assertEquals(checkBound("max", 1, 5, 1), 1));

for (const bad of [0, -Infinity, NaN, 2.5]) {
  unit(`checkBound() refuses ${bad}`, () => {
    const error = assertThrows(() => checkBound("limits.max", bad, 5, 1), RangeError);
    assertEquals(error.message, `Option "limits.max" must be an integer from 1 to 9007199254740991; it is ${bad}`);
  });
}

unit("checkBound() refuses a string by a TypeError", () => {
  assertThrows(() => checkBound("max", "Infinity", 5, 1), TypeError, 'it is "Infinity"');
});

for (const good of [0, 0.5, 1_000, MAX_TIMER_MS]) {
  unit(`checkMs() takes ${good}`, () => assertEquals(checkMs("timeoutMs", good, 9), good));
}

unit("checkMs() gives the fallback for undefined", () => assertEquals(checkMs("timeoutMs", undefined, 9), 9));

for (const bad of [-1, -0.001, NaN, Infinity, MAX_TIMER_MS + 1]) {
  unit(`checkMs() refuses ${bad}, which no timer can hold`, () => {
    assertRefuses(
      () => checkMs("deadlines.flushMs", bad, 9),
      RangeError,
      `Option "deadlines.flushMs" must be from 0 to 2147483647 milliseconds; it is ${bad}`,
    );
  });
}

for (const bad of ["5s", null]) {
  unit(`checkMs() refuses ${JSON.stringify(bad)} by a TypeError`, () => {
    assertRefuses(
      () => checkMs("timeoutMs", bad, 9),
      TypeError,
      `Option "timeoutMs" must be a number of milliseconds; it is ${JSON.stringify(bad)}`,
    );
  });
}

// ---- other kinds ----

unit("checkBoolean() takes true, false and undefined", () => {
  assertEquals([checkBoolean("on", true, false), checkBoolean("on", false, true)], [true, false]);
  assertEquals([checkBoolean("on", undefined, true), checkBoolean("on", undefined, false)], [true, false]);
});

for (const [bad, shown] of [[0, "0"], ["false", '"false"'], [null, "null"]] as const) {
  unit(`checkBoolean() refuses ${shown}`, () => {
    assertRefuses(
      () => checkBoolean("tcp.noDelay", bad, true),
      TypeError,
      `Option "tcp.noDelay" must be true or false; it is ${shown}`,
    );
  });
}

unit("checkString() takes a string and undefined", () => {
  assertEquals([checkString("path", "/run/x"), checkString("path", undefined)], ["/run/x", undefined]);
});

for (const [bad, shown] of [["", '""'], [5, "5"], [null, "null"]] as const) {
  unit(`checkString() refuses ${shown}`, () => {
    assertRefuses(
      () => checkString("hostname", bad),
      TypeError,
      `Option "hostname" must be a non-empty string; it is ${shown}`,
    );
  });
}

unit("checkFunction() takes a function", () => checkFunction("handler", () => 1));
unit("checkFunction() refuses anything else by its name", () => {
  assertRefuses(
    () => checkFunction("handler", "log"),
    TypeError,
    'Argument "handler" must be a function; it is "log"',
  );
});

// ---- names ----

unit("checkKeys() takes known names, none and undefined", () => {
  checkKeys("tcp", { noDelay: 1 }, ["noDelay", "keepAlive"]);
  checkKeys("tcp", {}, ["noDelay"]);
  checkKeys("tcp", undefined, ["noDelay"]);
});

unit("checkKeys() names a stranger within its group and says what the group takes", () => {
  assertRefuses(
    () => checkKeys("tcp", { noDelays: true }, ["noDelay", "keepAlive"]),
    TypeError,
    'Option "tcp.noDelays" is unknown; "tcp" takes noDelay, keepAlive',
  );
});

unit("checkKeys() names a stranger at the top without a group", () => {
  assertRefuses(
    () => checkKeys("options", { prot: 1 }, ["port"]),
    TypeError,
    'Option "prot" is unknown; "options" takes port',
  );
});

for (const [bad, shown] of [[null, "null"], [[], "an array"], ["x", '"x"'], [5, "5"]] as const) {
  unit(`checkKeys() refuses ${shown} in place of an object`, () => {
    assertRefuses(() => checkKeys("tcp", bad, []), TypeError, `Option "tcp" must be an object; it is ${shown}`);
  });
}

// ---- ports ----

for (const [value, port] of [[0, 0], [65_535, 65_535], ["3000", 3_000], ["0", 0]] as const) {
  unit(`checkPort() takes ${JSON.stringify(value)}`, () => assertEquals(checkPort(value), port));
}

const NO_PORTS: [value: unknown, shown: string][] = [
  [-1, "-1"],
  [65_536, "65536"],
  ["65536", '"65536"'],
  [1.5, "1.5"],
  [NaN, "NaN"],
  ["", '""'],
  ["80a", '"80a"'],
  [" 80", '" 80"'],
  ["0x50", '"0x50"'],
  ["-1", '"-1"'],
];

for (const [bad, shown] of [[null, "null"], [undefined, "undefined"], [80n, "80n"], [true, "true"]] as const) {
  unit(`checkPort() refuses ${shown} as of a wrong type`, () => {
    const error: Error & { code?: string } = assertThrows(() => checkPort(bad), TypeError);
    assertEquals([error.code, error.message], [
      "ERR_INVALID_ARG_TYPE",
      `Option "port" must be an integer from 0 to 65535; it is ${shown}`,
    ]);
  });
}

for (const [bad, shown] of NO_PORTS) {
  unit(`checkPort() refuses ${shown} with ERR_SOCKET_BAD_PORT`, () => {
    const error: Error & { code?: string } = assertThrows(() => checkPort(bad), RangeError);
    assertEquals([error.code, error.message], [
      "ERR_SOCKET_BAD_PORT",
      `Option "port" must be an integer from 0 to 65535; it is ${shown}`,
    ]);
  });
}
