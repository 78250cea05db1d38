// The server of examples/production.ts as a process: what a client, a probe, an operator and a balancer see of it.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { once } from "node:events";
import { framed } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { lines } from "../../src/framing/mod.ts";
import { authority } from "../tls/support.ts";
import { runDeno } from "../support/child.ts";
import { Program } from "./program.ts";

const FILE = "examples/production.ts";

/** The files of a certificate, in a directory that goes with it. */
async function makeFiles() {
  const dir = await Deno.makeTempDir();
  const [cert, key] = [`${dir}/cert.pem`, `${dir}/key.pem`];
  return {
    args: ["--cert", cert, "--key", key],
    write: async (pair: { cert: string; key: string }) => {
      await Deno.writeTextFile(cert, pair.cert);
      await Deno.writeTextFile(key, pair.key);
    },
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

/** The next line of its log with that event, without the time. */
async function logged(program: Program, event: string): Promise<Record<string, unknown>> {
  const [line] = await program.line(new RegExp(`"event":"${event}".*`));
  const { time, ...facts } = JSON.parse(`{${line}`);
  assert(time === undefined, "the time stands in front");
  return facts;
}

/** A client that asks one line after the other. */
async function dial(port: number) {
  const tls = { ca: authority.cert, servername: "localhost", engine: "node" as const };
  const socket = await connect({ port, host: "127.0.0.1", tls, tcp: { allowHalfOpen: true } });
  const answers: string[] = [];
  const peer = framed(socket, lines()).on("message", (line) => answers.push(line));
  return {
    socket,
    fingerprint: socket.getPeerCertificate()?.fingerprint256,
    async ask(line: string) {
      peer.send(line);
      await once(peer, "message");
      return answers.at(-1);
    },
  };
}

async function fetchText(url: string): Promise<[status: number, text: string]> {
  const answer = await fetch(url);
  return [answer.status, await answer.text()];
}

Deno.test("production.ts serves, is watched, takes a renewed certificate, and drains", async () => {
  await using files = await makeFiles();
  const [first, second] = [await authority.issue("localhost"), await authority.issue("localhost")];
  await files.write(first);
  const args = [...files.args, "--port", "0", "--metrics-port", "0", "--settle-ms", "0"];
  await using program = new Program(FILE, args, ["--allow-net", "--allow-read"]);
  const metrics = String((await logged(program, "metrics")).url);
  const port = Number((await logged(program, "listening")).port);

  const old = await dial(port);
  assertEquals(await old.ask("hello"), "HELLO");
  assertEquals(old.fingerprint, first.fingerprint256);
  const opened = await logged(program, "connection.open");
  assertEquals([opened.remotePort, opened.encrypted], [old.socket.localPort, true]);
  const [, text] = await fetchText(metrics);
  assertStringIncludes(text, 'verb_tcp_connections_open{server="capitals"} 1\n');
  assertStringIncludes(text, 'verb_tcp_messages_sent_total{server="capitals"} 1\n');
  assertEquals(await fetchText(new URL("/healthz", metrics).href), [200, "alive\n"]);
  assertEquals(await fetchText(new URL("/readyz", metrics).href), [200, "ready\n"]);

  await files.write(second);
  program.signal("SIGHUP");
  await logged(program, "tls.reloaded");
  await files.write({ cert: second.cert, key: first.key });
  program.signal("SIGHUP");
  assertMatch(String((await logged(program, "tls.kept")).message), /key/);
  const renewed = await dial(port);
  assertEquals(renewed.fingerprint, second.fingerprint256);
  assertEquals([await renewed.ask("one"), await old.ask("two")], ["ONE", "TWO"]);
  renewed.socket.end();
  await renewed.socket.closed;
  assertEquals((await logged(program, "connection.close")).reason, "peer");

  const ended = once(old.socket, "end");
  program.signal("SIGTERM");
  await logged(program, "drain.start");
  await ended;
  assertEquals(await fetchText(new URL("/readyz", metrics).href), [503, "not ready\n"]);
  assertEquals(await fetchText(new URL("/healthz", metrics).href), [200, "alive\n"]);
  old.socket.end();
  await old.socket.closed;
  const report = await logged(program, "drain.end");
  assertEquals([report.ended, report.forced], [1, 0]);
  const { code, stderr } = await program.end();
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("production.ts says how it is called", async () => {
  const help = await runDeno(["run", FILE, "--help"]);
  assertEquals(help.code, 0);
  assertStringIncludes(help.stdout, "--metrics-port");
  for (const [args, why] of [[["--cert", "x"], "--key is missing"], [["--loud"], "--loud"]] as const) {
    const { code, stderr } = await runDeno(["run", FILE, ...args]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, why);
  }
});
