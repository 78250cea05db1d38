import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { connect, createServer, TcpError, type TelemetryEvent } from "../../mod.ts";
import { type LogLevel, type LogOptions, logTo, type ObservedServer } from "../../src/observe/mod.ts";

/** A server that tells what the test says. */
function told(options: LogOptions, ...events: Partial<TelemetryEvent>[]): Record<string, unknown>[] {
  const lines: string[] = [];
  const app: ObservedServer = {
    metrics: () => createServer().metrics(),
    ready: true,
    observe(observer) {
      for (const event of events) observer({ at: 0, server: "127.0.0.1:1", ...event } as TelemetryEvent);
      return () => {};
    },
  };
  logTo(app, { write: (line) => lines.push(line), ...options });
  return lines.map((line) => JSON.parse(line));
}

const receipt = { reason: "peer", bytesRead: 1, bytesWritten: 2, unsentBytes: 0 } as const;
const error = new TcpError("said by the peer", { code: "ECONNRESET" });
const LEVELS: readonly (readonly [LogLevel, Partial<TelemetryEvent>])[] = [
  ["debug", { type: "queue.high", id: 1, queuedBytes: 2 }],
  ["debug", { type: "queue.low", id: 1 }],
  ["debug", { type: "handshake.end", ms: 1, code: undefined }],
  ["info", { type: "connection.open", id: 1 }],
  ["info", { type: "connection.close", id: 1, receipt, openMs: 1 }],
  ["info", { type: "drain.start", open: 1 }],
  ["info", { type: "drain.end", report: { ended: 1, forced: 0, unsentBytes: 0, tookMs: 1 } }],
  ["warn", { type: "connection.close", id: 1, receipt: { ...receipt, reason: "reset", error }, openMs: 1 }],
  ["warn", { type: "connection.fail", reason: "tls", code: "X" }],
  ["warn", { type: "connection.drop", reason: "full" }],
  ["warn", { type: "handshake.end", ms: 1, code: "X" }],
  ["warn", { type: "frame.error", id: 1, code: "X", recoverable: true }],
  ["warn", { type: "option.unsupported", option: "x" }],
  ["warn", { type: "accept.error", code: "EMFILE", verdict: "pause" }],
  ["error", { type: "accept.error", code: "X", verdict: "unknown" }],
];

Deno.test("logTo() gives every event its level, and leaves out what is below the one asked for", () => {
  const events = LEVELS.map(([, event]) => event);
  for (const least of ["debug", "info", "warn", "error"] as const) {
    const expected = LEVELS.slice(LEVELS.findIndex(([level]) => level === least));
    assertEquals(
      told({ level: least }, ...events).map(({ level, event }) => [level, event]),
      expected.map(([level, { type }]) => [level, type]),
    );
  }
  assertEquals(told({}, ...events).length, LEVELS.length - 3, "info where nothing is said");
});

Deno.test("logTo() writes facts flat, and an error by its code alone", () => {
  const [close, end] = told({}, LEVELS[7]![1], LEVELS[6]![1]);
  assertEquals(close, {
    time: "1970-01-01T00:00:00.000Z",
    level: "warn",
    event: "connection.close",
    server: "127.0.0.1:1",
    id: 1,
    openMs: 1,
    reason: "reset",
    bytesRead: 1,
    bytesWritten: 2,
    unsentBytes: 0,
    code: "ECONNRESET",
  });
  assertEquals([end?.forced, end?.tookMs], [0, 1]);
});

Deno.test("logTo() lets nobody forge a line or speak to a terminal", () => {
  const lines: string[] = [];
  const evil = 'x\n{"level":"error"}\r\x1b[2J\u009b\u2028\u202e\ud800é"\\';
  const app: ObservedServer = {
    metrics: () => createServer().metrics(),
    ready: true,
    observe(observer) {
      observer({ type: "option.unsupported", at: 0, server: undefined, option: evil });
      return () => {};
    },
  };
  logTo(app, { write: (line) => lines.push(line) });
  assertEquals(lines.length, 1);
  assertMatch(lines[0]!, /^[\x20-\x7e]+$/);
  assertEquals(JSON.parse(lines[0]!).option, evil);
});

Deno.test("logTo() follows a server until it is stopped, or its writer fails", async () => {
  const errors: string[] = [];
  const app = createServer().onError(({ message }) => errors.push(message));
  const lines: string[] = [];
  const stop = logTo(app, { write: (line) => lines.push(line) });
  logTo(app, { write: () => Promise.reject(new Error("the disk is full")) });
  app.onConnection((socket) => socket.end()).listen(0, "127.0.0.1");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  client.resume();
  await client.closed;
  while (app.connections.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  stop();
  await app.close();
  assertEquals(lines.map((line) => JSON.parse(line).event), ["connection.open", "connection.close"]);
  assertEquals(errors, ["the disk is full"]);
  const { server, remoteAddress } = JSON.parse(lines[0]!);
  assert(server.startsWith("127.0.0.1:"));
  assertEquals(remoteAddress, "127.0.0.1");
});

Deno.test("logTo() refuses options that make no sense", () => {
  const app = createServer();
  // @ts-expect-error there is no such level
  assertThrows(() => logTo(app, { level: "loud" }), TypeError, "level");
  // @ts-expect-error it is no function
  assertThrows(() => logTo(app, { write: 5 }), TypeError, "write");
  // @ts-expect-error there is no such option
  assertThrows(() => logTo(app, { colour: true }), TypeError, "colour");
});

Deno.test("logTo() writes the time of each event, whatever came before", () => {
  const times = [1_699_999_999_999, 1_700_000_000_000, 1_700_000_000_007, 1_700_000_001_070, 1_699_999_999_999];
  const lines = told({}, ...times.map((at) => ({ type: "drain.start", at, open: 0 }) as const));
  assertEquals(lines.map(({ time }) => time), times.map((at) => new Date(at).toISOString()));
});
