import { assertEquals, assertRejects } from "@std/assert";
import { command } from "../../src/rooms/redis_commands.ts";
import { redisPresence, Rooms } from "../../src/rooms/mod.ts";
import { createNetwork } from "../../src/testing/mod.ts";

/** A client that keeps every command for ever, as some do while Redis is gone. */
const silent = { call: () => new Promise<unknown>(() => {}) };

Deno.test({
  name: "a command that Redis does not answer rejects after five seconds, and list() says that it is not complete",
  permissions: "none",
  async fn() {
    await using network = createNetwork();
    const rooms = new Rooms({ presence: redisPresence({ client: silent }) });
    const listed = rooms.list("lobby");
    const refused = assertRejects(() => command(silent, "GET", "x"), Error);
    await network.advance(5_000);
    assertEquals((await refused).message, "Redis did not answer GET within 5000 ms");
    assertEquals(await listed, { members: [], complete: false });
    await rooms.close();
    assertEquals(network.timers, 0);
  },
});

Deno.test("a command goes to the client of either package, and leaves no timer", async () => {
  assertEquals(await command({ call: (...args) => Promise.resolve(args) }, "SET", "a", "b"), ["SET", "a", "b"]);
  assertEquals(await command({ sendCommand: (args) => Promise.resolve(args) }, "GET", "a"), ["GET", "a"]);
});
