// The command line, read: no process, no permission.

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { type Endpoint, readArguments } from "../../src/cli/arguments.ts";
import { UsageError } from "../../src/cli/failure.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** What a line of a shell without quotes asks for, the codec by its name. */
function read(line: string) {
  const request = readArguments(line.split(" "));
  return "wire" in request ? { ...request, wire: request.wire.name } : request;
}

/** In the clear, with nothing else. */
const to = (target: Endpoint) => ({ target, tls: undefined, proxyHeader: undefined });
const NO_FILES = { ca: undefined, cert: undefined, key: undefined };

const TARGETS: [text: string, endpoint: Endpoint][] = [
  ["localhost:80", { host: "localhost", port: 80 }],
  ["127.0.0.1:65535", { host: "127.0.0.1", port: 65_535 }],
  ["[::1]:80", { host: "::1", port: 80 }],
  ["[fe80::1%eth0]:1", { host: "fe80::1%eth0", port: 1 }],
  ["/run/x.sock", { path: "/run/x.sock" }],
  ["./x:1", { path: "./x:1" }],
];

for (const [text, target] of TARGETS) {
  unit(`a target may be ${text}`, () => {
    assertEquals(read(`connect ${text}`), { command: "connect", wire: "lines", to: to(target) });
    const at = { listen: target, tls: undefined, proxyRequired: false };
    assertEquals(read(`serve echo ${text}`), { command: "serve", wire: "raw", what: "echo", at });
  });
}

unit("a listener is on 127.0.0.1 where nothing else is said", () => {
  const listens = ["serve sink", "serve sink 3000", "serve sink :3000", "tap 3000 a:1"].map((line) => {
    const request = read(line);
    return "at" in request ? request.at.listen : undefined;
  });
  const [chosen, ...others] = listens;
  assertEquals(chosen, { host: "127.0.0.1", port: 0 });
  for (const other of others) assertEquals(other, { host: "127.0.0.1", port: 3_000 });
});

unit("TLS with a server takes its flags", () => {
  assertEquals(read("connect a:1 --tls --ca ca.pem --cert=c.pem --key k.pem --servername b --insecure --codec json"), {
    command: "connect",
    wire: "json",
    to: {
      target: { host: "a", port: 1 },
      tls: { ca: "ca.pem", cert: "c.pem", key: "k.pem", servername: "b", insecure: true },
      proxyHeader: undefined,
    },
  });
  assertEquals(read("connect --tls a:1"), {
    command: "connect",
    wire: "lines",
    to: { ...to({ host: "a", port: 1 }), tls: { ...NO_FILES, servername: undefined, insecure: false } },
  });
});

unit("TLS with clients takes a certificate and its key, and an authority for theirs", () => {
  const tls = { ca: "ca.pem", cert: "c.pem", key: "k.pem" };
  for (const line of ["serve echo --tls --cert c.pem --key k.pem", "serve echo --cert c.pem --key k.pem"]) {
    const request = read(line);
    assertEquals("at" in request && request.at.tls, { ...tls, ca: undefined });
    const strict = read(`${line} --ca ca.pem`);
    assertEquals("at" in strict && strict.at.tls, tls);
  }
});

unit("tap has the certificate for its clients and the rest of TLS for the target", () => {
  const [a, b] = [{ host: "127.0.0.1", port: 1 }, { host: "b", port: 2 }];
  const clients = { ca: undefined, cert: "c.pem", key: "k.pem" };
  assertEquals(read("tap 1 b:2 --cert c.pem --key k.pem --codec json"), {
    command: "tap",
    wire: "json",
    at: { listen: a, tls: clients, proxyRequired: false },
    to: to(b),
  });
  assertEquals(read("tap 1 b:2 --cert c.pem --key k.pem --tls --ca ca.pem --hex --codec varint"), {
    command: "tap",
    wire: "varint",
    at: { listen: a, tls: clients, proxyRequired: false },
    to: { ...to(b), tls: { ...NO_FILES, ca: "ca.pem", servername: undefined, insecure: false } },
  });
});

unit("a PROXY header is our own, or names whom it is told to name", () => {
  const headers = [
    "v1",
    "v2",
    "v1,192.0.2.7:5000,198.51.100.1:443",
    "v2,[2001:db8::7]:5000,[2001:db8::1]:0",
  ].map((how) => {
    const request = read(`connect a:1 --proxy-header ${how}`);
    return "to" in request ? request.to.proxyHeader : undefined;
  });
  assertEquals(headers, [
    { version: 1 },
    { version: 2 },
    { version: 1, source: { address: "192.0.2.7", port: 5_000 }, destination: { address: "198.51.100.1", port: 443 } },
    { version: 2, source: { address: "2001:db8::7", port: 5_000 }, destination: { address: "2001:db8::1", port: 0 } },
  ]);
  const tap = read("tap 1 a:1 --proxy-header v2");
  assertEquals("to" in tap && tap.to.proxyHeader, { version: 2 });
  const served = read("serve echo --proxy-header");
  assertEquals("at" in served && served.at.proxyRequired, true);
});

unit("load has its numbers", () => {
  const numbers = { connections: 10, rate: 1_000, seconds: 10 };
  const where = to({ host: "a", port: 1 });
  const defaults = { command: "load" as const, wire: "lines", to: where, message: "hello", ...numbers };
  assertEquals(read("load a:1"), { ...defaults, json: false });
  assertEquals(read("load a:1 --connections 3 --rate 50 --seconds 2 --message x --json"), {
    ...defaults,
    message: "x",
    connections: 3,
    rate: 50,
    seconds: 2,
    json: true,
  });
});

