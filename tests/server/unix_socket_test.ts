/** The file of a unix socket goes with the server that made it, and with no other. */

import { assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { connect, createServer, type ServerOptions, TcpError, type TcpServer } from "../../mod.ts";
import { makeAuthority } from "../support/certificates.ts";
import { Program } from "../examples/program.ts";
import { runModule } from "../support/child.ts";

const authority = await makeAuthority("unix");
const { cert, key } = await authority.issue("localhost");

async function listening(path: string, answer: string, options: ServerOptions = {}): Promise<TcpServer> {
  const app = createServer("tcp", options).onConnection((socket) => socket.end(answer));
  const started = once(app, "listening"); // rejects with an error
  app.listen({ path });
  await started;
  return app;
}

async function ask(path: string, options: ServerOptions = {}): Promise<string> {
  const verify = options.tls === undefined ? {} : { tls: { ca: authority.cert, servername: "localhost" } };
  return (await Array.fromAsync(await connect({ path, ...verify }), String)).join("");
}

async function namesIn(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory), ({ name }) => name)).sort();
}

const ways: Record<string, (app: TcpServer) => unknown> = {
  "close()": (app) => app.close(),
  "destroy()": (app) => app.destroy().close(),
  "await using": async (app) => {
    await using _ = app;
  },
  "leaving the iteration": async (app) => {
    app.removeAllListeners("connection");
    await app[Symbol.asyncIterator]().return?.();
  },
};

for (const [kind, options] of Object.entries({ "plain": {}, "with TLS": { tls: { cert, key } } })) {
  for (const [way, end] of Object.entries(ways)) {
    Deno.test(`${way} leaves the unix socket of a successor alone, ${kind}`, async () => {
      const directory = await Deno.makeTempDir();
      const path = `${directory}/socket`;
      const old = await listening(path, "old", options);
      await Deno.remove(path);
      const next = await listening(path, "next", options);
      await end(old);
      assertEquals(await ask(path, options), "next");
      assertEquals(await namesIn(directory), ["socket"]);
      await end(next);
      assertEquals(await namesIn(directory), []);
      await assertRejects(() => connect({ path }), TcpError, "ENOENT");
    });
  }
}

Deno.test("a successor that another program is, and that renamed its socket over ours, is left alone", async () => {
  const path = `${await Deno.makeTempDir()}/socket`;
  const app = await listening(path, "old");
  using successor = Deno.listen({ transport: "unix", path: `${path}.next` });
  await Deno.rename(`${path}.next`, path);
  await app.close();
  const [inside, outside] = await Promise.all([successor.accept(), Deno.connect({ transport: "unix", path })]);
  inside.close();
  outside.close();
});

Deno.test("a server that a signal closes leaves the unix socket of the next process alone", async () => {
  const path = `${await Deno.makeTempDir()}/socket`;
  await using old = new Program("tests/fixtures/unix_server.ts", [path], ["-A"]);
  await old.line(/^listening$/);
  await Deno.remove(path);
  const next = await listening(path, "next");
  old.signal("SIGTERM");
  const { code, stderr } = await old.end();
  assertEquals([code, stderr, await ask(path)], [0, "", "next"]);
  await next.close();
});

Deno.test("a path that is taken is refused, whatever has it, and stays as it is", async () => {
  const directory = await Deno.makeTempDir();
  const live = `${directory}/live`;
  const app = await listening(live, "live");
  await Deno.writeTextFile(`${directory}/text`, "mine");
  await Deno.symlink(`${directory}/nowhere`, `${directory}/link`);
  for (const name of ["live", "text", "link"]) {
    const error = await assertRejects(() => listening(`${directory}/${name}`, "never"), TcpError, "EADDRINUSE");
    assertEquals([error.code, error.syscall, error.address], ["EADDRINUSE", "listen", `${directory}/${name}`]);
  }
  assertEquals(await namesIn(directory), ["link", "live", "text"]);
  assertEquals([await ask(live), await Deno.readTextFile(`${directory}/text`)], ["live", "mine"]);
  await app.close();
});

Deno.test("a unix socket needs no permission but for its own path", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/socket`;
  const { code, stdout, stderr } = await runModule(
    `
    import { connect, createServer } from "@verb/tcp";
    const app = createServer().onConnection((socket) => socket.end("inside")).listen({ path: ${JSON.stringify(path)} });
    for await (const chunk of await connect({ path: ${
      JSON.stringify(path)
    } })) console.log(app.address(), String(chunk));
    await app.close();
  `,
    [`--allow-net=unix:${path}`, `--allow-read=${path}`, `--allow-write=${path}`],
  );
  assertEquals([code, stdout, stderr], [0, `${path} inside\n`, ""]);
  assertEquals(await namesIn(directory), []);
});

Deno.test("a unix socket without any permission is an EACCES for onError", async () => {
  const { code, stdout, stderr } = await runModule(`
    import { createServer } from "@verb/tcp";
    createServer().onError(({ code }) => console.log(code)).listen({ path: "/tmp/socket" });
  `);
  assertEquals([code, stdout, stderr], [0, "EACCES\n", ""]);
});
