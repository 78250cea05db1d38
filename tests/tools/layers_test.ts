import { assertEquals } from "@std/assert";
import { findViolations } from "./layers.ts";

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
      "src/socket/tcp_socket.ts": ["src/transport/transport.ts", "src/observe/metrics.ts", "src/base/errors.ts"],
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
  const [from, to] of [["transport", "framing"], ["framing", "observe"], ["server", "client"], ["protocol", "server"]]
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
