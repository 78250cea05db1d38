// The command line as people use it: in a pseudo-terminal.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { createServer, MessageProtocol, type TcpServer, type TCPSocket } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { freePort } from "./rooms_service.ts";
import { type Screen, Terminal } from "./terminal.ts";

function serve(handler: (socket: TCPSocket) => void): TcpServer & { target: string } {
  const app = createServer().onConnection(handler);
  app.onError(() => {}); // clients come and go
  app.listen(0, "127.0.0.1");
  return Object.assign(app, { target: `127.0.0.1:${app.address()?.port}` });
}

// Each would move the cursor, clear something, turn the text, or rename the window.
const HOSTILE: [sent: string, shown: string][] = [
  ["\x1b[2J\x1b[Hcleared", "\\x1b[2J\\x1b[Hcleared"],
  ["\x1b]0;renamed\x07title", "\\x1b]0;renamed\\x07title"],
  ["over\rwritten\b\b", "over\\rwritten\\x08\\x08"],
  ["\u009b5Aup\u0090\u0085", "\\x9b5Aup\\x90\\x85"],
  ["\x0b\x0c\x00\x7f\x0e\x1b(0", "\\x0b\\x0c\\x00\\x7f\\x0e\\x1b(0"],
  ["a\u2028b\u2029c", "a\\u2028b\\u2029c"],
  ["\u202egnp.exe \u2066x\u2069", "\\u202egnp.exe \\u2066x\\u2069"],
];

/** Nothing has moved: what came stands row by row below what was there, the cursor behind it, the title as it was. */
function assertUnmoved({ rows, cursor, title }: Screen, expected: readonly string[]): void {
  const first = rows.indexOf("before");
  assertEquals(rows.slice(0, first + 1), ["before"]);
  assertEquals(rows.slice(1), expected);
  assertEquals(cursor, { column: 0, row: rows.length });
  assert(!title.includes("renamed"), title);
}

for (const codec of ["lines", "raw"]) {
  Deno.test(`on a terminal connect --codec ${codec} shows what a hostile server sends and moves no cursor`, async () => {
    await using app = serve((socket) => void socket.write(`${HOSTILE.map(([sent]) => sent).join("\n")}\nthe last\n`));
    await using terminal = await Terminal.run(`echo before; vtcp connect ${app.target} --codec ${codec}`);
    assertUnmoved(await terminal.shows(/^the last$/), [...HOSTILE.map(([, shown]) => shown), "the last"]);
    await terminal.press("C-c");
    await terminal.shows(/^(\^C)?exit code 0$/);
  });
}

Deno.test("on a terminal raw bytes that are no UTF-8 move no cursor, nor do characters cut in two", async () => {
  await using app = serve((socket) => {
    socket.write(new Uint8Array([0x9b, 0x35, 0x41, 0xc2])); // a bare CSI, and half of one
    socket.once("data", () => socket.write(new Uint8Array([0x9b, 0x35, 0x41, 0xff, 0x0a])));
  });
  await using terminal = await Terminal.run(`stty -echo; echo before; vtcp connect ${app.target} --codec raw`);
  await terminal.shows(/5A/);
  await terminal.press("Enter");
  const { rows, cursor } = await terminal.shows(/\\x9b5A/);
  assertEquals([rows, cursor], [["before", "\ufffd5A\\x9b5A\ufffd"], { column: 0, row: 2 }]);
});

Deno.test("on a terminal tap and the messages of errors move no cursor either", async () => {
  await using app = serve((socket) => {
    socket.resume();
    for (const [sent] of HOSTILE) socket.write(`${sent}\n`);
  });
  const port = freePort();
  await using terminal = await Terminal.run(`echo before; vtcp tap ${port} ${app.target}`);
  await terminal.shows(/^Listening on /);
  const socket = await connect({ port, host: "127.0.0.1" });
  socket.resume();
  const { rows, cursor, title } = await terminal.shows(/gnp\.exe/);
  assertEquals(rows.slice(0, 2), ["before", `Listening on 127.0.0.1:${port}`]);
  for (const [i, [, shown]] of HOSTILE.entries()) assert(rows[i + 3]?.endsWith(` ${shown}`), rows.join("\n"));
  assertEquals(cursor, { column: 0, row: rows.length });
  assert(!title.includes("renamed"), title);
  socket.destroy();
});

Deno.test("on a terminal Ctrl-D ends our side, and the command ends with the server", async () => {
  await using app = serve((socket) => {
    socket.on("data", (data) => socket.write(`you said ${data}`));
    socket.on("end", () => socket.end("goodbye\n"));
  });
  await using terminal = await Terminal.run(`vtcp connect ${app.target}`);
  await terminal.type("hello");
  await terminal.press("Enter");
  await terminal.shows(/^you said hello$/);
  await terminal.press("C-d");
  const { rows } = await terminal.shows(/^exit code/);
  assertEquals(rows, ["hello", "you said hello", "goodbye", "exit code 0"]);
});

Deno.test("on a terminal a typed line that is no message is told, and the next one is sent", async () => {
  await using app = serve((socket) => {
    const protocol = new MessageProtocol<unknown>(socket).attach();
    protocol.onMessage = (message) => protocol.send({ got: message });
  });
  await using terminal = await Terminal.run(`vtcp connect ${app.target} --codec json`);
  await terminal.type("{a: 1}");
  await terminal.press("Enter");
  await terminal.shows(/^Line 1 of the input is not a message of json: /);
  await terminal.type("[1]");
  await terminal.press("Enter");
  await terminal.shows(/^\{"got":\[1\]\}$/);
});

Deno.test("on a terminal Ctrl-C ends serve and connect in order", async () => {
  const port = freePort();
  await using server = await Terminal.run(`vtcp serve chat ${port}`);
  await server.shows(/^Listening on /);
  await using client = await Terminal.run(`vtcp connect 127.0.0.1:${port}`);
  await server.shows(/^#1 .* connected$/);
  await client.press("C-c");
  await client.shows(/exit code 0$/);
  await server.shows(/^#1 closed \(peer\)/);
  await server.press("C-c");
  await server.shows(/exit code 0$/);
});

Deno.test("a pipe into head is no failure", async () => {
  await using app = serve((socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write("line\n".repeat(100)));
    };
    socket.on("drain", more).on("error", () => {}); // it goes away in the middle
    more();
  });
  await using terminal = await Terminal.run(`{ vtcp connect ${app.target}; echo "code $?" >&2; } | head -n 2`);
  const { rows } = await terminal.shows(/^code/);
  assertEquals(rows.filter((row) => row !== "exit code 0"), ["line", "line", "code 0"]);
});

Deno.test("on a terminal load shows how it goes, on one line, and the result at Ctrl-C", async () => {
  await using app = serve((socket) => void socket.pipe(socket));
  await using terminal = await Terminal.run(`vtcp load ${app.target} --seconds 1000 --rate 100`);
  await terminal.shows(/^2 of 1000 s: \d+ sent, \d+ answered, p50 [\d.]+ ms, p99 [\d.]+ ms$/);
  await terminal.press("C-c");
  const { rows } = await terminal.shows(/^exit code 0$/);
  assertEquals(rows.filter((row) => / of 1000 s:/.test(row)), []);
  assertMatch(rows.join("\n"), /\d+ messages of 6 bytes in [\d.]+ s, 10 connections\n\d+ answered, 0 not, /);
});
