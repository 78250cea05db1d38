/**
 * Keys and certificates in a folder: `ca.pem` is the authority's certificate, `NAME.pem` and `NAME.key` are those of NAME.
 *
 * @module
 */

/** What mutual TLS takes, on either side. */
export interface Keys {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Reads what somebody of that name needs. */
export async function readKeys(folder: string, name: string): Promise<Keys> {
  const [ca, cert, key] = await Promise.all(
    ["ca.pem", `${name}.pem`, `${name}.key`].map((file) => Deno.readTextFile(`${folder}/${file}`)),
  ) as [string, string, string];
  return { ca, cert, key };
}
