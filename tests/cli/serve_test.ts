// `vtcp serve` as a process, against clients in the test and its own `connect`.

import { assertEquals, assertMatch } from "@std/assert";
import { framed } from "../../mod.ts";
import { connect, type TCPSocket } from "../../tcp.ts";
import { json, lines } from "../../src/framing/mod.ts";
import { makeAuthority } from "../support/certificates.ts";
import { run, Vtcp } from "./vtcp.ts";

/** All that comes until the peer ends. */
async function readAll(socket: TCPSocket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

Deno.test("serve echo sends back what comes, on 127.0.0.1, says who came, and ends in order at Ctrl-C", async () => {
  await using server = await Vtcp.listening(["serve", "echo"]);
  const { port } = server;
  await server.stderr.match(/^Listening on 127\.0\.0\.1:\d+$/m);
  const bytes = new Uint8Array(200_000).fill(0xfe);
  const socket = await connect({ port, host: "127.0.0.1" });
  socket.end(bytes);
  let received = 0;
  for await (const chunk of socket) received += chunk.length;
  assertEquals(received, bytes.length);
  await server.stderr.match(/^#1 127\.0\.0\.1:\d+ connected$/m);
  await server.stderr.match(/^#1 closed \(peer\), 200000 bytes in, 200000 bytes out$/m);
  const open = await connect({ port, host: "127.0.0.1" });
  await server.stderr.match(/^#2 .* connected$/m);
  server.interrupt();
  assertEquals(await readAll(open), "");
  const { code, stdout, stderr } = await server.end();
  assertEquals([code, stdout], [0, ""]);
  assertMatch(stderr, /#2 closed \(local\), 0 bytes in, 0 bytes out\n$/);
});

Deno.test("serve echo --codec sends messages back, tells bad ones, and ends who sends no messages at all", async () => {
  await using server = await Vtcp.listening(["serve", "echo", "--codec", "json"]);
  const { port } = server;
  const good = await connect({ port, host: "127.0.0.1" });
  const peer = framed(good, json<unknown>());
  const answer = new Promise((resolve) => peer.once("message", resolve));
  good.write(new Uint8Array([0, 0, 0, 1, 0x7b]));
  peer.send({ a: "ë" });
  assertEquals(await answer, { a: "ë" });
  good.end();
  await server.stderr.match(/^#1 sent a bad message: .*\(ERR_MESSAGE_INVALID\)$/m);
  const bad = await connect({ port, host: "127.0.0.1" });
  bad.write("GET / HTTP/1.1\r\n\r\n");
  assertEquals(await readAll(bad), "");
  await server.stderr.match(/^#2 closed \(protocol\), .*\(ERR_FRAME_TOO_LARGE\)$/m);
});

Deno.test("serve sink takes everything and says how much it was", async () => {
  await using server = await Vtcp.listening(["serve", "sink"]);
  const socket = await connect({ port: server.port, host: "127.0.0.1" });
  socket.end("x".repeat(1_000_000));
  assertEquals(await readAll(socket), "");
  await server.stderr.match(/^#1 closed \(peer\), 1000000 bytes in, 0 bytes out$/m);
});

Deno.test("serve chat sends every line to everybody else", async () => {
  await using server = await Vtcp.listening(["serve", "chat"]);
  const join = async () => framed(await connect({ port: server.port, host: "127.0.0.1" }), lines());
  const [ann, ben] = [await join(), await join()];
  await using carl = new Vtcp(["connect", `127.0.0.1:${server.port}`]);
  await server.stderr.match(/^#3 /m);
  const heard: Record<string, string[]> = { ann: [], ben: [] };
  const all = Promise.withResolvers<void>();
  for (const [name, peer] of [["ann", ann], ["ben", ben]] as const) {
    peer.on("message", (line) => {
      heard[name]?.push(line);
      if (heard.ann!.length + heard.ben!.length === 3) all.resolve(); // both are there
    });
  }
  ann.send("hello");
  await carl.stdout.match(/^hello$/m);
  await carl.type("I am Carl\n");
  await all.promise;
  assertEquals(heard, { ann: ["I am Carl"], ben: ["hello", "I am Carl"] });
  await carl.endInput();
  assertEquals(await carl.end(), { code: 0, stdout: "hello\n", stderr: "" });
  server.interrupt();
  assertEquals((await server.end()).code, 0);
  for (const { socket } of [ann, ben]) await socket.closed;
});

Deno.test("serve speaks TLS, and asks for client certificates where it has an authority for them", async () => {
  const authority = await makeAuthority("Ours");
  const [server, ann] = [await authority.issue("server"), await authority.issue("Ann")];
  const folder = await Deno.makeTempDir();
  const files = { "ca.pem": authority.cert, "cert.pem": server.cert, "key.pem": server.key };
  for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
  const args = ["serve", "echo", "--cert", `${folder}/cert.pem`, "--key", `${folder}/key.pem`];
  const permissions = ["--allow-net", `--allow-read=${folder}`];
  {
    await using open = await Vtcp.listening(args, permissions);
    const { cert: ca } = authority;
    const socket = await connect({ port: open.port, host: "127.0.0.1", tls: { ca } });
    socket.end("secret");
    assertEquals(await readAll(socket), "secret");
  }
  {
    await using strict = await Vtcp.listening([...args, "--ca", `${folder}/ca.pem`], permissions);
    const { cert: ca } = authority;
    const known = { ca, cert: ann.cert, key: ann.key };
    const socket = await connect({ port: strict.port, host: "127.0.0.1", tls: known });
    socket.end("secret");
    assertEquals(await readAll(socket), "secret");
    const stranger = await connect({ port: strict.port, host: "127.0.0.1", tls: { ca } }).catch(() => undefined);
    stranger?.on("error", () => {});
    await strict.stderr.match(/^127\.0\.0\.1:\d+ failed to speak TLS: .*\(.+\)$/m);
    stranger?.destroy();
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("serve --proxy-header demands a PROXY header, which connect and tap send", async () => {
  await using server = await Vtcp.listening(["serve", "echo", "--proxy-header"]);
  const { port } = server;
  const header = "v2,[2001:db8::7]:5000,[2001:db8::1]:443";
  await using tap = await Vtcp.listening(["tap", "0", `127.0.0.1:${port}`, "--proxy-header", "v1"]);
  const ends = [
    await run(["connect", `127.0.0.1:${port}`, "--proxy-header", header], "one\n"),
    await run(["connect", `127.0.0.1:${port}`, "--proxy-header", "v1"], "two\n"),
    await run(["connect", `127.0.0.1:${tap.port}`], "three\n"),
    await run(["connect", `127.0.0.1:${port}`], "four\n"),
  ];
  assertEquals(ends.map(({ stdout }) => stdout), ["one\n", "two\n", "three\n", ""]);
  await server.stderr.match(/^#1 \[2001:db8::7\]:5000 connected$/m);
  await server.stderr.match(/^#2 127\.0\.0\.1:\d+ connected$/m);
  await server.stderr.match(/^127\.0\.0\.1:\d+ sent no PROXY header: .*ERR_PROXY_HEADER/m);
  const [, client] = await tap.stdout.match(/#1 (127\.0\.0\.1:\d+) connected/);
  await server.stderr.match(new RegExp(`^#3 ${client} connected$`, "m"));
});

Deno.test("serve fails with one line and 1 where it cannot listen", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [inUse, forbidden] = await Promise.all([
    run(["serve", "echo", `${taken.addr.port}`]),
    run(["serve", "echo"], "", []),
  ]);
  taken.close();
  assertEquals([inUse.code, forbidden.code, inUse.stdout, forbidden.stdout], [1, 1, "", ""]);
  assertMatch(inUse.stderr, /^vtcp: .*\(EADDRINUSE\)\n$/);
  assertMatch(forbidden.stderr, /^vtcp: .*--allow-net.*\n$/);
});
