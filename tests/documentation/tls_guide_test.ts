import { assert, assertEquals } from "@std/assert";
import { makeAuthority, makeSelfSigned } from "../support/certificates.ts";
import { readTlsGuide, runExamples } from "../support/tls_guide.ts";

Deno.test("the examples of the guide to TLS run with the certificates that they speak of", async () => {
  const { examples } = await readTlsGuide();
  assert(examples.length >= 5, `there are ${examples.length}`);
  const authority = await makeAuthority("Our authority");
  const localhost = await makeSelfSigned("localhost", { use: "server" });
  const server = await authority.issue("localhost", { use: "server" });
  const other = await authority.issue("b.example", { use: "server", names: ["b.example"] });
  const ann = await authority.issue("Ann", { use: "client" });
  const files = {
    "cert.pem": localhost.cert,
    "key.pem": localhost.key,
    "ca.pem": authority.cert,
    "server.pem": server.cert,
    "server-key.pem": server.key,
    "b.pem": other.cert,
    "b-key.pem": other.key,
    "ann.pem": ann.cert,
    "ann-key.pem": ann.key,
  };
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, pem] of Object.entries(files)) await Deno.writeTextFile(`${directory}/${name}`, pem);
    // The peers' tests check the types, which takes seconds.
    assertEquals(await runExamples(directory, examples, "--no-check"), `${examples.length} passed | 0 failed`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
