import { assertEquals } from "@std/assert";
import { MAX_TROUBLES, Troubles } from "../../src/observe/inspect_trouble.ts";
import { receiptOf } from "../../src/telemetry/close_receipt.ts";
import type { TelemetryEvent, TelemetryEvents } from "../../src/telemetry/events.ts";

const PEER = { remoteAddress: "192.0.2.7", remotePort: 50_000 };

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function eventOf<Type extends keyof TelemetryEvents>(type: Type, facts: TelemetryEvents[Type]): TelemetryEvent {
  return { type, at: 1, server: undefined, ...facts } as TelemetryEvent; // the type says which facts
}

function closed(reason: "local" | "peer" | "shutdown" | "reset", error?: Error): TelemetryEvent {
  return eventOf("connection.close", { ...PEER, id: 1, openMs: 1, receipt: receiptOf(reason, 0, 0, 0, error) });
}

unit("Troubles tells of what went wrong, the latest first, and of nothing else", () => {
  const troubles = new Troubles();
  const error = Object.assign(new Error("reset"), { code: "ECONNRESET" });
  const events = [
    eventOf("connection.open", { ...PEER, id: 1, encrypted: false }),
    closed("local"),
    closed("peer"),
    closed("shutdown"),
    closed("reset", error),
    eventOf("connection.fail", { ...PEER, reason: "tls", code: "ERR_SSL\n" }),
    eventOf("connection.drop", { ...PEER, reason: "rate" }),
    eventOf("accept.error", { code: "EMFILE", verdict: "pause" }),
    eventOf("frame.error", { id: 1, code: "ERR_MESSAGE_INVALID", recoverable: true }),
    eventOf("frame.error", { id: 1, code: "ERR_FRAME_TOO_LARGE", recoverable: false }),
  ];
  for (const event of events) troubles.take(event);
  assertEquals(troubles.latest.map(({ what, code, peer }) => [what, code, peer]), [
    ["bad message", "ERR_MESSAGE_INVALID", ""],
    ["accept failed", "EMFILE", ""],
    ["dropped: rate", "", "192.0.2.7"],
    ["failed: tls", "ERR_SSL\\u{a}", "192.0.2.7"],
    ["closed: reset", "ECONNRESET", "192.0.2.7"],
  ]);
});

unit("Troubles counts what comes again, and forgets the oldest kind beyond its bound", () => {
  const troubles = new Troubles();
  const drop = (last: number) =>
    troubles.take(eventOf("connection.drop", { ...PEER, remoteAddress: `192.0.2.${last}`, reason: "full" }));
  for (let last = 0; last < MAX_TROUBLES; last++) drop(last);
  drop(0);
  drop(100); // now the one of 192.0.2.1 is the oldest
  const { latest } = troubles;
  assertEquals(latest.length, MAX_TROUBLES);
  assertEquals(latest.slice(0, 2).map(({ peer, count }) => [peer, count]), [["192.0.2.100", 1], ["192.0.2.0", 2]]);
  assertEquals(latest.at(-1)?.peer, "192.0.2.2");
});
