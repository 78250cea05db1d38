import { assertEquals } from "@std/assert";
import { CLOSE_REASONS, type CloseReason } from "../../src/telemetry/close_receipt.ts";

// A record must name every member of the union, so this list cannot fall behind the type.
const EVERY_REASON: Record<CloseReason, true> = {
  "local": true,
  "peer": true,
  "reset": true,
  "truncated": true,
  "destroyed": true,
  "error": true,
  "protocol": true,
  "overflow": true,
  "shed": true,
  "shutdown": true,
  "refused": true,
  "tls": true,
  "deadline:connect": true,
  "deadline:proxy": true,
  "deadline:handshake": true,
  "deadline:firstByte": true,
  "deadline:frame": true,
  "deadline:idle": true,
  "deadline:rate": true,
  "deadline:flush": true,
  "deadline:end": true,
  "deadline:lifetime": true,
  "heartbeat": true,
};

Deno.test({
  name: "CLOSE_REASONS lists every CloseReason once",
  permissions: "none",
  fn: () => assertEquals([...CLOSE_REASONS].sort(), Object.keys(EVERY_REASON).sort()),
});
