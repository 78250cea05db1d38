/** The program examples/connections.ts, as a newcomer runs it. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Peer } from "../documentation/peer.ts";
import { Program } from "./program.ts";

const NEVER = ["--timeout-ms", "0", "--sweep-ms", "3600000"];

Deno.test("examples/connections.ts tells everybody who comes and leaves, and lists them", async () => {
  await using program = new Program("examples/connections.ts", ["--port", "0", ...NEVER]);
  const port = await program.port();
  using first = await Peer.connect(port);
  const firstCame = `${first.address} came\n`;
  assertEquals(await first.readText(firstCame), firstCame);
  using second = await Peer.connect(port);
  const secondCame = `${second.address} came\n`;
  assertEquals(await first.readText(secondCame), secondCame);
  assertEquals(await second.readText(secondCame), secondCame);

  await second.write("who is there?\n");
  assertEquals(
    (await second.readLine()).replaceAll(/\d+ s\b/g, "N s"),
    `${first.address} connected N s ago, idle for N s`,
  );
  assertStringIncludes(await second.readLine(), second.address);

  second.close();
  const secondLeft = `${second.address} left\n`;
  assertEquals(await first.readText(secondLeft), secondLeft);
  await first.write("and now?\n");
  assertStringIncludes(await first.readLine(), first.address);
  first.close();
  await program.line(new RegExp(`^${first.address} left$`));
});

Deno.test("examples/connections.ts closes a connection on which nothing moves for --timeout-ms", async () => {
  await using program = new Program("examples/connections.ts", [
    ...["--port", "0", "--timeout-ms", "100", "--sweep-ms", "3600000"],
  ]);
  using peer = await Peer.connect(await program.port());
  assertEquals(String(await peer.readToEnd()), `${peer.address} came\n`);
  await program.line(new RegExp(`^${peer.address} timed out$`));
  await program.line(new RegExp(`^${peer.address} left$`));
});

Deno.test("examples/connections.ts sweeps out a client that says nothing for --idle-ms", async () => {
  await using program = new Program("examples/connections.ts", [
    ...["--port", "0", "--timeout-ms", "0", "--idle-ms", "100", "--sweep-ms", "20"],
  ]);
  using peer = await Peer.connect(await program.port());
  assertEquals(String(await peer.readToEnd()), `${peer.address} came\n`);
  await program.line(new RegExp(`^${peer.address} swept out$`));
  await program.line(new RegExp(`^${peer.address} left$`));
});

Deno.test("examples/connections.ts keeps a client that goes on talking", async () => {
  await using program = new Program("examples/connections.ts", [
    ...["--port", "0", "--timeout-ms", "0", "--idle-ms", "1000", "--sweep-ms", "10"],
  ]);
  const port = await program.port();
  using quiet = await Peer.connect(port);
  using talker = await Peer.connect(port);
  await talker.readLine(); // its own coming
  // As soon as an answer is there the next question goes out, until the quiet one has been sent away.
  for (let gone = false; !gone;) {
    await talker.write("?");
    for (let line = ""; !line.startsWith(`${talker.address} connected`);) {
      line = await talker.readLine();
      gone ||= line === `${quiet.address} left`;
    }
  }
  await quiet.readToEnd();
  await talker.write("?");
  assertMatch(await talker.readLine(), new RegExp(`^${talker.address} connected`));
});

Deno.test("examples/connections.ts ends on Ctrl-C without disturbing its clients", async () => {
  await using program = new Program("examples/connections.ts", ["--port", "0", ...NEVER]);
  const port = await program.port();
  using first = await Peer.connect(port);
  using second = await Peer.connect(port);
  await program.line(new RegExp(`^${second.address} came$`));
  program.interrupt();
  await first.readToEnd();
  await second.readToEnd();
  first.close();
  await program.line(new RegExp(`^${first.address} left$`)); // which the other, half-closed, cannot be told any more
  second.close();
  const { code, stderr } = await program.end();
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("examples/connections.ts explains itself with --help", async () => {
  await using program = new Program("examples/connections.ts", ["--help"]);
  const { code, rest } = await program.end();
  assertEquals(code, 0);
  assertStringIncludes(rest.join("\n"), "--sweep-ms");
});

Deno.test("examples/connections.ts refuses an unknown flag with exit code 2", async () => {
  await using program = new Program("examples/connections.ts", ["--idle", "5"]);
  const { code, stderr } = await program.end();
  assertEquals(code, 2);
  assertStringIncludes(stderr, "Unknown argument --idle");
});

Deno.test("examples/connections.ts refuses a time that is no number with exit code 2", async () => {
  await using program = new Program("examples/connections.ts", ["--idle-ms", "soon"]);
  const { code, stderr } = await program.end();
  assertEquals(code, 2);
  assertStringIncludes(stderr, '--idle-ms takes a number of milliseconds, not "soon"');
});