unit("the chat has lines where nothing else is said, the others bytes", () => {
  const names = ["serve chat", "serve echo", "serve sink", "serve chat --codec json"].map((line) => {
    const request = read(line);
    return "wire" in request && request.wire;
  });
  assertEquals(names, ["lines", "raw", "raw", "json"]);
});

unit("there is help for the whole and for each command, with its permissions", () => {
  for (const args of [["--help"], ["-h"]]) {
    const request = readArguments(args);
    assert(request.command === "help");
    for (const name of ["connect", "serve", "tap", "load"]) assertMatch(request.text, new RegExp(`vtcp ${name} `));
  }
  for (const name of ["connect", "serve", "tap", "load"]) {
    for (const args of [[name, "--help"], [name, "-h", "a:1", "--codec", "no such codec"]]) {
      const request = readArguments(args);
      assert(request.command === "help");
      assertMatch(request.text, new RegExp(`^vtcp ${name} .*[^]*--codec NAME[^]*Permissions: `));
      for (const line of request.text.split("\n")) assert(line.length <= 100, line);
    }
  }
});

const WRONG: [line: string, message: RegExp][] = [
  ["", /^There is no command ""; there are connect, serve, tap and load/],
  ["conect a:1", /^There is no command "conect"/],
  ["--codec json connect a:1", /^There is no command "--codec"/],
  ["connect", /^Usage: vtcp connect TARGET/],
  ["connect a:1 b:1", /2 arguments were given/],
  ["tap 1", /^Usage: vtcp tap LISTEN TARGET/],
  ["serve", /^Usage: vtcp serve echo\|sink\|chat \[LISTEN\]/],
  ["serve web", /^vtcp serve can be echo, sink or chat; there is no "web"/],
  ["serve echo 1 2", /3 arguments were given/],
  ["connect a:1 --hexx", /^vtcp connect has no option "--hexx"/],
  ["connect a:1 -x", /^vtcp connect has no option "-x"/],
  ["connect a:1 --json", /^vtcp connect has no option "--json"/],
  ["serve echo --hex", /^vtcp serve has no option "--hex"/],
  ["connect a:1 --codec", /^Option --codec needs a value/],
  ["connect a:1 --codec --hex", /^Option --codec needs a value/],
  ["connect a:1 --codec raw --codec json", /^Option --codec is given 2 times/],
  ["connect a:1 --codec jason", /^There is no codec "jason"; there are lines\|ndjson\|json\|/],
  ["connect a:1 --codec json --hex", /^--hex needs a codec of bytes/],
  ["connect localhost", /^TARGET must be HOST:PORT, \[IPV6\]:PORT or a path with a "\/"; it is "localhost"/],
  ["connect 80", /^TARGET must be/],
  ["connect :80", /^TARGET must be/],
  ["connect a:0", /^TARGET must be/],
  ["connect a:65536", /^TARGET must be/],
  ["connect a:x", /^TARGET must be/],
  ["connect ::1:80", /^TARGET must be/],
  ["connect [::1]", /^TARGET must be/],
  ["serve echo localhost", /^LISTEN must be .*, or a port alone; it is "localhost"/],
  ["connect a:1 --ca x", /^Option --ca needs --tls/],
  ["connect a:1 --servername x", /^Option --servername needs --tls/],
  ["connect a:1 --insecure", /^Option --insecure needs --tls/],
  ["connect a:1 --cert x --key y", /^Option --cert needs --tls/],
  ["connect a:1 --tls --cert x", /^--cert and --key need each other/],
  ["serve echo --key x", /^--cert and --key need each other/],
  ["serve echo --tls", /^A server that speaks TLS needs --cert and --key/],
  ["serve echo --ca x", /^A server that speaks TLS needs --cert and --key/],
  ["tap 1 a:1 --ca x", /^Option --ca needs --tls/],
  ["connect a:1 --proxy-header", /^Option --proxy-header needs a value/],
  ["connect a:1 --proxy-header v3", /^Option --proxy-header must be v1, v2 or like v2,.*; it is "v3"/],
  ["connect a:1 --proxy-header v1,192.0.2.7:1", /^Option --proxy-header must be/],
  ["connect a:1 --proxy-header v1,a:1,192.0.2.7:1", /^Option --proxy-header must be/],
  ["connect a:1 --proxy-header v1,[::1]:1,192.0.2.7:1", /^Option --proxy-header must be/],
  ["connect a:1 --proxy-header v1,192.0.2.7:1,192.0.2.7:65536", /^Option --proxy-header must be/],
  ["connect a:1 --proxy-header v1,192.0.2.7:1,192.0.2.7:1,", /^Option --proxy-header must be/],
  ["tap 1 a:1 --proxy-header v2,192.0.2.7:1,192.0.2.7:1", /^The PROXY header of vtcp tap names the client/],
  ["load a:1 --codec raw", /^vtcp load counts messages; --codec raw has none/],
  ["load a:1 --rate 0", /^Option --rate must be a whole number from 1 to 1000000; it is "0"/],
  ["load a:1 --rate 1.5", /^Option --rate must be/],
  ["load a:1 --seconds -1", /^Option --seconds must be|^Option --seconds needs a value|has no option/],
  ["load a:1 --connections many", /^Option --connections must be/],
];

for (const [line, message] of WRONG) {
  unit(`vtcp ${line} is wrong usage`, () => {
    const error = assertThrows(() => read(line), UsageError);
    assertMatch(error.message, message);
    assert(!error.message.includes("\n"));
  });
}

unit("vtcp alone is wrong usage", () => {
  assertMatch(assertThrows(() => readArguments([]), UsageError).message, /^A command is missing; .*vtcp --help/);
});
