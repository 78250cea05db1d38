// `vtcp connect` as a process on pipes, against servers in the test.

import { createServer as createNodeServer } from "node:net";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createServer, MessageProtocol, type ServerOptions, type TcpServer, type TCPSocket } from "../../mod.ts";
import { makeAuthority } from "../support/certificates.ts";
import { run, Vtcp } from "./vtcp.ts";

/** A server on a free port with that handler, and its address. */
function serve(handler: (socket: TCPSocket) => void, options: ServerOptions = {}): TcpServer & { target: string } {
  const app = createServer("tcp", options).onConnection(handler);
  app.onError(() => {}); // clients come and go
  app.listen(0, "127.0.0.1");
  return Object.assign(app, { target: `127.0.0.1:${app.address()?.port}` });
}

const echo = (socket: TCPSocket) => void socket.pipe(socket);

Deno.test("connect sends lines, prints lines as they are, and ends with the server", async () => {
  await using app = serve((socket) => {
    socket.on("data", (data) => socket.write(`you said ${data}`));
    socket.on("end", () => socket.end("bye \x1b[2J\u202e\r\nno end"));
  });
  const { code, stdout, stderr } = await run(["connect", app.target], "hello\n");
  assertEquals([stdout, code, stderr], ["you said hello\nbye \x1b[2J\u202e\nno end\n", 0, ""]);
});

Deno.test("connect speaks JSON with MessageProtocol, and tells bad messages", async () => {
  await using app = serve((socket) => {
    const protocol = new MessageProtocol<unknown>(socket).attach();
    protocol.onMessage = (message) => {
      protocol.send({ got: message });
      socket.write(new Uint8Array([0, 0, 0, 2, 0x7b, 0x0a])); // no JSON
      protocol.send("Zoë\x1b\n");
    };
  });
  const { code, stdout, stderr } = await run(["connect", "--codec=json", app.target], ' {"a": [1]}\n\n');
  assertEquals([stdout, code], ['{"got":{"a":[1]}}\n"Zoë\\u001b\\n"\n', 0]);
  assertEquals(stderr, "A bad message: Cannot read message: its 2 bytes are not JSON (ERR_MESSAGE_INVALID)\n");
});

