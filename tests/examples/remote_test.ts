/** The programs of examples/remote, as people run them: a controller, an agent on a device, and operators. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import process from "node:process";
import { makeAuthority } from "../../examples/tls/certificates.ts";
import { codec, keepAlive, type Message, type Peer, WINDOW_BYTES } from "../../examples/remote/messages.ts";
import { createServer, framed } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { Program } from "./program.ts";

const COMMANDS = {
  echo: { program: "echo", more: Array(4).fill("[\\s\\S]*") },
  word: { program: "echo", args: ["--"], more: ["[a-z]+"] },
  fail: { program: "sh", args: ["-c", "echo out; echo err >&2; exit 3"] },
  wait: { program: "sh", args: ["-c", "echo $$; exec sleep 1000"] },
  stubborn: { program: "sh", args: ["-c", "trap '' TERM; echo $$; exec sleep 1000"] },
  flood: { program: "yes" },
  env: { program: "env" },
  missing: { program: "no-such-program" },
};
const POLICY = {
  devices: ["lamp", "door"],
  operators: {
    ann: { lamp: [...Object.keys(COMMANDS), "unlisted"], door: ["echo"] },
    bob: { lamp: ["word"] },
  },
};
const AGENT = ["--allow-net", "--allow-read", "--allow-run=echo,sh,yes,env,no-such-program"];

/** Everything that a test needs in one folder, which goes away with it. */
class Site implements AsyncDisposable {
  readonly folder: string;
  readonly ca: string;

  private constructor(folder: string, ca: string) {
    this.folder = folder;
    this.ca = ca;
  }

  static async make(): Promise<Site> {
    const folder = await Deno.makeTempDir();
    const authority = await makeAuthority("Authority");
    const site = new Site(folder, authority.cert);
    await Deno.writeTextFile(`${folder}/ca.pem`, authority.cert);
    await site.save("controller", await authority.issueServer("controller", ["localhost", "127.0.0.1"]));
    for (const name of ["lamp", "ann", "bob", "eve"]) await site.save(name, await authority.issueClient(name));
    await Deno.writeTextFile(`${folder}/commands.json`, JSON.stringify(COMMANDS));
    await Deno.writeTextFile(`${folder}/policy.json`, JSON.stringify(POLICY));
    return site;
  }

