/** Every error has a string `code`, those of wrong arguments too: Node's where Node has one. */

import { assert, assertEquals } from "@std/assert";
import {
  answerRequests,
  connect,
  ConnectionPool,
  createRequester,
  createServer,
  framed,
  Heartbeat,
  MessageProtocol,
  type ServerOptions,
  TCPSocket,
} from "@verb/tcp";
import {
  delimited,
  fixedLength,
  FrameDecoderStream,
  FrameEncoderStream,
  frames,
  json,
  lengthPrefixed,
  lines,
  ndjson,
  netstrings,
  struct,
} from "@verb/tcp/framing";
import { inspectHandler, instrument, logTo, metricsHandler, prometheusText } from "@verb/tcp/observe";
import { natsBus, redisBus, redisPresence, Rooms } from "@verb/tcp/rooms";
import { createPool, reconnect } from "@verb/tcp/tcp";
import { CodecLawError, createNetwork, verifyCodec } from "@verb/tcp/testing";
import { serveInWorker, startWorkers } from "@verb/tcp/workers";
import { PROJECT } from "../tools/project.ts";

/** What a caller without a type checker can pass anywhere. */
// deno-lint-ignore no-explicit-any -- wrong arguments are the point
type Wrong = any;

async function sources(folder: URL): Promise<URL[]> {
  const found: URL[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...await sources(new URL(`${name}/`, folder)));
    else found.push(new URL(name, folder));
  }
  return found;
}

