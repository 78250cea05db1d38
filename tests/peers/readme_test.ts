/** The lines of README that other programs run: `nc` and `openssl` talk to its servers. */

import { assertEquals } from "@std/assert";
import { DocumentPrograms } from "../support/document_programs.ts";

/** Runs a line of README, with another port, and gives what it prints. */
async function run(programs: DocumentPrograms, line: RegExp, port: number, input: string): Promise<string> {
  const command = programs.commands.find((text) => line.test(text))?.replace(/\b3\d{3}\b/, String(port));
  if (command === undefined) throw new Error(`README shows no line like ${line}`);
  const child = new Deno.Command("sh", {
    args: ["-ec", command],
    cwd: programs.directory,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let printed = "";
  while (!printed.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) break;
    printed += value;
  }
  await reader.cancel();
  await writer.close().catch(() => {}); // it may have ended already
  try {
    child.kill("SIGKILL"); // nc goes on until the server ends
  } catch {
    // It has ended by itself.
  }
  await child.status;
  return printed;
}

Deno.test("README's line of nc talks to its servers", async () => {
  await using programs = await DocumentPrograms.unpack("README.md");
  for (const [name, answer] of [["server.ts", "Echo: hello\n"], ["lines.ts", "HELLO\n"]] as const) {
    const { server, port } = await programs.serve(name);
    await using _ = server;
    assertEquals(await run(programs, /^nc /, port, "hello\n"), answer);
  }
});

Deno.test("README's lines of openssl make a certificate, and trust the server that has it", async () => {
  await using programs = await DocumentPrograms.unpack("README.md");
  const request = programs.commands.find((line) => line.startsWith("openssl req"));
  const { code } = await new Deno.Command("sh", {
    args: ["-ec", request ?? ""],
    cwd: programs.directory,
    stdin: "null",
    stderr: "null",
  }).output();
  assertEquals(code, 0);
  const { server, port } = await programs.serve("tls_server.ts");
  await using _ = server;
  assertEquals(await run(programs, /^openssl s_client/, port, ""), "Hello over TLSv1.3\n");
  assertEquals(await programs.ask("tls_client.ts", port), ["Hello over TLSv1.3", ""]);
});

Deno.test("the programs of README and of the guide to scaling pass the type checker", async () => {
  for (const path of ["README.md", "examples/guides/scaling.md"]) {
    await using programs = await DocumentPrograms.unpack(path);
    assertEquals(await programs.typeErrors(), "");
  }
});
