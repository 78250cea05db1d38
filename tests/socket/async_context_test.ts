// Whose AsyncLocalStorage is seen: that of one's own write, and never that of whoever else wrote in the turn.

import { AsyncLocalStorage } from "node:async_hooks";
import { assertEquals } from "@std/assert";
import { connect, createServer, type TCPSocket } from "../../mod.ts";
import { KINDS, openPair } from "../support/kinds.ts";

const context = new AsyncLocalStorage<string>();

for (const kind of KINDS) {
  Deno.test(`callbacks, drain and end run in the context of their own call (${kind.name})`, async () => {
    await using pair = await openPair(kind);
    const { client: near, inside: far } = pair;
    far.resume();
    const seen: Record<string, string | undefined> = {};
    const see = (name: string) => () => void (seen[name] = context.getStore());
    const drained = new Promise<void>((resolve) => near.once("drain", () => resolve(see("drain")())));
    context.run("first", () => near.write("a", see("first")));
    context.run("second", () => near.write("b", see("second")));
    near.write("c", see("outside"));
    context.run("large", () => near.write(new Uint8Array(1_000_000)));
    await drained;
    await new Promise<void>((resolve) => context.run("end", () => near.end(() => resolve(see("end")()))));
    assertEquals(seen, { first: "first", second: "second", outside: undefined, drain: "large", end: "end" });
  });
}

Deno.test("sockets that write in one turn do not see each other's context", async () => {
  await using app = createServer().onConnection((socket) => socket.resume()).listen(0, "127.0.0.1");
  const { port } = app.address()!; // it listens
  const sockets = await Promise.all(["a", "b", "c"].map(() => connect({ port, host: "127.0.0.1" })));
  const told = await Promise.all(
    sockets.map((socket: TCPSocket, index) =>
      context.run(`${index}`, () =>
        new Promise((resolve) => {
          socket.write("x", () => resolve(context.getStore()));
        }))
    ),
  );
  assertEquals(told, ["0", "1", "2"]);
  for (const socket of sockets) socket.destroy();
});