Deno.test("src/ makes no error without a code: those of the language's own classes come from one file", async () => {
  const bare: string[] = [];
  for (const file of await sources(new URL("src/", PROJECT))) {
    if (file.pathname.endsWith("/base/argument_errors.ts")) continue;
    const text = await Deno.readTextFile(file);
    for (const [i, line] of text.split("\n").entries()) {
      if (/^\s*(\*|\/\/)/.test(line) || !/\bnew (Type|Range)?Error\(/.test(line)) continue;
      bare.push(`${file.pathname.slice(PROJECT.pathname.length)}:${i + 1}`);
    }
  }
  assertEquals(bare, [], "make them by typeError() or rangeError() of src/base/argument_errors.ts");
});

/** The error of a call that throws or rejects. */
async function errorOf(run: () => unknown): Promise<Error & { code?: unknown }> {
  try {
    await run();
  } catch (error) {
    assert(error instanceof Error);
    return error;
  }
  throw new Error("nothing was thrown");
}

const app = () => createServer();
const socket = () => new TCPSocket();
const bytes = new Uint8Array(2);
const CERT = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const circle: Record<string, unknown> = {};
circle.itself = circle;
const tls = (options: Wrong) => () => app().withOptions({ tls: { cert: CERT, key: "", ...options } });

const MISTAKES: [what: string, name: string, code: string, run: () => unknown][] = [
  // As Node.
  ["listen(70000)", "RangeError", "ERR_SOCKET_BAD_PORT", () => app().listen(70_000)],
  ["connect(-1)", "RangeError", "ERR_SOCKET_BAD_PORT", () => socket().connect(-1)],
  ['connect({ port: "abc" })', "RangeError", "ERR_SOCKET_BAD_PORT", () => socket().connect({ port: "abc" as Wrong })],
  ["connect(null)", "TypeError", "ERR_INVALID_ARG_TYPE", () => socket().connect(null as Wrong)],
  ["connect(true)", "TypeError", "ERR_INVALID_ARG_TYPE", () => socket().connect(true as Wrong)],
  ["connect({ port: {} })", "TypeError", "ERR_INVALID_ARG_TYPE", () => socket().connect({ port: {} as Wrong })],
  ["connect()", "TypeError", "ERR_MISSING_ARGS", () => (socket() as Wrong).connect()],
  ["connect({})", "TypeError", "ERR_MISSING_ARGS", () => socket().connect({})],
  ["connect({ path: 5 })", "TypeError", "ERR_INVALID_ARG_TYPE", () => socket().connect({ path: 5 as Wrong })],
  ["connect(1, 5)", "TypeError", "ERR_INVALID_ARG_TYPE", () => socket().connect(1, 5 as Wrong)],
  ["the function connect({})", "TypeError", "ERR_MISSING_ARGS", () => connect({})],
  ["the function connect()", "TypeError", "ERR_INVALID_ARG_TYPE", () => (connect as Wrong)()],
  ["write(5)", "TypeError", "ERR_INVALID_ARG_TYPE", () => socket().write(5 as Wrong)],
  ["write(undefined)", "TypeError", "ERR_INVALID_ARG_TYPE", () => socket().write(undefined as Wrong)],
  ["write(null)", "TypeError", "ERR_STREAM_NULL_VALUES", () => socket().write(null as Wrong)],
  ["end(5)", "TypeError", "ERR_INVALID_ARG_TYPE", () => socket().end(5 as Wrong)],
  ["write of a wrong encoding", "TypeError", "ERR_UNKNOWN_ENCODING", () => socket().write("a", "utf-9" as Wrong)],
  ["setEncoding of a wrong one", "TypeError", "ERR_UNKNOWN_ENCODING", () => socket().setEncoding("utf-9" as Wrong)],
  ['setTimeout("5s")', "TypeError", "ERR_INVALID_ARG_TYPE", () => socket().setTimeout("5s" as Wrong)],
  ["setTimeout(-1)", "RangeError", "ERR_OUT_OF_RANGE", () => socket().setTimeout(-1)],
  ["on without a function", "TypeError", "ERR_INVALID_ARG_TYPE", () => socket().on("end", 5 as Wrong)],
  ["a minVersion that is none", "TypeError", "ERR_TLS_INVALID_PROTOCOL_VERSION", tls({ minVersion: "TLSv1" })],
  ["a key for nothing", "TypeError", "ERR_INVALID_ARG_TYPE", tls({ key: 5 })],
  // Where Node has no such thing.
  ["createServer(undefined)", "TypeError", "ERR_INVALID_ARG_VALUE", () => createServer(undefined as Wrong)],
  ["an unknown option", "TypeError", "ERR_INVALID_ARG_VALUE", () => app().withOptions({ prot: 1 } as Wrong)],
  ["options that are none", "TypeError", "ERR_INVALID_ARG_TYPE", () => app().withOptions({ tcp: 5 } as Wrong)],
  ["a limit of 1.5", "RangeError", "ERR_OUT_OF_RANGE", () => app().withOptions({ limits: { maxConnections: 1.5 } })],
  ["listen of two hosts", "TypeError", "ERR_INVALID_ARG_VALUE", () => app().listen({ host: "a", hostname: "b" })],
  ["listen of path and port", "TypeError", "ERR_INCOMPATIBLE_OPTION_PAIR", () => app().listen({ path: "a", port: 1 })],
  ["connect of path and port", "TypeError", "ERR_INCOMPATIBLE_OPTION_PAIR", () => connect({ path: "a", port: 1 })],
  ["listen of too much", "TypeError", "ERR_INVALID_ARG_TYPE", () => (app() as Wrong).listen(1, "a", 2, 3, 4)],
  ["iterating what does not listen", "TypeError", "ERR_SERVER_NOT_RUNNING", () => app()[Symbol.asyncIterator]()],
  [
    "iterating beside onConnection",
    "TypeError",
    "ERR_INVALID_STATE",
    () => app().onConnection(() => {})[Symbol.asyncIterator](),
  ],
  ["onError without a function", "TypeError", "ERR_INVALID_ARG_TYPE", () => app().onError(5 as Wrong)],
  ["an unknown signal", "TypeError", "ERR_UNKNOWN_SIGNAL", () => app().closeOnSignals({ signals: ["SIGX"] as Wrong })],
  [
    "closeOnSignals of no array",
    "TypeError",
    "ERR_INVALID_ARG_TYPE",
    () => app().closeOnSignals({ signals: 5 as Wrong }),
  ],
  ["rejectUnauthorized alone", "TypeError", "ERR_MISSING_OPTION", tls({ rejectUnauthorized: true })],
  [
    "versions the wrong way round",
    "RangeError",
    "ERR_OUT_OF_RANGE",
    tls({ minVersion: "TLSv1.3", maxVersion: "TLSv1.2" }),
  ],
  ["a pool of no size", "RangeError", "ERR_OUT_OF_RANGE", () => new ConnectionPool(-1)],
  ["a heartbeat of 0 ms", "RangeError", "ERR_OUT_OF_RANGE", () => new Heartbeat({} as Wrong, { intervalMs: 0 })],
  ["a heartbeat's jitter", "RangeError", "ERR_OUT_OF_RANGE", () => new Heartbeat({} as Wrong, { jitter: 1 })],
  ["framed on nothing", "TypeError", "ERR_INVALID_ARG_TYPE", () => framed(5 as Wrong, lines())],
  ["framed without a codec", "TypeError", "ERR_INVALID_ARG_TYPE", () => framed(socket(), {} as Wrong)],
  ["a protocol on nothing", "TypeError", "ERR_INVALID_ARG_TYPE", () => new MessageProtocol(5 as Wrong)],
  [
    "maxFrameBytes beside a codec",
    "TypeError",
    "ERR_INCOMPATIBLE_OPTION_PAIR",
    () => new MessageProtocol(socket(), { codec: json(), maxFrameBytes: 1 }),
  ],
  [
    "text for handleData",
    "TypeError",
    "ERR_INVALID_ARG_TYPE",
    () => new MessageProtocol(socket()).handleData("a" as Wrong),
  ],
  [
    "isPing without pong",
    "TypeError",
    "ERR_MISSING_OPTION",
    () => framed(socket(), lines()).startHeartbeat({ ping: () => "", isPing: () => true }),
  ],
  ["a chunk for writable", "TypeError", "ERR_INVALID_ARG_TYPE", () => socket().writable.getWriter().write(5 as Wrong)],
  // Framing.
  ["JSON of undefined", "TypeError", "ERR_INVALID_ARG_VALUE", () => json().encode(undefined)],
  ["JSON of a cycle", "TypeError", "ERR_INVALID_ARG_VALUE", () => json().encode(circle)],
  ["JSON of a BigInt", "TypeError", "ERR_INVALID_ARG_VALUE", () => ndjson().encode(5n)],
  ["a JSON schema", "TypeError", "ERR_INVALID_ARG_TYPE", () => json({ schema: {} as Wrong })],
  ["a struct without fields", "TypeError", "ERR_INVALID_ARG_VALUE", () => struct({})],
  ["a struct's payload", "TypeError", "ERR_INVALID_ARG_VALUE", () => struct({ payload: "u8" })],
  ["a struct's kind", "TypeError", "ERR_INVALID_ARG_VALUE", () => struct({ a: "u7" as Wrong })],
  [
    "a struct's field",
    "TypeError",
    "ERR_INVALID_ARG_TYPE",
    () => struct({ a: "u8" }).encode({ payload: bytes } as Wrong),
  ],
  ["a struct's range", "RangeError", "ERR_OUT_OF_RANGE", () => struct({ a: "u8" }).encode({ a: 256, payload: bytes })],
  [
    "a struct's float",
    "RangeError",
    "ERR_OUT_OF_RANGE",
    () => struct({ a: "f32" }).encode({ a: 1e300, payload: bytes }),
  ],
  [
    "a struct's stranger",
    "TypeError",
    "ERR_INVALID_ARG_VALUE",
    () => struct({ a: "u8" }).encode({ a: 1, b: 1, payload: bytes } as Wrong),
  ],
  ["delimited without options", "TypeError", "ERR_INVALID_ARG_TYPE", () => delimited(undefined as Wrong)],
  ["no delimiter", "TypeError", "ERR_INVALID_ARG_VALUE", () => delimited({ delimiters: [] })],
  ["an empty delimiter", "TypeError", "ERR_INVALID_ARG_VALUE", () => delimited({ delimiters: [""] })],
  ["a delimiter inside", "TypeError", "ERR_INVALID_ARG_VALUE", () => delimited({ delimiters: ["\0"] }).encode(bytes)],
  [
    "a delimiter across the end",
    "TypeError",
    "ERR_INVALID_ARG_VALUE",
    () => delimited({ delimiters: ["ab", "\0a"] }).encode(bytes),
  ],
  ["a line's end inside", "TypeError", "ERR_INVALID_ARG_VALUE", () => lines().encode("a\nb")],
  ["a CR at the end", "TypeError", "ERR_INVALID_ARG_VALUE", () => lines().encode("a\r")],
  ["half a pair", "TypeError", "ERR_INVALID_ARG_VALUE", () => lines().encode("\ud800")],
  ["a line of 5", "TypeError", "ERR_INVALID_ARG_TYPE", () => lines().encode(5 as Wrong)],
  ["eol", "TypeError", "ERR_INVALID_ARG_VALUE", () => lines({ eol: "\r" as Wrong })],
  ["a frame of another length", "RangeError", "ERR_OUT_OF_RANGE", () => fixedLength(3).encode(bytes)],
  ["fixedLength()", "TypeError", "ERR_INVALID_ARG_TYPE", () => fixedLength(undefined as Wrong)],
  ["a length of 5 bytes", "TypeError", "ERR_INVALID_ARG_VALUE", () => lengthPrefixed({ bytes: 5 as Wrong })],
  [
    "endian of a varint",
    "TypeError",
    "ERR_INCOMPATIBLE_OPTION_PAIR",
    () => lengthPrefixed({ bytes: "varint", endian: "little" }),
  ],
  ["an adjust no field holds", "RangeError", "ERR_OUT_OF_RANGE", () => lengthPrefixed({ bytes: 1, adjust: -300 })],
  [
    "sending what is stripped",
    "TypeError",
    "ERR_METHOD_NOT_IMPLEMENTED",
    () => lengthPrefixed({ strip: 0 }).encode(bytes),
  ],
  ["a header too short", "RangeError", "ERR_OUT_OF_RANGE", () => lengthPrefixed({ offset: 3 }).encode(bytes)],
  ["a frame too large", "FrameError", "ERR_FRAME_TOO_LARGE", () => lengthPrefixed({ maxFrameBytes: 1 }).encode(bytes)],
  ["a netstring of 5", "TypeError", "ERR_INVALID_ARG_TYPE", () => netstrings().encode(5 as Wrong)],
  ["text pushed", "TypeError", "ERR_INVALID_ARG_TYPE", () => netstrings().decoder().push("5:a" as Wrong)],
  ["frames of nothing", "TypeError", "ERR_INVALID_ARG_TYPE", () => frames(5 as Wrong, lines())],
  ["frames of text", "TypeError", "ERR_INVALID_ARG_TYPE", () =>
    frames(
      (async function* () {
        yield await "text";
      })() as Wrong,
      lines(),
    ).next()],
  ["a stream without a codec", "TypeError", "ERR_INVALID_ARG_TYPE", () => new FrameDecoderStream(5 as Wrong)],
  ["another", "TypeError", "ERR_INVALID_ARG_TYPE", () => new FrameEncoderStream(5 as Wrong)],
  [
    "onInvalid",
    "TypeError",
    "ERR_INVALID_ARG_TYPE",
    () => frames(new Blob().stream(), lines(), { onInvalid: 5 as Wrong }),
  ],
  // Testing.
  ["verifyCodec of nothing", "TypeError", "ERR_INVALID_ARG_TYPE", () => verifyCodec(5 as Wrong, { messages: [1] })],
  ["verifyCodec without messages", "TypeError", "ERR_INVALID_ARG_VALUE", () => verifyCodec(lines(), { messages: [] })],
  [
    "verifyCodec with too few received",
    "TypeError",
    "ERR_INVALID_ARG_VALUE",
    () => verifyCodec(lines(), { messages: [""], received: [] }),
  ],
  ["a broken law", "CodecLawError", "ERR_CODEC_LAW", () => {
    throw new CodecLawError("a law", "was broken", []);
  }],
];

for (const [what, name, code, run] of MISTAKES) {
  Deno.test(`${what} fails with a ${name} and ${code}`, async () => {
    const error = await errorOf(run);
    assertEquals([error.name, error.code], [name, code], error.message);
  });
}

Deno.test("what a handler throws that is no Error arrives as one, with a code", async () => {
  const heard = Promise.withResolvers<Error & { code?: string }>();
  await using server = app();
  server.onConnection(() => {
    throw "a string";
  });
  server.onError(heard.resolve);
  server.listen(0, "127.0.0.1");
  await using client = await connect({ port: server.address()!.port, host: "127.0.0.1" });
  assertEquals((await heard.promise).code, "ERR_UNHANDLED_ERROR");
  client.destroy();
});

// ---- every option with every kind of nonsense ----

const NONSENSE: Wrong[] = [
  null,
  true,
  -1,
  1.5,
  NaN,
  Infinity,
  2 ** 53,
  7n,
  "",
  "x",
  Symbol("s"),
  [],
  [5],
  {},
  { x: 1 },
  () => 5,
];
const SERVER: ServerOptions = { port: 0 };
const GROUPS: [what: string, keys: string[], run: (options: Wrong) => unknown][] = [
  ["withOptions", [
    "port",
    "hostname",
    "path",
    "backlog",
    "reusePort",
    "proxyProtocol",
    "tls",
    "tcp",
    "limits",
    "deadlines",
  ], (options) => app().withOptions({ ...SERVER, ...options })],
  [
    "tcp",
    ["noDelay", "keepAlive", "keepAliveInitialDelay", "timeout", "allowHalfOpen"],
    (options) => app().withOptions({ tcp: options }),
  ],
  [
    "limits",
    ["maxConnections", "dropWhenFull", "maxHandshakes", "maxWriteQueueBytes", "highWaterMarkBytes"],
    (options) => app().withOptions({ limits: options }),
  ],
  ["deadlines", [
    "connectMs",
    "proxyMs",
    "handshakeMs",
    "firstByteMs",
    "frameMs",
    "idleMs",
    "idleReadMs",
    "idleWriteMs",
    "rate",
    "flushMs",
    "endMs",
    "lifetimeMs",
  ], (options) => app().withOptions({ deadlines: options })],
  ["tls", [
    "cert",
    "key",
    "passphrase",
    "ca",
    "requestCert",
    "rejectUnauthorized",
    "alpnProtocols",
    "sni",
    "minVersion",
    "maxVersion",
    "engine",
  ], (options) => app().withOptions({ tls: { cert: CERT, key: CERT, ...options } })],
  ["the client's tls", [
    "ca",
    "servername",
    "checkServerIdentity",
    "rejectUnauthorized",
    "cert",
    "key",
    "passphrase",
    "alpnProtocols",
    "minVersion",
    "maxVersion",
    "engine",
  ], (options) => new TCPSocket({ tls: options })],
  [
    "connect",
    ["port", "host", "hostname", "path", "timeoutMs", "signal"],
    (options) => new TCPSocket().connect({ port: 1, ...options }).on("error", () => {}).destroy(),
  ],
  ["lengthPrefixed", ["bytes", "endian", "offset", "adjust", "strip", "maxFrameBytes", "onOversize"], lengthPrefixed],
  ["lines", ["fatal", "eol", "maxFrameBytes"], lines],
  ["delimited", ["delimiters", "maxFrameBytes"], delimited],
  ["netstrings", ["maxFrameBytes"], netstrings],
  ["json", ["framing", "schema", "maxDepth"], json],
  ["ndjson", ["schema", "maxDepth", "maxFrameBytes"], ndjson],
  ["struct", ["endian", "framing"], (options) => struct({ a: "u8" }, options)],
  ["framed", ["head"], (options) => framed(new TCPSocket(), lines(), options)],
  ["MessageProtocol", ["codec", "maxFrameBytes"], (options) => new MessageProtocol(new TCPSocket(), options)],
  ["Heartbeat", ["intervalMs", "misses", "jitter"], (options) => new Heartbeat({} as Wrong, options)],
  ["close", ["settleMs", "drainMs"], (options) => void app().close({ drainMs: 0, ...options })],
  [
    "verifyCodec",
    ["messages", "received", "wire", "invalid", "limit", "seed"],
    (options) => verifyCodec(lines(), { messages: ["a"], ...options }),
  ],
];

for (const [what, keys, run] of GROUPS) {
  Deno.test(`nonsense in the options of ${what} fails with a code`, () => {
    for (const key of [...keys, "nosuch"]) {
      let refused = 0;
      for (const value of NONSENSE) {
        try {
          run({ [key]: value });
        } catch (error) {
          refused++;
          const { code } = error as { code?: unknown };
          assert(typeof code === "string", `${key}: ${String(value)} gives ${error}`);
        }
      }
      assert(refused > 0, `${key} takes everything`);
    }
  });
}

// ---- every argument as every kind of nonsense ----

const quiet = () => new TCPSocket().on("error", () => {});
const CALLS: [what: string, run: (value: Wrong) => unknown][] = [
  ["createServer", (value) => createServer(value)],
  ["the options of createServer", (value) => createServer("tcp", value)],
  ["withOptions", (value) => app().withOptions(value)],
  ["onConnection", (value) => app().onConnection(value)],
  ["onError", (value) => app().onError(value)],
  ["onListening", (value) => app().onListening(value)],
  ["close", (value) => app().close(value)],
  ["closeOnSignals", (value) => {
    const server = app();
    void server.closeOnSignals(value);
    server.destroy();
  }],
  ["reloadTls", (value) => app().reloadTls(value)],
  ["connections.byAddress", (value) => app().connections.byAddress(value)],
  ["connections.closeIdle", (value) => app().connections.closeIdle(value)],
  ["new TCPSocket", (value) => new TCPSocket(value)],
  ["TCPSocket.connect", (value) => quiet().connect(value).destroy()],
  ["the host of TCPSocket.connect", (value) => quiet().connect(1, value).destroy()],
  ["the signal of connect", (signal) => quiet().connect({ port: 1, signal }).destroy()],
  ["the function connect", (value) => connect(value)],
  ["upgradeTls", (value) => quiet().upgradeTls(value)],
  ["write", (value) => quiet().write(value)],
  ["the encoding of write", (value) => quiet().write("a", value)],
  ["the callback of write", (value) => quiet().write("a", "utf8", value)],
  ["end", (value) => quiet().end(value)],
  ["the encoding of end", (value) => quiet().end("a", value)],
  ["the callback of end", (value) => quiet().end("a", "utf8", value)],
  ["destroy", (value) => quiet().destroy(value)],
  ["setEncoding", (value) => quiet().setEncoding(value)],
  ["setTimeout", (value) => quiet().setTimeout(value).destroy()],
  ["the listener of setTimeout", (value) => quiet().setTimeout(0, value)],
  ["pipe", (value) => quiet().pipe(value)],
  ["the options of pipe", (value) => quiet().pipe(quiet(), value)],
  ["unpipe", (value) => quiet().unpipe(value)],
  ["allowHalfOpen", (value) => quiet().allowHalfOpen = value],
  ["on", (value) => quiet().on("end", value)],
  ["framed", (value) => framed(value, lines())],
  ["the codec of framed", (value) => framed(quiet(), value)],
  ["the options of framed", (value) => framed(quiet(), lines(), value)],
  ["startHeartbeat of framed", (value) => framed(quiet(), lines()).startHeartbeat(value)],
  ["new MessageProtocol", (value) => new MessageProtocol(value)],
  ["the options of MessageProtocol", (value) => new MessageProtocol(quiet(), value)],
  ["handleData", (value) => new MessageProtocol(quiet()).handleData(value)],
  ["sendEncoded", (value) => new MessageProtocol(quiet()).sendEncoded(value)],
  ["new ConnectionPool", (value) => new ConnectionPool(value)],
  ["ConnectionPool.add", (value) => new ConnectionPool(1).addConnection(value)],
  ["new Heartbeat", (value) => new Heartbeat(value)],
  ["the options of Heartbeat", (value) => new Heartbeat({ ping() {}, lost() {} }, value)],
  ["createPool", (value) => createPool(value).close()],
  ["the bound of createPool", (max) => createPool({ port: 1, max }).close()],
  ["reconnect", (value) => reconnect(value)],
  ["the backoff of reconnect", (value) => reconnect({ port: 1, backoff: value })],
  ["the targets of reconnect", (targets) => reconnect({ targets })],
  ["createRequester", (value) => createRequester(value, { ordered: true })],
  ["the options of createRequester", (value) => createRequester(framed(quiet(), lines()), value)],
  ["answerRequests", (value) => answerRequests(value, () => "")],
  ["the handler of answerRequests", (value) => answerRequests(framed(quiet(), lines()), value)],
  ["createNetwork", async (value) => await createNetwork(value).close()],
  ["new Rooms", (value) => new Rooms(value)],
  ["the codec of Rooms", (value) => new Rooms({ codec: value })],
  ["the name of a broadcast", (value) => new Rooms().broadcast(value, "x")],
  ["whom a broadcast leaves out", (value) => new Rooms().broadcast("a", "x", { except: value })],
  ["redisBus", (value) => redisBus(value)],
  ["the publisher of redisBus", (value) => redisBus({ publisher: value, subscriber: value })],
  ["natsBus", (value) => natsBus(value)],
  ["redisPresence", (value) => redisPresence(value)],
  ["the client of redisPresence", (value) => redisPresence({ client: value })],
  ["startWorkers", (value) => startWorkers(value).close()],
  ["serveInWorker", (value) => serveInWorker(value)],
  ["logTo", (value) => logTo(value)],
  ["the options of logTo", (value) => logTo(app(), value)],
  ["instrument", (value) => instrument(value)()],
  ["the options of instrument", (value) => instrument(app(), value)()],
  ["prometheusText", (value) => prometheusText(value)],
  ["the metrics of prometheusText", (value) => prometheusText({ app: value })],
  ["metricsHandler", (value) => metricsHandler(value)],
  ["inspectHandler", (value) => inspectHandler(value)],
  ["the options of inspectHandler", (value) => inspectHandler(app(), value)],
  ["lengthPrefixed", lengthPrefixed],
  ["lines", lines],
  ["ndjson", ndjson],
  ["json", json],
  ["netstrings", netstrings],
  ["delimited", delimited],
  ["fixedLength", fixedLength],
  ["struct", struct],
  ["the options of struct", (value) => struct({ a: "u8" }, value)],
  ["frames", (value) => frames(value, lines())],
  ["the codec of frames", (value) => frames(new Blob().stream(), value)],
  ["the options of frames", (value) => frames(new Blob().stream(), lines(), value)],
  ["new FrameDecoderStream", (value) => new FrameDecoderStream(value)],
  ["the options of FrameDecoderStream", (value) => new FrameDecoderStream(lines(), value)],
  ["new FrameEncoderStream", (value) => new FrameEncoderStream(value)],
  ["verifyCodec", (value) => verifyCodec(value, { messages: ["a"] })],
  ["the options of verifyCodec", (value) => verifyCodec(lines(), value)],
  ...[
    lengthPrefixed(),
    lines(),
    ndjson(),
    json(),
    netstrings(),
    delimited({ delimiters: ["x"] }),
    fixedLength(1),
    struct({ a: "u8" }),
  ]
    .flatMap((codec: Wrong, i): typeof CALLS => [
      [`encode of codec ${i}`, (value) => codec.encode(value)],
      [`push of codec ${i}`, (value) => codec.decoder().push(value)],
    ]),
];

for (const [what, run] of CALLS) {
  Deno.test(`nonsense for ${what} fails with a code, if it fails`, async () => {
    for (const value of [...NONSENSE, undefined]) {
      try {
        await run(value);
      } catch (error) {
        const { code } = error as { code?: unknown };
        assert(typeof code === "string", `${String(value)} gives ${error}`);
      }
    }
  });
}
