/** The programs of the guide to scaling that need Deno alone. */

import { assertEquals } from "@std/assert";
import { DocumentPrograms } from "../support/document_programs.ts";
import { Peer } from "./peer.ts";

const GUIDE = "examples/guides/scaling.md";

Deno.test("the guide's workers carry what one connection says to another, and end on Ctrl-C with 0", async () => {
  await using programs = await DocumentPrograms.unpack(GUIDE);
  await programs.change("server.ts", "port: 3000", "port: 0");
  await programs.change(
    "main.ts",
    /await (workers\.closeOnSignals\(.*\));/,
    [
      "const closed = $1;",
      "await workers.ready;",
      'console.log("port", workers.address()?.port);',
      "await closed;",
    ].join("\n"),
  );
  await using service = programs.run("main.ts");
  const port = Number((await service.line(/^port (\d+)$/))[1]);
  using speaker = await Peer.connect(port);
  using listener = await Peer.connect(port);
  // Nobody tells when the other has joined: what is said is said again until it is heard.
  const heard = listener.readMessage();
  for (let over = false; !over;) {
    await speaker.writeMessage({ text: "hello" });
    over = await Promise.race([
      heard.then(() => true),
      new Promise<false>((resolve) => setTimeout(resolve, 20, false)),
    ]);
  }
  assertEquals(await heard, { text: "hello" });
  speaker.close();
  listener.close();
  service.interrupt();
  const { code, stderr } = await service.end();
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("the guide's module for workers listens by itself, too", async () => {
  await using programs = await DocumentPrograms.unpack(GUIDE);
  await programs.change("server.ts", "{ port: 3000 }", '{ port: 0 });\nconsole.log("port", app.address()?.port');
  await using server = programs.run("server.ts");
  using peer = await Peer.connect(Number((await server.line(/^port (\d+)$/))[1]));
  await peer.end();
  assertEquals((await peer.readToEnd()).length, 0);
});