Deno.test("connect --codec raw changes no byte, in either direction", async () => {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i * 31 >> (i % 7));
  const received = Promise.withResolvers<Uint8Array>();
  await using app = serve((socket) => {
    const chunks: Uint8Array[] = [];
    socket.on("data", (data) => chunks.push(data));
    socket.on("end", () => {
      received.resolve(new Uint8Array(chunks.flatMap((chunk) => [...chunk])));
      socket.end(bytes);
    });
  }, { tcp: { allowHalfOpen: true } });
  const script = `${Deno.execPath()} run --quiet --allow-net src/cli/mod.ts connect --codec raw ${app.target}`;
  const child = new Deno.Command("sh", { args: ["-c", script], stdin: "piped", stdout: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  const output = child.output();
  await writer.write(bytes);
  await writer.close();
  assertEquals(await received.promise, bytes);
  assertEquals((await output).stdout, bytes);
});

Deno.test("connect --hex takes and shows the bytes of frames", async () => {
  await using app = serve(echo);
  const args = ["connect", app.target, "--hex", "--codec", "length:2:le"];
  assertEquals((await run(args, "00ff 1b\n\n0a")).stdout, "00 ff 1b\n\n0a\n");
});

Deno.test("connect fails with one line and 1 for input that is no message", async () => {
  await using app = serve(echo);
  const { code, stdout, stderr } = await run(["connect", app.target, "--codec", "ndjson"], '1\n{"a":\n');
  assertEquals([code, stdout.replace("1\n", "")], [1, ""]);
  assertMatch(stderr, /^vtcp: Line 2 of the input is not a message of ndjson: .*\n$/);
});

const BAD_PEERS: Record<string, [handler: (socket: TCPSocket) => void, codec: string, message: RegExp]> = {
  "sends a frame that is too large": [(socket) => void socket.write("9999999:"), "netstring", /ERR_FRAME_TOO_LARGE/],
  "ends inside a frame": [(socket) => void socket.end("5:hel"), "netstring", /ERR_FRAME_TRUNCATED/],
};

for (const [what, [handler, codec, message]] of Object.entries(BAD_PEERS)) {
  Deno.test(`connect says it where a server ${what}`, async () => {
    await using app = serve(handler);
    await using vtcp = new Vtcp(["connect", app.target, "--codec", codec]);
    const { code, stderr } = await vtcp.end();
    assertEquals([code, stderr.match(/\n/g)?.length], [1, 1]);
    assertMatch(stderr, message);
  });
}

Deno.test("connect says it where a server resets", async () => {
  // Only this one can send a reset in Deno.
  const app = createNodeServer((socket) => void socket.once("data", () => socket.resetAndDestroy()));
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  const address = app.address();
  assert(typeof address === "object" && address !== null);
  await using vtcp = new Vtcp(["connect", `127.0.0.1:${address.port}`]);
  await vtcp.type("reset me\n");
  const { code, stderr } = await vtcp.end();
  assertEquals(code, 1);
  assertMatch(stderr, /^vtcp: .*\(ECONNRESET\)\n$/);
  await new Promise((resolve) => app.close(resolve));
});

Deno.test("connect fails with one line and 1 where it cannot connect, and with 2 for wrong usage", async () => {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const target = `127.0.0.1:${free.addr.port}`;
  free.close();
  const ends = await Promise.all([
    run(["connect", target]),
    run(["connect", target], "", []),
    run(["connect", "localhost"]),
    run(["connect", "--tls", "--ca", "no/such/file", target], "", ["--allow-net", "--allow-read"]),
  ]);
  assertEquals(ends.map(({ code, stdout }) => [code, stdout]), [[1, ""], [1, ""], [2, ""], [1, ""]]);
  const [refused, forbidden, wrong, missing] = ends.map(({ stderr }) => stderr);
  assertEquals(refused, `vtcp: Cannot connect to ${target}: Connection refused (ECONNREFUSED)\n`);
  assertMatch(forbidden ?? "", /^vtcp: .*--allow-net.*\n$/);
  assertMatch(wrong ?? "", /^vtcp: TARGET must be .*\n$/);
  assertMatch(missing ?? "", /^vtcp: Cannot read no\/such\/file \(--ca\): .*\n$/);
});

Deno.test("connect reaches unix sockets", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/echo.sock`;
  const app = createServer().onConnection(echo).listen({ path });
  const { stdout, code } = await run(["connect", path], "hi\n", ["--allow-net", "--allow-read", "--allow-write"]);
  assertEquals([stdout, code], ["hi\n", 0]);
  await app.close();
  await Deno.remove(folder, { recursive: true });
});

for (const codec of ["lines", "raw"]) {
  Deno.test(`connect --codec ${codec} takes it for no failure when nobody reads its output any more`, async () => {
    const closed = Promise.withResolvers<void>();
    await using app = serve((socket) => {
      const more = () => {
        while (!socket.destroyed && socket.write("line\n".repeat(1_000)));
      };
      socket.on("drain", more);
      socket.on("error", () => {}); // it goes away in the middle
      socket.on("close", () => closed.resolve());
      more();
    });
    await using vtcp = new Vtcp(["connect", app.target, "--codec", codec]);
    await vtcp.stdout.match(/line/);
    await vtcp.stdout.close();
    await closed.promise;
    const { code, stderr } = await vtcp.end();
    assertEquals([code, stderr], [0, ""]);
  });
}

Deno.test("connect ends in order at Ctrl-C", async () => {
  const ended = Promise.withResolvers<string>();
  await using app = serve((socket) => {
    socket.write("hello\n");
    socket.closed.then(({ reason }) => ended.resolve(reason));
  });
  await using vtcp = new Vtcp(["connect", app.target]);
  await vtcp.stdout.match(/hello/);
  vtcp.interrupt();
  assertEquals(await vtcp.end(), { code: 0, stdout: "hello\n", stderr: "" });
  assertEquals(await ended.promise, "peer");
});

Deno.test("connect ends at the second Ctrl-C where the server does not", async () => {
  const heard = Promise.withResolvers<void>();
  await using app = serve((socket) => {
    socket.write("hello\n");
    socket.on("data", () => {});
    socket.on("end", () => heard.resolve());
  }, { tcp: { allowHalfOpen: true } });
  await using vtcp = new Vtcp(["connect", app.target]);
  await vtcp.stdout.match(/hello/);
  vtcp.interrupt();
  await heard.promise;
  vtcp.interrupt();
  assertEquals(await vtcp.end(), { code: 0, stdout: "hello\n", stderr: "" });
  for (const socket of app.connections) socket.destroy();
});

Deno.test("connect ends when the server does, though its input goes on", async () => {
  await using app = serve((socket) => socket.end("the end\n"));
  await using vtcp = new Vtcp(["connect", app.target]);
  assertEquals(await vtcp.end(), { code: 0, stdout: "the end\n", stderr: "" });
});

Deno.test("connect speaks TLS, and takes no certificate it cannot verify", async () => {
  const [authority, stranger] = await Promise.all([makeAuthority("Ours"), makeAuthority("Theirs")]);
  const [server, ann] = [await authority.issue("server", { names: ["server.example"] }), await authority.issue("Ann")];
  const folder = await Deno.makeTempDir();
  const files = { "ca.pem": authority.cert, "other.pem": stranger.cert, "cert.pem": ann.cert, "key.pem": ann.key };
  for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
  await using app = serve((socket) => {
    socket.resume().end(`${socket.authorized ? socket.getPeerCertificate()?.subject.CN : "a stranger"}\n`);
  }, { tls: { cert: server.cert, key: server.key, ca: authority.cert, requestCert: true, rejectUnauthorized: false } });
  const { target } = app;
  const permissions = ["--allow-net", `--allow-read=${folder}`];
  const tls = (...args: string[]) => run(["connect", target, "--tls", ...args], "", permissions);
  const [ca, certificate] = [["--ca", `${folder}/ca.pem`], [
    "--cert",
    `${folder}/cert.pem`,
    "--key",
    `${folder}/key.pem`,
  ]];
  const ends = await Promise.all([
    tls(...ca, "--servername", "server.example"),
    tls(...ca, "--servername", "server.example", ...certificate),
    tls("--insecure"),
    tls(...ca),
    tls("--ca", `${folder}/other.pem`, "--servername", "server.example"),
  ]);
  assertEquals(ends.map(({ code, stdout }) => [code, stdout]), [
    [0, "a stranger\n"],
    [0, "Ann\n"],
    [0, "a stranger\n"],
    [1, ""],
    [1, ""],
  ]);
  const [, , , wrongName, unknown] = ends.map(({ stderr }) => stderr);
  assertStringIncludes(wrongName ?? "", "ERR_TLS_CERT_ALTNAME_INVALID");
  assertMatch(unknown ?? "", /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
  for (const { stderr } of ends) assert(stderr.split("\n").length <= 2, stderr);
  await Deno.remove(folder, { recursive: true });
});
