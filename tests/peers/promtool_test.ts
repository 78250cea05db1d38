// Prometheus' own tool reads the text, and has nothing to say against names, types, units and help.

import { assertEquals } from "@std/assert";
import { connect, createServer } from "../../mod.ts";
import { prometheusText } from "../../src/observe/mod.ts";

/** What `promtool check metrics` says of that text. */
async function check(text: string): Promise<{ code: number; said: string }> {
  const child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, said: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("promtool check metrics has nothing to say against prometheusText()", async () => {
  const app = createServer().onConnection((socket) => socket.end("hello")).listen(0, "127.0.0.1");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  client.resume();
  await client.closed;
  await app.close();
  const text = prometheusText({ chat: app.metrics(), 'a "quoted"\\name\n': createServer().metrics() });
  assertEquals(await check(text), { code: 0, said: "" });
});

Deno.test("promtool check metrics has something to say against what is wrong", async () => {
  assertEquals((await check("verb_tcp_bytes 1\n")).code, 3);
});