  async save(name: string, { cert, key }: { cert: string; key: string }): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/${name}.pem`, cert);
    await Deno.writeTextFile(`${this.folder}/${name}.key`, key);
  }

  /** What `connect` and `createServer` take to be somebody of that name. */
  async keys(name: string): Promise<{ ca: string; cert: string; key: string }> {
    const [cert, key] = await Promise.all([
      Deno.readTextFile(`${this.folder}/${name}.pem`),
      Deno.readTextFile(`${this.folder}/${name}.key`),
    ]);
    return { ca: this.ca, cert, key };
  }

  controller(port = 0, ...flags: string[]): Program {
    const { folder } = this;
    const files = ["--keys", folder, "--policy", `${folder}/policy.json`, "--audit", `${folder}/audit.jsonl`];
    const permissions = ["--allow-net", "--allow-read", "--allow-write"];
    return new Program("examples/remote/controller.ts", ["--port", `${port}`, ...files, ...flags], permissions);
  }

  agent(port: number, ...flags: string[]): Program {
    const { folder } = this;
    const files = ["--keys", folder, "--commands", `${folder}/commands.json`];
    return new Program("examples/remote/agent.ts", ["--port", `${port}`, ...files, ...flags], AGENT);
  }

  /** Runs a command as that operator. */
  run(port: number, name: string, ...words: string[]): Program {
    const args = ["--port", `${port}`, "--keys", this.folder, "--name", name, ...words];
    return new Program("examples/remote/run.ts", args, ["--allow-net", "--allow-read"]);
  }

  /** What the audit log says, without times and addresses. */
  async audit(): Promise<Record<string, unknown>[]> {
    const text = await Deno.readTextFile(`${this.folder}/audit.jsonl`);
    return text.trimEnd().split("\n").map((line) => {
      const { at, address: _, tookMs: __, ...entry } = JSON.parse(line);
      assertMatch(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      return entry;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A controller with the device lamp, ready for operators. */
async function open(site: Site): Promise<AsyncDisposable & { port: number; controller: Program; agent: Program }> {
  const controller = site.controller();
  const port = await controller.port();
  const agent = site.agent(port);
  await controller.line(/^lamp is connected$/);
  const close = async () => {
    await agent[Symbol.asyncDispose]();
    await controller[Symbol.asyncDispose]();
  };
  return { port, controller, agent, [Symbol.asyncDispose]: close };
}

/** An operator within the test, which says when it has read what. */
class Operator implements AsyncDisposable {
  readonly #controller: Peer;
  readonly heard: Message[] = [];
  #told = () => {};
  #runs = 0;

  private constructor(controller: Peer) {
    this.#controller = controller;
    controller.on("message", (message) => {
      this.heard.push(message);
      this.#told();
    });
    controller.on("error", () => {}); // `closed` tells
    keepAlive(controller, 5_000);
  }

  static async connect(site: Site, port: number, name: string): Promise<Operator> {
    return new Operator(framed(await connect({ port, host: "localhost", tls: await site.keys(name) }), codec));
  }

  /** Resolves when the connection is over. */
  get closed(): Promise<unknown> {
    return this.#controller.socket.closed;
  }

  send(message: Message): void {
    this.#controller.send(message);
  }

  async hear(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#told = resolve);
  }

  /** Waits for the end of a run. */
  async end(run: number): Promise<Message> {
    const find = () => this.heard.find((message) => isEnd(message) && message.run === run);
    await this.hear(() => find() !== undefined);
    return find()!; // it was heard
  }

  /** Runs a command, and gives its end. */
  async run(device: string, command: string, ...args: string[]): Promise<Message> {
    const run = ++this.#runs;
    this.send({ type: "run", run, device, command, args });
    return await this.end(run);
  }

  /** The output of a run so far. */
  textOf(run: number): string {
    const pieces = this.heard.filter((message) => message.type === "output").filter((message) => message.run === run);
    return pieces.map(({ data }) => atob(data)).join("");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.socket.destroy();
    await this.#controller.socket.closed;
  }
}

function isEnd(message: Message): message is Message & { type: "exit" | "failed" } {
  return message.type === "exit" || message.type === "failed";
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits for what nobody tells. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!await holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

Deno.test("examples/remote runs commands, and their arguments never see a shell", async () => {
  await using site = await Site.make();
  await using field = await open(site);
  const odd = ['a; echo b | cat $(id) `id` "$HOME" *\nnext', "007", "--", "--name"];
  await using echo = site.run(field.port, "ann", "lamp", "echo", ...odd);
  await using fail = site.run(field.port, "ann", "lamp", "fail");
  assertEquals(await echo.end(), { code: 0, rest: odd.join(" ").split("\n"), stderr: "" });
  assertEquals(await fail.end(), { code: 3, rest: ["out"], stderr: "err\n" });

  await using ann = await Operator.connect(site, field.port, "ann");
  await ann.run("lamp", "env");
  const names = ann.textOf(1).trimEnd().split("\n").map((line) => line.split("=")[0]);
  assertEquals(names.filter((name) => !["PATH", "LANG", "PWD"].includes(`${name}`)), []);
});

Deno.test("examples/remote refuses what the policy or the device's list does not allow, and writes all of it down", async () => {
  await using site = await Site.make();
  await using field = await open(site);
  const refusals = [
    [["bob", "lamp", "echo", "x"], "bob may not run echo on lamp"],
    [["bob", "door", "echo", "x"], "bob may not run echo on door"],
    [["ann", "attic", "echo", "x"], "ann may not run echo on attic"],
    [["ann", "lamp", "toString"], "ann may not run toString on lamp"],
    [["ann", "door", "echo", "x"], "door is not connected"],
    [["ann", "lamp", "unlisted"], "unlisted is not on the list of this device"],
    [["bob", "lamp", "word", "--version"], 'word does not take "--version"'],
    [["bob", "lamp", "word", "a\nb"], 'word does not take "a\\nb"'],
    [["bob", "lamp", "word", "a", "b"], "word: 2 arguments are too many, at most 1 may be given"],
  ] as const;
  await using ann = await Operator.connect(site, field.port, "ann");
  await using bob = await Operator.connect(site, field.port, "bob");
  for (const [[name, device, command, ...args], reason] of refusals) {
    const end = await (name === "ann" ? ann : bob).run(device, command, ...args);
    assertEquals(end.type === "failed" && end.reason, reason);
  }
  const missing = await ann.run("lamp", "missing");
  assertStringIncludes(missing.type === "failed" ? missing.reason : "", "no-such-program");
  const good = await bob.run("lamp", "word", "hello");
  assertEquals(good.type === "exit" && good.code, 0);

  const entries = await site.audit();
  for (const [[by, device, command, ...args], reason] of refusals) {
    const tried = entries.find((entry) => {
      return entry.by === by && entry.device === device && entry.command === command &&
        String(entry.args) === String(args);
    });
    assertEquals(
      entries.filter(({ run, reason }) => run === tried?.run && reason !== undefined).map(({ reason }) => reason),
      [reason],
    );
  }
  const ran = entries.find(({ args }) => String(args) === "hello");
  assertEquals(entries.filter(({ run }) => run === ran?.run && run !== undefined), [
    { event: "run", by: "bob", run: ran?.run, device: "lamp", command: "word", args: ["hello"] },
    { event: "exit", by: "bob", run: ran?.run, code: 0 },
  ]);
});

Deno.test("examples/remote streams output, and Ctrl-C cancels, also what does not want to end", async () => {
  await using site = await Site.make();
  await using field = await open(site);
  const cancelled = ["wait", "stubborn"].map(async (command) => {
    await using run = site.run(field.port, "ann", "lamp", command);
    const pid = Number((await run.line(/^\d+$/))[0]); // while it runs
    assert(isAlive(pid));
    run.interrupt();
    const { code, stderr } = await run.end();
    assertEquals([isAlive(pid), stderr], [false, ""]);
    return code;
  });
  assertEquals(await Promise.all(cancelled), [128 + 15, 128 + 9]);
  assertEquals((await site.audit()).filter(({ event }) => event === "cancel" || event === "exit").length, 4);
});

Deno.test("a device of examples/remote sends no more than the operator reads, and one run does not hold up another", async () => {
  await using site = await Site.make();
  await using field = await open(site);
  await using ann = await Operator.connect(site, field.port, "ann");
  ann.send({ type: "run", run: 7, device: "lamp", command: "flood", args: [] });
  await ann.hear(() => ann.textOf(7).length >= WINDOW_BYTES);
  ann.send({ type: "run", run: 8, device: "lamp", command: "echo", args: ["beside"] });
  assertEquals(await ann.end(8), { type: "exit", run: 8, code: 0 });
  const unasked = ann.textOf(7).length;
  assert(unasked < 2 * WINDOW_BYTES, `${unasked} bytes came unasked`);
  ann.send({ type: "read", run: 7, bytes: unasked });
  await ann.hear(() => ann.textOf(7).length >= unasked + WINDOW_BYTES);
  ann.send({ type: "run", run: 7, device: "lamp", command: "echo", args: [] });
  assertEquals(await ann.end(7), { type: "failed", run: 7, reason: "run 7 is not over" });
  ann.send({ type: "cancel", run: 7 });
  await ann.hear(() => ann.heard.some((message) => message.type === "exit" && message.run === 7));
  assertEquals(ann.heard.at(-1), { type: "exit", run: 7, code: 128 + 15 });
});

Deno.test("examples/remote ends what an operator ran who is gone", async () => {
  await using site = await Site.make();
  await using field = await open(site);
  await using run = site.run(field.port, "ann", "lamp", "wait");
  const pid = Number((await run.line(/^\d+$/))[0]);
  run.signal("SIGKILL");
  await until(() => !isAlive(pid));
  await until(async () => (await site.audit()).some(({ event, code }) => event === "exit" && code === 128 + 15));
});

Deno.test("an agent of examples/remote finds its controller again, and ends what ran meanwhile", async () => {
  await using site = await Site.make();
  await using first = site.controller();
  const port = await first.port();
  await using agent = site.agent(port);
  await first.line(/^lamp is connected$/);
  await using run = site.run(port, "ann", "lamp", "wait");
  const pid = Number((await run.line(/^\d+$/))[0]);
  first.signal("SIGKILL");
  const lost = await run.end();
  assertEquals([lost.code, lost.rest], [255, []]);
  await until(() => !isAlive(pid));

  await using second = site.controller(port);
  await second.line(/^lamp is connected$/);
  await using again = site.run(port, "ann", "lamp", "echo", "again");
  assertEquals(await again.end(), { code: 0, rest: ["again"], stderr: "" });
  await using stubborn = site.run(port, "ann", "lamp", "stubborn");
  const last = Number((await stubborn.line(/^\d+$/))[0]);
  agent.signal("SIGTERM"); // takes with it what runs
  assertEquals([(await agent.end()).code, isAlive(last)], [0, false]);
  await second.line(/^lamp is gone$/);
  second.interrupt();
  assertEquals((await second.end()).code, 0);
});

Deno.test("an operator of examples/remote is told that the device is gone", async () => {
  await using site = await Site.make();
  await using field = await open(site);
  await using run = site.run(field.port, "ann", "lamp", "wait");
  const pid = Number((await run.line(/^\d+$/))[0]);
  field.agent.signal("SIGKILL");
  assertEquals(await run.end(), { code: 255, rest: [], stderr: "lamp is gone\n" });
  process.kill(pid, "SIGKILL"); // who kills an agent without a word leaves that
});

Deno.test("the ends of examples/remote find out by heartbeats that nobody is there", async () => {
  await using site = await Site.make();
  // A controller that takes connections and says nothing.
  const silent = createServer("tcp", { tls: { ...await site.keys("controller"), requestCert: true } });
  let connections = 0;
  const twice = new Promise<void>((resolve) => {
    silent.onConnection((socket) => {
      socket.resume();
      if (++connections === 2) resolve();
    });
  });
  silent.onError(() => {});
  silent.listen(0, "127.0.0.1");
  await using agent = site.agent(silent.address()!.port, "--heartbeat-ms", "50");
  await agent.line(/^The connection is over: heartbeat$/);
  await twice;
  silent.destroy();

  // A device that says nothing.
  await using controller = site.controller(0, "--heartbeat-ms", "50");
  const device = await connect({ port: await controller.port(), host: "localhost", tls: await site.keys("lamp") });
  device.on("error", () => {}); // it is cut off
  await controller.line(/^lamp is connected$/);
  await controller.line(/^lamp is gone$/);
  device.destroy();
  await device.closed;
});

Deno.test("examples/remote lets in nobody without a certificate, of another authority, or whom the policy does not know", async () => {
  await using site = await Site.make();
  await using field = await open(site);
  const stranger = await makeAuthority("Another Authority");
  await site.save("mallory", await stranger.issueClient("ann"));
  const nobody = await connect({ port: field.port, host: "localhost", tls: { ca: site.ca } }).catch(() => undefined);
  nobody?.on("error", () => {}).resume();
  await nobody?.closed;
  await using mallory = site.run(field.port, "mallory", "lamp", "echo", "x");
  const refused = await mallory.end();
  assertEquals([refused.code, refused.rest], [255, []]);
  for (const name of ["eve", "lamp"]) { // a device asks for nothing
    await using operator = await Operator.connect(site, field.port, name);
    operator.send({ type: "run", run: 1, device: "lamp", command: "echo", args: ["x"] });
    await operator.closed;
    assertEquals(operator.heard, []);
  }
  // A controller of another authority is refused by those who dial.
  await Deno.writeTextFile(`${site.folder}/ca.pem`, stranger.cert);
  await using wrong = site.run(field.port, "ann", "lamp", "echo", "x");
  const { code, stderr } = await wrong.end();
  assertEquals(code, 255);
  assertStringIncludes(stderr, "SELF_SIGNED_CERT_IN_CHAIN");

  const entries = await site.audit();
  const strangers = entries.filter(({ event }) => event === "stranger").map(({ by, reason }) => [by, reason]);
  assertEquals(strangers.slice(0, 3), [
    ["", "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE"],
    ["", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["eve", undefined],
  ]);
  assert(!entries.some(({ event }) => event === "run"));
});

Deno.test("the controller of examples/remote cuts off who does not speak its protocol", async () => {
  await using site = await Site.make();
  await using field = await open(site);
  const tls = await site.keys("ann");
  const frame = (text: string) =>
    Uint8Array.of(0, 0, text.length >> 8, text.length & 0xff, ...new TextEncoder().encode(text));
  for (
    const bad of ['{"type":"run","run":1}', '{"type":"toString"}', '{"type":"exit","run":1,"code":0}', "null", "x"]
  ) {
    const socket = await connect({ port: field.port, host: "localhost", tls });
    socket.on("error", () => {}).resume();
    socket.write(frame(bad));
    await socket.closed;
  }
  await using good = site.run(field.port, "ann", "lamp", "echo", "fine");
  assertEquals(await good.end(), { code: 0, rest: ["fine"], stderr: "" });
});

Deno.test("examples/remote/make_keys.ts makes the keys that the others take", async () => {
  await using site = await Site.make();
  const keys = `${site.folder}/keys`;
  await using maker = new Program("examples/remote/make_keys.ts", [keys, "lamp", "ann"], ["--allow-write"]);
  assertEquals(await maker.end(), { code: 0, rest: [`Keys for controller, lamp, ann are in ${keys}`], stderr: "" });
  await using controller = site.controller(0, "--keys", keys);
  const port = await controller.port();
  // With the lists that are there.
  const args = ["--port", `${port}`, "--keys", keys];
  await using _agent = new Program("examples/remote/agent.ts", args, [
    "--allow-net",
    "--allow-read",
    "--allow-run=echo",
  ]);
  await controller.line(/^lamp is connected$/);
  await using run = site.run(port, "ann", "--keys", keys, "lamp", "echo", "hello");
  assertEquals(await run.end(), { code: 0, rest: ["hello"], stderr: "" });
});

Deno.test("the programs of examples/remote explain themselves and refuse what they do not understand", async () => {
  await using site = await Site.make();
  const permissions = ["--allow-net", "--allow-read", "--allow-write"];
  const programs = ["controller", "agent", "run"].map((name) => `examples/remote/${name}.ts`);
  for (const file of programs) {
    await using help = new Program(file, ["--help"]);
    await using odd = new Program(file, ["--odd"]);
    const [helped, refused] = await Promise.all([help.end(), odd.end()]);
    assertEquals([helped.code, refused.code], [0, 2]);
    assertStringIncludes(helped.rest.join("\n"), file);
    assertStringIncludes(refused.stderr, "Unknown argument --odd");
  }
  await using keyless = new Program("examples/remote/controller.ts", ["--keys", `${site.folder}/none`], permissions);
  assertEquals((await keyless.end()).code, 1);
  await Deno.writeTextFile(`${site.folder}/policy.json`, '{ "devices": ["ann"], "operators": { "ann": {} } }');
  await using both = site.controller();
  assertEquals(await both.end(), { code: 1, rest: [], stderr: '"ann" is a device: it cannot be an operator, too\n' });
});
