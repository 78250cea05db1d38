// deno-lint-ignore-file no-console -- a command line
/**
 * Makes an authority and certificates for a controller and for everybody who is named, to try the example for a day. The
 * authority's own key is thrown away: to let in somebody else, make all of them anew.
 *
 *     deno run --allow-write=keys examples/remote/make_keys.ts keys lamp ann
 *
 * @module
 */

import { type Certificate, makeAuthority } from "../tls/certificates.ts";

const [folder, ...names] = Deno.args;
if (folder === undefined || folder.startsWith("-") || names.length === 0) {
  console.error("Usage: deno run --allow-write=FOLDER examples/remote/make_keys.ts FOLDER NAME...");
  Deno.exit(2);
}

const authority = await makeAuthority("Remote Control Authority");
await Deno.mkdir(folder, { recursive: true });
await Deno.writeTextFile(`${folder}/ca.pem`, authority.cert);
await save("controller", await authority.issueServer("controller", ["localhost", "127.0.0.1", "::1"]));
for (const name of names) await save(name, await authority.issueClient(name));
console.log(`Keys for controller, ${names.join(", ")} are in ${folder}`);

async function save(name: string, { cert, key }: Certificate): Promise<void> {
  await Deno.writeTextFile(`${folder}/${name}.pem`, cert);
  await Deno.writeTextFile(`${folder}/${name}.key`, key, { mode: 0o600 });
}
