import { assertEquals } from "@std/assert";
import { findClockUses, findViolations } from "./layers.ts";

/** The findings for a graph written as `importer: imported, imported`. */
function violations(graph: Record<string, string[]>): string[] {
  return findViolations(new Map(Object.entries(graph)));
}

Deno.test("findViolations() has nothing to say of arrows that go down or stay in their folder", () => {
  assertEquals(
    violations({
      "mod.ts": ["src/server/server.ts", "src/base/errors.ts"],
      "src/server/server.ts": ["src/server/options.ts", "src/socket/tcp_socket.ts", "node:events"],
      "src/server/options.ts": ["src/base/check.ts"],
      "src/rooms/rooms.ts": ["src/protocol/framed.ts"],
      "src/cli/mod.ts": ["mod.ts"],
      "src/socket/tcp_socket.ts": ["src/tls/tls_options.ts", "src/telemetry/metrics.ts", "src/base/errors.ts"],
      "src/tls/tls_options.ts": ["src/transport/transport.ts"],
      "src/transport/transport.ts": ["src/telemetry/telemetry.ts"],
      "src/framing/json.ts": ["src/framing/codec.ts", "jsr:@std/bytes@^1.0.0"],
    }),
    [],
  );
});

Deno.test("findViolations() refuses an arrow that goes up", () => {
  assertEquals(violations({ "src/base/check.ts": ["src/socket/pipe.ts"] }), [
    "src/base/check.ts -> src/socket/pipe.ts goes up",
  ]);
});

Deno.test("findViolations() refuses an arrow to a face", () => {
  assertEquals(violations({ "src/server/server.ts": ["mod.ts"] }), ["src/server/server.ts -> mod.ts goes up"]);
});

for (
  const [from, to] of [["transport", "framing"], ["framing", "limits"], ["server", "client"], ["observe", "rooms"]]
) {
  Deno.test(`findViolations() refuses an arrow from ${from} to its sibling ${to}`, () => {
    assertEquals(violations({ [`src/${from}/a.ts`]: [`src/${to}/b.ts`] }), [
      `src/${from}/a.ts -> src/${to}/b.ts goes sideways`,
    ]);
  });
}

Deno.test("findViolations() refuses a folder that has no place in the order", () => {
  assertEquals(violations({ "src/extra/a.ts": [] }), ["src/extra/a.ts is in no layer"]);
});

Deno.test("findViolations() refuses arrows out of the library", () => {
  assertEquals(violations({ "src/base/a.ts": ["tests/support/peer.ts", "npm:left-pad@1.3.0"] }), [
    "src/base/a.ts -> tests/support/peer.ts leaves the library",
    "src/base/a.ts -> npm:left-pad@1.3.0 is a dependency",
  ]);
});

Deno.test("findViolations() refuses a circle within a folder, and shows it once", () => {
  assertEquals(
    violations({
      "src/socket/a.ts": ["src/socket/b.ts"],
      "src/socket/b.ts": ["src/socket/c.ts"],
      "src/socket/c.ts": ["src/socket/b.ts", "src/base/errors.ts"],
    }),
    ["src/socket/b.ts -> src/socket/c.ts -> src/socket/b.ts goes round"],
  );
});

Deno.test("findClockUses() finds every way to tell time or to wait, and names its line", () => {
  const text =
    "const a = performance.now();\nconst b = Date.now();\nsetTimeout(run, 1);\nconst c = AbortSignal.timeout(5);\n";
  assertEquals(
    findClockUses("src/server/a.ts", text),
    ["performance.now", "Date.now", "setTimeout(", "AbortSignal.timeout"].map((use, index) =>
      `src/server/a.ts:${index + 1} uses ${use}; ask src/base/clock.ts`
    ),
  );
});

Deno.test("findClockUses() leaves comments, methods of other objects and the clock itself alone", () => {
  const text =
    "// performance.now()\n * `Date.now()`\nsocket.setTimeout(5);\n  setTimeout(timeoutMs: number): this {\n";
  assertEquals(findClockUses("src/server/a.ts", text), []);
  assertEquals(findClockUses("src/base/clock.ts", "setTimeout(run, 1)"), []);
});
