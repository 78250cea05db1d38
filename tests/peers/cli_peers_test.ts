// The command line with programs of others: redis-server, nc, openssl and Node.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { makeAuthority } from "../support/certificates.ts";
import { run, Vtcp } from "../cli/vtcp.ts";
import { EngineServer, freePort } from "./rooms_service.ts";
import { assertSameBytes, highBytes, opensslClient, OpensslServer, PemFiles } from "./tls_pairings_programs.ts";

Deno.test("connect talks to redis-server, and load measures it", async () => {
  await using redis = new EngineServer("redis-server");
  await redis.start();
  const target = `127.0.0.1:${redis.port}`;
  const codec = ["--codec", "delimited:\\r\\n"];
  const typed = 'PING\nSET greeting "Zoë 🦕"\nGET greeting\nNONSENSE\nQUIT\n';
  const { code, stdout, stderr } = await run(["connect", target, ...codec], typed);
  assertEquals([code, stderr], [0, ""]);
  const [error, ...others] = stdout.split("\n").toSpliced(0, 4);
  assertEquals([stdout.split("\n").slice(0, 4), others], [["+PONG", "+OK", "$9", "Zoë 🦕"], ["+OK", ""]]);
  assertMatch(error ?? "", /^-ERR unknown command/);
  const load = await run(["load", target, ...codec, "--message", "PING", "--rate", "500", "--seconds", "1", "--json"]);
  const { sent, answered } = JSON.parse(load.stdout);
  assertEquals([load.code, sent, answered], [0, 500, 500]);
});

Deno.test("load measures an echo of node:net", async () => {
  const script = "require('net').createServer((s) => s.pipe(s).on('error', () => {}))" +
    ".listen(0, '127.0.0.1', function () { console.log(this.address().port); })";
  const node = new Deno.Command("node", { args: ["-e", script], stdin: "null", stdout: "piped" }).spawn();
  const output = node.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const target = `127.0.0.1:${Number((await output.read()).value)}`;
  const args = ["load", target, "--codec", "json", "--rate", "500", "--seconds", "1", "--json"];
  const { code, stdout } = await run(args);
  const { answered, latencyMs } = JSON.parse(stdout);
  assertEquals([code, answered], [0, 500]);
  assert(latencyMs.p50 > 0);
  node.kill("SIGKILL");
  await output.cancel();
  await node.status;
});

/** Runs `nc` to its end with that for its input. */
async function netcat(args: readonly string[], input: string): Promise<string> {
  const nc = new Deno.Command("nc", { args: [...args], stdin: "piped", stdout: "piped" }).spawn();
  const writer = nc.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  return new TextDecoder().decode((await nc.output()).stdout);
}

Deno.test("serve echo answers nc", async () => {
  await using server = await Vtcp.listening(["serve", "echo"]);
  assertEquals(await netcat(["-N", "127.0.0.1", `${server.port}`], "one\ntwo"), "one\ntwo");
});

Deno.test("serve chat brings nc and connect together", async () => {
  await using server = await Vtcp.listening(["serve", "chat"]);
  await using ann = new Vtcp(["connect", `127.0.0.1:${server.port}`]);
  await server.stderr.match(/^#1 .* connected$/m);
  await netcat(["-N", "127.0.0.1", `${server.port}`], "hello from nc\n");
  await ann.stdout.match(/^hello from nc$/m);
});

Deno.test("connect talks to nc, and ends with it", async () => {
  const port = freePort();
  const nc = new Deno.Command("nc", { args: ["-l", "-N", "127.0.0.1", `${port}`], stdin: "piped", stdout: "piped" })
    .spawn();
  const talk = async () => {
    const writer = nc.stdin.getWriter();
    const heard: string[] = [];
    for await (const text of nc.stdout.pipeThrough(new TextDecoderStream())) {
      heard.push(text);
      await writer.write(new TextEncoder().encode("hello from nc\n"));
      await writer.close();
    }
    return heard.join("");
  };
  const heard = talk();
  // It says nothing when it listens: asked until it does.
  let end = await run(["connect", `127.0.0.1:${port}`], "hello\n");
  while (end.stderr.includes("ECONNREFUSED")) end = await run(["connect", `127.0.0.1:${port}`], "hello\n");
  assertEquals([end, await heard], [{ code: 0, stdout: "hello from nc\n", stderr: "" }, "hello\n"]);
  await nc.status;
});

Deno.test("connect verifies openssl s_server, unless it is told not to", async () => {
  const [authority, stranger] = await Promise.all([makeAuthority("Ours"), makeAuthority("Theirs")]);
  await using files = await PemFiles.make();
  const permissions = ["--allow-net", "--allow-read"];
  const certificate = await files.certificate(await authority.issue("localhost"));
  const [ours, theirs] = [await files.put(authority.cert), await files.put(stranger.cert)];
  const sent = "ÿþý"; // bytes that it echoes
  for (const trust of [["--ca", ours], ["--insecure"], ["--ca", theirs], []]) {
    await using peer = new OpensslServer(certificate);
    await using vtcp = new Vtcp(
      ["connect", `127.0.0.1:${await peer.port}`, "--tls", "--codec", "raw", ...trust],
      permissions,
    );
    if (trust.includes(ours) || trust.includes("--insecure")) {
      await vtcp.type(sent);
      await vtcp.stdout.match(new RegExp(sent));
      vtcp.interrupt();
      const { code, stderr } = await vtcp.end();
      assertEquals([code, stderr], [0, ""]);
    } else {
      const { code, stdout, stderr } = await vtcp.end();
      assertEquals([code, stdout], [1, ""]);
      assertMatch(stderr, /^vtcp: .*certificate.*\([A-Z_]+\)\n$/);
    }
  }
});

Deno.test("serve echo speaks TLS with openssl s_client", async () => {
  const authority = await makeAuthority("Ours");
  await using files = await PemFiles.make();
  const { cert, key } = await authority.issue("localhost");
  const args = ["serve", "echo", "--cert", await files.put(cert), "--key", await files.put(key)];
  await using server = await Vtcp.listening(args, ["--allow-net", "--allow-read"]);
  const sent = highBytes(100_000);
  const trust = ["-CAfile", await files.put(authority.cert), "-verify_hostname", "localhost"];
  const { received, code, said } = await opensslClient(server.port, trust, sent);
  assertEquals(code, 0, said);
  assertSameBytes(received, sent);
  assertStringIncludes(said, "depth=0");
});
