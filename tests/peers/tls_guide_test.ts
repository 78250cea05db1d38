import { assertEquals } from "@std/assert";
import { readTlsGuide, runExamples } from "../support/tls_guide.ts";

Deno.test("the openssl lines of the guide to TLS make what their examples read", async () => {
  const { commands, examples } = await readTlsGuide();
  assertEquals(commands.length, 2);
  const directory = await Deno.makeTempDir();
  try {
    for (const lines of commands) {
      const { code, stderr } = await new Deno.Command("sh", { args: ["-ec", lines], cwd: directory, stdin: "null" })
        .output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
    }
    assertEquals(await runExamples(directory, examples), `${examples.length} passed | 0 failed`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
