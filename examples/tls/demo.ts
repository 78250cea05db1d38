// deno-lint-ignore-file no-console -- a command line
/**
 * Mutual TLS end to end: makes an authority and certificates, starts a server that demands one of its clients, and shows
 * who gets in and who does not, as both sides see it. Then the server's certificate is renewed under way.
 *
 *     deno run --allow-net examples/tls/demo.ts
 *
 * @module
 */

import { TcpError } from "@verb/tcp";
import { parseArgs } from "@std/cli";
import { once } from "node:events";
import { type Certificate, makeAuthority } from "./certificates.ts";
import { visit } from "./client.ts";
import { createGuardedServer } from "./server.ts";

const HELP = `Usage: deno run --allow-net examples/tls/demo.ts [flags]

  --help    this text

Exits with 1 if somebody gets in who must not, or does not who must.`;

async function main(): Promise<void> {
  const { help } = parseArgs(Deno.args, {
    boolean: ["help"],
    unknown: (arg) => {
      console.error(`Unknown argument ${arg}\n\n${HELP}`);
      Deno.exit(2);
    },
  });
  if (help) return console.log(HELP);

  const authority = await makeAuthority("Harbour Authority");
  const stranger = await makeAuthority("Pirate Authority");
  const ann = await authority.issueClient("Ann");
  const mallory = await stranger.issueClient("Mallory");
  const app = createGuardedServer(
    await authority.issueServer("Harbour", ["localhost", "127.0.0.1", "::1"]),
    authority.cert,
    (line) => console.log(`  server: ${line}`),
  );
  app.listen(0, "localhost");
  const { port } = app.address()!; // listen() has bound at once

  console.log("Ann has a certificate of the authority that the server asks for:\n");
  const first = await visit(port, authority.cert, ann);
  console.log(`  Ann: ${first.greeting}`);

  /** Sees somebody knock who must not get in. */
  async function knocks(name: string, ca: string, certificate?: Certificate): Promise<void> {
    // Both sides know: wait for the server, too, so that it is printed first.
    const told = once(app, "tlsClientError");
    const refusal = await visit(port, ca, certificate).then(() => undefined, (error: Error) => error);
    if (refusal === undefined) throw new Error(`${name} got in`);
    await told;
    console.log(`  ${name}: ${refusal instanceof TcpError ? refusal.code : refusal.message}`);
  }

  console.log("\nBob has none:\n");
  await knocks("Bob", authority.cert);
  console.log("\nMallory has one, of another authority:\n");
  await knocks("Mallory", authority.cert, mallory);
  console.log("\nCleo has a good one, but trusts another authority than the server's:\n");
  await knocks("Cleo", stranger.cert, await authority.issueClient("Cleo"));

  console.log("\nThe server's certificate is renewed, while Ann's connection goes on:\n");
  app.reloadTls(await authority.issueServer("Harbour", ["localhost", "127.0.0.1", "::1"]));
  const second = await visit(port, authority.cert, ann);
  console.log(
    `  Ann: ${second.greeting} (${first.serialNumber === second.serialNumber ? "the same" : "a new"} certificate)`,
  );
  first.socket.write("Still here?");
  console.log(`  Ann, where she was before: ${(await once(first.socket, "data"))[0]}`);

  for (const { socket } of [first, second]) socket.end();
  await app.close();
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(`The demo failed: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
