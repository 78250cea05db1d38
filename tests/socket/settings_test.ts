import { assert, assertEquals, assertThrows } from "@std/assert";
import { TCPSocket } from "../../mod.ts";
import { resolveSocketSettings } from "../../src/socket/settings.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** As a caller in JavaScript does it. */
const resolve = (...args: unknown[]): unknown => Reflect.apply(resolveSocketSettings, undefined, args);

unit("resolveSocketSettings() has the documented defaults", () => {
  assertEquals(resolveSocketSettings(undefined, undefined, undefined), {
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 0,
    timeoutMs: 0,
    allowHalfOpen: false,
    maxWriteQueueBytes: 16 * 1_024 * 1_024,
    highWaterMarkBytes: 64 * 1_024,
    readWhileBlocked: true,
    readBytesPerSecond: Infinity,
    writeBytesPerSecond: Infinity,
    flushMs: 60_000,
    endMs: 60_000,
    connectMs: 0,
    handshakeMs: 10_000,
    deadlines: undefined,
  });
});

unit("resolveSocketSettings() takes every option", () => {
  const settings = resolveSocketSettings(
    { noDelay: false, keepAlive: false, keepAliveInitialDelay: 5, timeout: 1_000, allowHalfOpen: true },
    { maxWriteQueueBytes: 100, highWaterMarkBytes: 10 },
    {
      connectMs: 1,
      handshakeMs: 2,
      firstByteMs: 3,
      frameMs: 4,
      idleMs: 5,
      idleReadMs: 6,
      idleWriteMs: 7,
      rate: { bytesPerSecond: 8, graceMs: 9 },
      flushMs: 50,
      endMs: 60,
      lifetimeMs: 10,
    },
  );
  assertEquals(settings, {
    noDelay: false,
    keepAlive: false,
    keepAliveInitialDelay: 5,
    timeoutMs: 1_000,
    allowHalfOpen: true,
    maxWriteQueueBytes: 100,
    highWaterMarkBytes: 10,
    readWhileBlocked: true,
    readBytesPerSecond: Infinity,
    writeBytesPerSecond: Infinity,
    flushMs: 50,
    endMs: 60,
    connectMs: 1,
    handshakeMs: 2,
    deadlines: {
      firstByteMs: 3,
      frameMs: 4,
      idleMs: 5,
      idleReadMs: 6,
      idleWriteMs: 7,
      bytesPerSecond: 8,
      graceMs: 9,
      lifetimeMs: 10,
    },
  });
});

unit("resolveSocketSettings() takes Infinity for bounds, and 0 switches a deadline off", () => {
  const settings = resolveSocketSettings(
    { timeout: 0 },
    { maxWriteQueueBytes: Infinity, highWaterMarkBytes: Infinity },
    { flushMs: 0 },
  );
  assertEquals([settings.maxWriteQueueBytes, settings.highWaterMarkBytes, settings.flushMs, settings.timeoutMs], [
    Infinity,
    Infinity,
    Infinity,
    0,
  ]);
});

unit("resolveSocketSettings() gives a frozen record that does not follow the caller's objects", () => {
  const limits = { highWaterMarkBytes: 5 };
  const settings = resolveSocketSettings(undefined, limits, undefined);
  limits.highWaterMarkBytes = 6;
  assertEquals(settings.highWaterMarkBytes, 5);
  assert(Object.isFrozen(settings));
});

const FROM_0 = "must be an integer from 0 to 9007199254740991";
const INTEGER = "must be an integer from 1 to 9007199254740991";
const MS = "must be from 0 to 2147483647 milliseconds";

