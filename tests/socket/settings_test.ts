import { assert, assertEquals, assertThrows } from "@std/assert";
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
    flushMs: 60_000,
    handshakeMs: 10_000,
  });
});

unit("resolveSocketSettings() takes every option", () => {
  const settings = resolveSocketSettings(
    { noDelay: false, keepAlive: false, keepAliveInitialDelay: 5, timeout: 1_000, allowHalfOpen: true },
    { maxWriteQueueBytes: 100, highWaterMarkBytes: 10 },
    { flushMs: 50 },
  );
  assertEquals(settings, {
    noDelay: false,
    keepAlive: false,
    keepAliveInitialDelay: 5,
    timeoutMs: 1_000,
    allowHalfOpen: true,
    maxWriteQueueBytes: 100,
    highWaterMarkBytes: 10,
    flushMs: 50,
    handshakeMs: 10_000,
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
    'Option "limits.maxConnections" is unknown; "limits" takes maxWriteQueueBytes, highWaterMarkBytes',
  ],
  [1, [], 'Option "limits" must be an object; it is an array'],
  [2, { flushMs: -1 }, `Option "deadlines.flushMs" ${MS}; it is -1`],
  [2, { flushMs: Infinity }, `Option "deadlines.flushMs" ${MS}; it is Infinity`],
  [2, { flush: 5 }, 'Option "deadlines.flush" is unknown; "deadlines" takes flushMs, handshakeMs'],
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
