/** The chat's demo that goes on, as people start it. */

import { assert, assertEquals } from "@std/assert";
import { Viewer } from "../observe/inspected.ts";
import { patiently } from "./chat_hall.ts";
import { Program } from "./program.ts";

Deno.test("demo.ts --inspect leaves the chat running with guests and a live page, until Ctrl-C", async () => {
  await using demo = new Program("examples/chat/demo.ts", ["--inspect"]);
  const [, url] = await patiently(demo.line(/^ {2}(http:\/\/127\.0\.0\.1:\d+\/)$/));
  const page = await fetch(url!);
  assertEquals([page.status, (await page.text()).includes("<title>")], [200, true]);
  const viewer = new Viewer(await fetch(url!, { headers: { accept: "text/event-stream" } }));
  const message = await patiently(
    viewer.until(({ metrics, rooms }) => metrics.messagesSent > 0 && rooms.some(({ members }) => members > 0)),
  );
  assertEquals(message.name, "Chat");
  assert(message.connections.busiest.length > 0);
  demo.interrupt();
  while (await patiently(viewer.next()) !== undefined); // the page's feed ends with the server
  const { code, rest, stderr } = await patiently(demo.end());
  assertEquals([code, stderr], [0, ""]);
  assert(/^Closed: \d+ ended, \d+ cut off$/.test(rest.at(-1) ?? ""), rest.join("\n"));
});
