import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { readListenArguments } from "../../src/server/listen_arguments.ts";
import type { ServerOptions } from "../../src/server/options.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const callback = () => {};

const FORMS: [what: string, args: unknown[], options: ServerOptions, called?: boolean][] = [
  ["", [], {}],
  ["callback", [callback], {}, true],
  ["port", [3_000], { port: 3_000 }],
  ["port 0", [0], { port: 0 }],
  ["port as digits", ["3000"], { port: 3_000 }],
  ["port, callback", [3_000, callback], { port: 3_000 }, true],
  ["port, hostname", [3_000, "::1"], { port: 3_000, hostname: "::1" }],
  ["port, hostname, callback", [3_000, "::1", callback], { port: 3_000, hostname: "::1" }, true],
  ["port, backlog", [3_000, 128], { port: 3_000, backlog: 128 }],
  ["port, backlog, callback", [3_000, 128, callback], { port: 3_000, backlog: 128 }, true],
  ["port, hostname, backlog", [3_000, "::1", 128], { port: 3_000, hostname: "::1", backlog: 128 }],
  [
    "port, hostname, backlog, callback",
    [3_000, "::1", 128, callback],
    { port: 3_000, hostname: "::1", backlog: 128 },
    true,
  ],
  ["port, undefined, backlog", [3_000, undefined, 128], { port: 3_000, backlog: 128 }],
  ["port, undefined, undefined, callback", [3_000, undefined, undefined, callback], { port: 3_000 }, true],
  ["port, null, backlog", [3_000, null, 128], { port: 3_000, backlog: 128 }],
  ["port, a hostname of digits", [3_000, "127"], { port: 3_000, hostname: "127" }],
  ["undefined, hostname", [undefined, "::1"], { hostname: "::1" }],
  ["undefined, hostname, backlog", [undefined, "::1", 128], { hostname: "::1", backlog: 128 }],
  ["undefined, undefined, backlog, callback", [undefined, undefined, 128, callback], { backlog: 128 }, true],
  ["undefined, callback", [undefined, callback], {}, true],
  ["undefined", [undefined], {}],
  ["path", ["/run/x"], { path: "/run/x" }],
  ["path, callback", ["/run/x", callback], { path: "/run/x" }, true],
  ["options", [{ port: 3_000 }], { port: 3_000 }],
  ["options with all", [{ port: 3_000, hostname: "::1", backlog: 5 }], { port: 3_000, hostname: "::1", backlog: 5 }],
  ["options with host", [{ port: 3_000, host: "::1" }], { port: 3_000, hostname: "::1" }],
  ["options with host twice the same", [{ host: "::1", hostname: "::1" }], { hostname: "::1" }],
  ["options with a path, callback", [{ path: "/run/x" }, callback], { path: "/run/x" }, true],
  ["no options, callback", [{}, callback], {}, true],
  ["options with undefined", [{ port: 3_000, path: undefined }], { port: 3_000 }],
];

for (const [what, args, options, called] of FORMS) {
  unit(`readListenArguments() reads (${what})`, () => {
    const read = readListenArguments(args);
    assertEquals(read.options, options);
    assertStrictEquals(read.callback, called === true ? callback : undefined);
  });
}

const PORT = 'Option "port" must be an integer from 0 to 65535';
const FORM = 'Option "listen" must be (port?, hostname?, backlog?, callback?) or (options, callback?)';

const BAD: [args: unknown[], message: string][] = [
  [[-1], `${PORT}; it is -1`],
  [[65_536, "::1"], `${PORT}; it is 65536`],
  [["99999"], `${PORT}; it is "99999"`],
  [[NaN], `${PORT}; it is NaN`],
  [[true], `${PORT}; it is true`],
  [[{ port: -1 }], `${PORT}; it is -1`],
  [[{ prot: 1 }], 'Option "prot" is unknown; "options" takes port, hostname, host, backlog, path, network'],
  [[{ host: "a", hostname: "b" }], 'Options "host" and "hostname" must not differ; they are "a" and "b"'],
  [[{ path: "/run/x", port: 1 }], 'Option "path" excludes "port" and "hostname"'],
  [[{ path: "/run/x", host: "::1" }], 'Option "path" excludes "port" and "hostname"'],
  [[{ port: 1 }, "::1"], 'Argument "callback" must be a function; it is "::1"'],
  [[3_000, "::1", "128"], `${FORM}; it is "128"`],
  [[3_000, 128, "::1"], `${FORM}; it is "::1"`],
  [[3_000, true], `${FORM}; it is true`],
  [[3_000, callback, "::1"], `${FORM}; it is a function`],
  [["/run/x", "::1"], `${FORM}; it is "::1"`],
  [[[3_000]], 'Option "options" must be an object; it is an array'],
];

for (const [args, message] of BAD) {
  unit(`readListenArguments() refuses (${args.map((arg) => Deno.inspect(arg)).join(", ")})`, () => {
    assertEquals(assertThrows(() => readListenArguments(args), Error).message, message);
  });
}
