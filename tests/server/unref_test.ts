// A server that was told not to keep the process alive, before it listens and after.

import { assertEquals } from "@std/assert";
import { runModule } from "../support/child.ts";
import { server } from "../tls/support.ts";

const tls = { cert: server.cert, key: server.key };

/** Runs a program that makes `app` and does this with it. Its guard ends it if nothing else does. */
async function run(source: string, options: unknown = {}): Promise<{ code: number; stdout: string; stderr: string }> {
  return await runModule(
    `
    import { createServer } from "@verb/tcp";
    Deno.unrefTimer(setTimeout(() => Deno.exit(9), 60_000));
    const app = createServer("tcp", ${JSON.stringify(options)}).onConnection(() => {});
    ${source}
  `,
    ["--allow-net", "--allow-read", "--allow-write"],
  );
}

for (
  const [how, options] of [["plain TCP", {}], ["TLS", { tls }], ["PROXY headers", {
    proxyProtocol: "required",
  }]] as const
) {
  Deno.test(`unref() before listen() lets the process end, with ${how}`, async () => {
    const outcome = await run('app.unref().listen(0, "127.0.0.1", () => console.log("listening"));', options);
    assertEquals(outcome, { code: 0, stdout: "listening\n", stderr: "" });
  });
}

Deno.test("unref() before listen() lets the process end, on a unix socket", async () => {
  const path = await Deno.makeTempDir();
  const outcome = await run(`app.unref().listen(${JSON.stringify(`${path}/socket`)});`);
  assertEquals(outcome, { code: 0, stdout: "", stderr: "" });
  await Deno.remove(path, { recursive: true });
});

Deno.test("unref() holds for the next listen(), and for a server that is iterated", async () => {
  const outcome = await run(`
    app.removeAllListeners("connection").listen(0, "127.0.0.1").unref();
    await app.close();
    app.listen(0, "127.0.0.1");
    void (async () => {
      for await (const _socket of app);
    })();
  `);
  assertEquals(outcome, { code: 0, stdout: "", stderr: "" });
});

Deno.test("ref() takes an unref() back that came before listen()", async () => {
  const outcome = await run(`
    app.unref().ref().listen(0, "127.0.0.1");
    Deno.unrefTimer(setTimeout(() => { console.log("still here"); app.destroy(); }, 50));
  `);
  assertEquals(outcome, { code: 0, stdout: "still here\n", stderr: "" });
});

Deno.test('unref() is ignored by the listener of the engine "deno", as the table of engines says', async () => {
  const outcome = await run(
    `
    app.unref().listen(0, "127.0.0.1");
    Deno.unrefTimer(setTimeout(() => { console.log("still here"); app.destroy(); }, 50));
  `,
    { tls: { ...tls, engine: "deno" }, tcp: { noDelay: false } },
  );
  assertEquals(outcome, { code: 0, stdout: "still here\n", stderr: "" });
});

for (
  const [what, ref, stdout] of [["stays", "ref", "still here\n"], [
    "may end, once it is told so,",
    "unref",
    "",
  ]] as const
) {
  Deno.test(`a process ${what} while the server is full and nobody in it is read`, async () => {
    const outcome = await run(
      `
      app.on("connection", (socket) => void socket.pause()).listen(0, "127.0.0.1");
      const client = await Deno.connect({ hostname: "127.0.0.1", port: app.address().port });
      await client.write(new Uint8Array(100_000));
      app.${ref}();
      Deno.unrefTimer(setTimeout(() => { console.log("still here"); app.destroy(); client.close(); }, 1_200));
    `,
      { limits: { maxConnections: 1 } },
    );
    assertEquals(outcome, { code: 0, stdout, stderr: "" });
  });
}
