/** What onError of a server gets, by the codes that the documentation switches on. */

import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { createServer, type ListenOptions, TcpError } from "@verb/tcp";
import { Peer } from "./peer.ts";

/** Has a server fail to listen, and gives what its onError got. */
async function listenError(where: ListenOptions): Promise<TcpError> {
  const app = createServer();
  const failed = new Promise<Error>((resolve) => app.onError(resolve));
  app.listen(where);
  assertEquals(app.listening, false);
  const error = await failed;
  assertInstanceOf(error, TcpError);
  return error;
}

Deno.test("onError gets EADDRINUSE for a port that is taken", async () => {
  await using first = createServer().listen(0, "127.0.0.1");
  const { port } = first.address()!; // it listens
  const error = await listenError({ port, hostname: "127.0.0.1" });
  assertEquals([error.code, error.port], ["EADDRINUSE", port]);
  assertStringIncludes(error.message, `127.0.0.1:${port}`);
});

// A privileged port would be the usual case, but is allowed to root and on many machines to everybody.
Deno.test({
  name: "onError gets EACCES where the program is not permitted to listen",
  permissions: { net: false },
  async fn() {
    assertEquals((await listenError({ port: 0, hostname: "127.0.0.1" })).code, "EACCES");
  },
});

Deno.test("onError gets ENOENT for a unix socket in a directory that does not exist", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/missing/server.sock`;
    const error = await listenError({ path });
    assertEquals([error.code, error.address], ["ENOENT", path]);
  } finally {
    await Deno.remove(directory);
  }
});

Deno.test("onError gets EADDRNOTAVAIL, with its message, for an address that is not ours", async () => {
  const error = await listenError({ port: 0, hostname: "192.0.2.1" });
  assertEquals(error.code, "EADDRNOTAVAIL");
  assertStringIncludes(error.message, "192.0.2.1");
});

Deno.test("onError may listen again, elsewhere", async () => {
  await using first = createServer().listen(0, "127.0.0.1");
  await using app = createServer();
  app.onConnection((socket) => socket.end("here"));
  const listening = new Promise<void>((resolve) => app.onListening(resolve));
  app.onError((error) => {
    if (error.code === "EADDRINUSE") app.listen(0, "127.0.0.1");
  });
  app.listen(first.address()!.port, "127.0.0.1"); // it listens
  await listening;
  using peer = await Peer.connect(app.address()!.port); // it listens now
  assertEquals(String(await peer.readToEnd()), "here");
});