const BAD: [group: 0 | 1 | 2, options: unknown, message: string][] = [
  [0, { noDelay: 1 }, 'Option "tcp.noDelay" must be true or false; it is 1'],
  [0, { keepAlive: "yes" }, 'Option "tcp.keepAlive" must be true or false; it is "yes"'],
  [0, { keepAliveInitialDelay: -1 }, `Option "tcp.keepAliveInitialDelay" ${MS}; it is -1`],
  [0, { timeout: "5s" }, 'Option "tcp.timeout" must be a number of milliseconds; it is "5s"'],
  [0, { timeout: 2 ** 31 }, `Option "tcp.timeout" ${MS}; it is 2147483648`],
  [0, { allowHalfOpen: null }, 'Option "tcp.allowHalfOpen" must be true or false; it is null'],
  [
    0,
    { nodelay: true },
    'Option "tcp.nodelay" is unknown; "tcp" takes noDelay, keepAlive, keepAliveInitialDelay, timeout, allowHalfOpen',
  ],
  [0, true, 'Option "tcp" must be an object; it is true'],
  [1, { maxWriteQueueBytes: 0 }, `Option "limits.maxWriteQueueBytes" ${INTEGER}; it is 0`],
  [1, { maxWriteQueueBytes: "1" }, `Option "limits.maxWriteQueueBytes" ${INTEGER}; it is "1"`],
  [1, { highWaterMarkBytes: 0 }, `Option "limits.highWaterMarkBytes" ${INTEGER}; it is 0`],
  [1, { highWaterMarkBytes: NaN }, `Option "limits.highWaterMarkBytes" ${INTEGER}; it is NaN`],
  [
    1,
    { maxConnections: 5 },
    'Option "limits.maxConnections" is unknown; "limits" takes maxWriteQueueBytes, highWaterMarkBytes, readWhileBlocked, ' +
    "readBytesPerSecond, writeBytesPerSecond",
  ],
  [1, [], 'Option "limits" must be an object; it is an array'],
  [2, { flushMs: -1 }, `Option "deadlines.flushMs" ${MS}; it is -1`],
  [2, { flushMs: Infinity }, `Option "deadlines.flushMs" ${MS}; it is Infinity`],
  [
    2,
    { flush: 5 },
    'Option "deadlines.flush" is unknown; "deadlines" takes connectMs, handshakeMs, firstByteMs, frameMs, idleMs, ' +
    "idleReadMs, idleWriteMs, rate, flushMs, endMs, lifetimeMs",
  ],
  [2, { idleReadMs: "1m" }, 'Option "deadlines.idleReadMs" must be a number of milliseconds; it is "1m"'],
  [2, { lifetimeMs: 2 ** 31 }, `Option "deadlines.lifetimeMs" ${MS}; it is 2147483648`],
  [2, { rate: 5 }, 'Option "deadlines.rate" must be an object; it is 5'],
  [2, { rate: {} }, `Option "deadlines.rate.bytesPerSecond" ${FROM_0}; it is undefined`],
  [2, { rate: { bytesPerSecond: -1 } }, `Option "deadlines.rate.bytesPerSecond" ${FROM_0}; it is -1`],
  [2, { rate: { bytesPerSecond: 1, graceMs: -1 } }, `Option "deadlines.rate.graceMs" ${MS}; it is -1`],
  [
    2,
    { rate: { bytesPerMinute: 1 } },
    'Option "deadlines.rate.bytesPerMinute" is unknown; "deadlines.rate" takes bytesPerSecond, graceMs',
  ],
  [2, null, 'Option "deadlines" must be an object; it is null'],
];

for (const [group, options, message] of BAD) {
  unit(`resolveSocketSettings() says: ${message}`, () => {
    const args: unknown[] = [undefined, undefined, undefined];
    args[group] = options;
    assertEquals(assertThrows(() => resolve(...args), Error).message, message);
  });
}

unit("resolveSocketSettings() knows the names a server adds to limits", () => {
  const settings = resolve(undefined, { maxConnections: 5, highWaterMarkBytes: 7 }, undefined, [
    "highWaterMarkBytes",
    "maxConnections",
  ]);
  assert(typeof settings === "object" && settings !== null && "highWaterMarkBytes" in settings);
  assertEquals(settings.highWaterMarkBytes, 7);
});

const ON: Record<string, unknown> = {
  firstByteMs: 1,
  frameMs: 1,
  idleMs: 1,
  idleReadMs: 1,
  idleWriteMs: 1,
  lifetimeMs: 1,
  rate: { bytesPerSecond: 1 },
};
for (const [name, value] of Object.entries(ON)) {
  unit(`resolveSocketSettings() wants a watch where ${name} is on`, () => {
    assert(resolveSocketSettings(undefined, undefined, { [name]: value }).deadlines !== undefined);
  });
}

unit("resolveSocketSettings() wants no watch for the deadlines that it does not look after", () => {
  const deadlines = { connectMs: 5, handshakeMs: 5, flushMs: 5, endMs: 5, rate: { bytesPerSecond: 0 }, idleMs: 0 };
  assertEquals(resolveSocketSettings(undefined, undefined, deadlines).deadlines, undefined);
});

Deno.test("setTimeout() takes a number and a function, as in Node, and nothing else", () => {
  const socket = new TCPSocket();
  for (const args of [[undefined], ["5"], [5, "x"], [0, null], [5, {}]]) {
    const error = assertThrows(() => socket.setTimeout(...args as [number]), TypeError) as TypeError & { code: string };
    assertEquals(error.code, "ERR_INVALID_ARG_TYPE");
  }
});
