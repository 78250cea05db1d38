/** Programs written for Verb, which import "verb" and "verb/tcp". */

import { assertEquals } from "@std/assert";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Program } from "../examples/program.ts";

// What a user puts into his deno.json.
const IMPORTS = { "verb": "jsr:@verb/tcp", "verb/": "jsr:/@verb/tcp/" };

const PROGRAM = `
  import { createServer, ServerProtocol } from "verb";
  import { TCPSocket } from "verb/tcp";

  const app = createServer(ServerProtocol.TCP);
  app.onConnection((socket) => {
    socket.on("data", (data) => socket.write("Echo: " + data));
  });
  app.listen(0, "127.0.0.1");

  const client = new TCPSocket();
  client.connect(app.address().port, "localhost", () => client.write("hello"));
  client.on("data", (data) => {
    console.log(String(data));
    client.end();
  });
  client.on("close", () => app.close());
`;

Deno.test('a program that imports "verb" and "verb/tcp" runs with two entries in its import map', async () => {
  const directory = await Deno.makeTempDir();
  try {
    // The link has the registry's name mean this checkout.
    const links = [fileURLToPath(new URL("../..", import.meta.url))];
    await Deno.writeTextFile(`${directory}/deno.json`, JSON.stringify({ imports: IMPORTS, links }));
    await Deno.writeTextFile(`${directory}/main.js`, PROGRAM);
    await using program = new Program(pathToFileURL(`${directory}/main.js`));
    const { code, rest, stderr } = await program.end();
    assertEquals([code, rest, stderr], [0, ["Echo: hello"], ""]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
