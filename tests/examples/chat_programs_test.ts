/** The chat's programs as people start them: each a child process that may use the network and nothing else. */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { connectChat } from "../../examples/chat/client.ts";
import { Actor } from "../../examples/chat/demo.ts";
import { Guest, Hall, patiently } from "./chat_hall.ts";
import { Program } from "./program.ts";

async function nextLine(program: Program): Promise<string> {
  return (await patiently(program.line(/.*/)))[0];
}

// ---- server.ts ----

Deno.test("server.ts serves until Ctrl-C, then ends its clients and exits with 0", async () => {
  await using server = new Program("examples/chat/server.ts", ["--port", "0"]);
  const ann = new Guest(await connectChat({ port: await server.port(), host: "127.0.0.1" }));
  ann.send({ type: "login", nickname: "Ann" });
  await ann.expect({ type: "login_success", message: "Welcome, Ann!" });
  server.interrupt();
  await ann.expectEnd();
  assertEquals(await patiently(server.end()), { code: 0, rest: ["Closed: 1 ended, 0 cut off"], stderr: "" });
});

Deno.test("server.ts ends at once at the second Ctrl-C", async () => {
  await using server = new Program("examples/chat/server.ts", ["--port", "0"]);
  const ann = new Guest(await connectChat({ port: await server.port(), host: "127.0.0.1" }));
  ann.client.socket.allowHalfOpen = true; // does not end when the server does: it would wait
  await ann.expectNothing();
  server.interrupt();
  await ann.expectEnd(); // the server has heard the first
  server.interrupt();
  assertEquals(await patiently(server.end()), { code: 0, rest: ["Closed: 0 ended, 1 cut off"], stderr: "" });
  ann.client.socket.destroy();
  await ann.client.socket.closed;
});

Deno.test("server.ts drains on SIGTERM, too", async () => {
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-net", "examples/chat/server.ts", "--port", "0"],
    cwd: new URL("../../", import.meta.url),
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const output = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) text += (await output.read()).value ?? "(the end)\n";
  server.kill("SIGTERM");
  for (let read; !(read = await output.read()).done;) text += read.value;
  assertEquals((await server.status).code, 0, text);
  assertMatch(text, /^Listening on 127\.0\.0\.1 port \d+\nClosed: 0 ended, 0 cut off\n$/);
});

Deno.test("server.ts says that its port is in use and exits with 1", async () => {
  await using hall = await Hall.open();
  await using server = new Program("examples/chat/server.ts", ["--port", `${hall.port}`]);
  const { code, rest, stderr } = await patiently(server.end());
  assertEquals([code, rest], [1, []]);
  assertMatch(stderr, /^Cannot listen on 127\.0\.0\.1:\d+: .*\(EADDRINUSE\)\n$/);
});

// ---- join.ts ----

/** Starts the client and waits until it is logged in. */
async function join(port: number, nickname: string): Promise<Program> {
  const program = new Program("examples/chat/join.ts", ["--port", `${port}`, "--nickname", nickname]);
  assertEquals(await nextLine(program), "* Connected; /join a room, /quit to leave");
  assertEquals(await nextLine(program), `* Welcome, ${nickname}!`);
  return program;
}

const GOOD_END = { code: 0, rest: ["* The connection is closed"], stderr: "" };

Deno.test("join.ts speaks for its user, shows what comes, and ends with its input", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann Bee", "harbour");
  await using ben = await join(hall.port, "Ben");

  await ben.type('/join harbour\nhello, Ann\n/msg "Ann Bee" psst\n/who\n/leave\n');
  await ann.expect({ type: "user_joined", nickname: "Ben" });
  await ann.expect({ type: "chat_message", from: "Ben", message: "hello, Ann" });
  await ann.expect({ type: "private_message", from: "Ben", message: "psst" });
  await ann.expect({ type: "user_left", nickname: "Ben" });
  assertEquals(await nextLine(ben), "* You joined harbour. In it: Ann Bee, Ben");
  assertEquals(await nextLine(ben), "* In harbour: Ann Bee, Ben");

  await ben.type("/join harbour\n");
  assertEquals(await nextLine(ben), "* You joined harbour. In it: Ann Bee, Ben");
  ann.send({ type: "chat_message", message: "welcome back" }, { type: "private_message", to: "Ben", message: "psst" });
  assertEquals(await nextLine(ben), "<Ann Bee> welcome back");
  assertEquals(await nextLine(ben), "<Ann Bee, to you alone> psst");
  await ben.type("/msg Dora hello\n");
  assertEquals(await nextLine(ben), "! Nobody here is called Dora");

  await ben.endInput();
  assertEquals(await patiently(ben.end()), GOOD_END);
});

Deno.test("join.ts shows the answers to everything that was piped into it", async () => {
  await using hall = await Hall.open();
  await using ann = new Program("examples/chat/join.ts", ["--port", `${hall.port}`]);
  await ann.type("/who\n\n/nick Ann\n/join harbour\n/who");
  await ann.endInput();
  assertEquals(await patiently(ann.end()), {
    code: 0,
    rest: [
      "* Connected; /join a room, /quit to leave",
      "! Log in first",
      "* Welcome, Ann!",
      "* You joined harbour. In it: Ann",
      "* In harbour: Ann",
      "* The connection is closed",
    ],
    stderr: "",
  });
});

Deno.test("join.ts answers an unknown command with the known ones, and asks nothing of the server", async () => {
  await using hall = await Hall.open();
  await using ann = await join(hall.port, "Ann");
  await ann.type("/nonsense\n/quit\n");
  const { rest } = await patiently(ann.end());
  assertMatch(rest[1] ?? "", /^ {2}\/join ROOM /);
  assert(!rest.some((line) => line.startsWith("!")), rest.join("\n"));
});

Deno.test("join.ts does not send a text that is too long", async () => {
  await using hall = await Hall.open();
  await using ann = await join(hall.port, "Ann");
  await ann.type(`${"x".repeat(100_000)}\n`);
  assertEquals(await nextLine(ann), "! At most 4000 characters at a time");
  await ann.type("/who\n");
  assertEquals(await nextLine(ann), "! Join a room first");
});

Deno.test("join.ts ends at /quit, although its input goes on", async () => {
  await using hall = await Hall.open();
  await using ann = await join(hall.port, "Ann");
  await ann.type("/quit\n");
  assertEquals(await patiently(ann.end()), GOOD_END);
});

Deno.test("join.ts ends when the server ends, although its input goes on", async () => {
  await using hall = await Hall.open();
  await using ann = await join(hall.port, "Ann");
  await hall.app.close();
  assertEquals(await patiently(ann.end()), GOOD_END);
});

Deno.test("join.ts prints no control characters that others send", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  await using ben = await join(hall.port, "Ben");
  await ben.type("/join harbour\n");
  await ann.expect({ type: "user_joined" });
  assertEquals(await nextLine(ben), "* You joined harbour. In it: Ann, Ben");
  ann.send({ type: "chat_message", message: "\u001b[2Jhi\r\n<Cleo> I am\u0007 \u009b31m \u202Eslid\u2028end 🦕" });
  assertEquals(await nextLine(ben), "<Ann> �[2Jhi��<Cleo> I am� �31m �slid�end 🦕");
});

Deno.test("join.ts says that there is no server and exits with 1", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using ann = new Program("examples/chat/join.ts", ["--port", `${port}`, "--nickname", "Ann"]);
  const { code, stderr } = await patiently(ann.end());
  assertEquals(code, 1);
  assertMatch(stderr, /^Cannot connect .*ECONNREFUSED.*\n$/);
});

// ---- demo.ts ----

Deno.test("demo.ts shows the conversation as each saw it and the metrics, and exits with 0", async () => {
  await using demo = new Program("examples/chat/demo.ts");
  const { code, rest, stderr } = await patiently(demo.end());
  const text = rest.join("\n");
  assertEquals([code, stderr], [0, ""], text);
  const [, ann = "", ben = "", cleo = "", metrics = ""] = text.split(/What \w+ sent .*|The server's metrics:/);
  assertStringIncludes(ann, "<Ben> At nine, if the wind holds.");
  assertStringIncludes(ann, "<Cleo, to you alone> He said that yesterday, too.");
  assertStringIncludes(ann, "* Cleo left the room");
  assertStringIncludes(ben, "<Ann> Does the ferry still sail today? 🦕");
  assertStringIncludes(cleo, "* You joined café. In it: Cleo");
  assert(!`${ben}${cleo}`.includes("to you alone"), "the whisper reached more than its recipient");
  assertMatch(metrics, /open: 0\n\s+accepted: 3\n/);
  assertMatch(metrics, /closed, reason local: 2\n\s+closed, reason peer: 1$/);
});

Deno.test("demo.ts says why it failed and exits with 1", async () => {
  await using demo = new Program("examples/chat/demo.ts", [], []);
  const { code, stderr } = await patiently(demo.end());
  assertEquals(code, 1);
  assertMatch(stderr, /^The demo failed: Cannot listen .*\(EACCES\)\n$/);
});

Deno.test("the demo's actor fails when nothing comes in time", async () => {
  await using hall = await Hall.open();
  const client = await connectChat({ port: hall.port, host: "127.0.0.1" });
  const ann = new Actor("Ann", client, 10);
  await assertRejects(() => ann.sees("* Welcome, Ann!"), Error, 'Ann waited for "* Welcome, Ann!", and nothing came');
  ann.leaves();
  await client.socket.closed;
});

Deno.test("the demo's actor fails when something else comes", async () => {
  await using hall = await Hall.open();
  const client = await connectChat({ port: hall.port, host: "127.0.0.1" });
  const ann = new Actor("Ann", client);
  ann.does({ type: "who" });
  await assertRejects(() => ann.sees("* Welcome!"), Error, 'Ann waited for "* Welcome!", and "! Log in first" came');
  ann.leaves();
  await client.socket.closed;
});

Deno.test("the demo's actor fails when the connection ends too early", async () => {
  await using hall = await Hall.open();
  const client = await connectChat({ port: hall.port, host: "127.0.0.1" });
  const ann = new Actor("Ann", client);
  const seeing = assertRejects(() => ann.sees("* Welcome!"), Error, "and the connection ended");
  await hall.app.close();
  await seeing;
});

// ---- all of them ----

for (const name of ["server", "join", "demo"]) {
  const file = `examples/chat/${name}.ts`;

  Deno.test(`${name}.ts --help says how to use it`, async () => {
    await using program = new Program(file, ["--help"], []);
    const { code, rest, stderr } = await patiently(program.end());
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(rest.join("\n"), `Usage: deno run --allow-net ${file} [flags]`);
  });

  Deno.test(`${name}.ts refuses an unknown flag with exit code 2`, async () => {
    await using program = new Program(file, ["--prot", "1"], []);
    const { code, rest, stderr } = await patiently(program.end());
    assertEquals([code, rest], [2, []]);
    assertStringIncludes(stderr, "Unknown argument --prot");
  });
}

for (const name of ["server", "join"]) {
  Deno.test(`${name}.ts refuses a port that is none with exit code 1`, async () => {
    await using program = new Program(`examples/chat/${name}.ts`, ["--port", "many"]);
    const { code, stderr } = await patiently(program.end());
    assertEquals(code, 1);
    assertMatch(stderr, /^Option "port" must be an integer from 0 to 65535; it is NaN\n$/);
  });
}
