/** TLS clients of other makes, OpenSSL and Node, which keep their sessions from one connection to the next. */

import { fileURLToPath } from "node:url";
import type { Pair } from "./certificates.ts";

/** The versions that both speak. */
export const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;
/** One of them. */
export type Version = typeof VERSIONS[number];

/** How a connection went: refused is without a byte of the application's. */
export type Outcome = "resumed" | "full" | "refused";

/** How a connection differs from a plain one. */
export interface Manner {
  /** The name asked for; `localhost` where left out. */
  readonly servername?: string;
  /** Begins in the clear, with SMTP's STARTTLS. */
  readonly starttls?: boolean;
  /** The groups for the key exchange, best first; for OpenSSL only. */
  readonly groups?: string;
}

/** A client with a certificate, or without one. */
export interface TlsClient extends AsyncDisposable {
  /** Connects, shows the session of the connection before, and waits for "WELCOME". */
  connect(port: number, manner?: Manner): Promise<Outcome>;
  /** What the last connection said of itself, and of why it failed. */
  readonly said: string;
}

/** A make of clients. */
export type MakeClient = (version: Version, pair?: Pair) => Promise<TlsClient>;

/** OpenSSL's `s_client`. */
export async function opensslClient(version: Version, pair?: Pair): Promise<TlsClient> {
  const directory = await keep(pair);
  const session = `${directory}/session.pem`;
  let said = "";
  return {
    async connect(port, { servername = "localhost", starttls = false, groups } = {}) {
      said = await converse("openssl", [
        ...["s_client", "-connect", `127.0.0.1:${port}`, "-servername", servername, "-msg"],
        version === "TLSv1.2" ? "-tls1_2" : "-tls1_3",
        ...(pair === undefined ? [] : ["-cert", `${directory}/cert.pem`, "-cert_chain", `${directory}/cert.pem`]),
        ...(pair === undefined ? [] : ["-key", `${directory}/key.pem`]),
        ...(starttls ? ["-starttls", "smtp"] : []),
        ...(groups === undefined ? [] : ["-groups", groups]),
        ...(await exists(session) ? ["-sess_in", session] : []),
        ...["-sess_out", session],
      ]);
      if (!said.includes("WELCOME")) return "refused";
      return /^Reused, /m.test(said) ? "resumed" : "full";
    },
    get said() {
      return said;
    },
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

/** Node's `tls.connect`. */
export async function nodeClient(version: Version, pair?: Pair): Promise<TlsClient> {
  const directory = await keep(pair);
  const script = fileURLToPath(new URL("tls_client.mjs", import.meta.url));
  let said = "";
  return {
    async connect(port, { servername = "localhost", starttls = false } = {}) {
      const plan = { port, servername, starttls, version, directory, certificate: pair !== undefined };
      said = await converse("node", [script, JSON.stringify(plan)]);
      if (!said.includes("WELCOME")) return "refused";
      return /^reused$/m.test(said) ? "resumed" : "full";
    },
    get said() {
      return said;
    },
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

async function keep(pair: Pair | undefined): Promise<string> {
  const directory = await Deno.makeTempDir();
  if (pair === undefined) return directory;
  await Deno.writeTextFile(`${directory}/cert.pem`, pair.cert);
  await Deno.writeTextFile(`${directory}/key.pem`, pair.key);
  return directory;
}

async function exists(file: string): Promise<boolean> {
  return await Deno.stat(file).then(() => true, () => false);
}

/** Runs the program to its end, which its own input's end brings about once it was welcomed. */
async function converse(name: string, args: string[]): Promise<string> {
  const child = new Deno.Command(name, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const errors = new Response(child.stderr).text();
  const input = child.stdin.getWriter();
  const bye = () => input.close().catch(() => {/* it has ended already */});
  let output = "";
  let welcomed = false;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    if (welcomed || !output.includes("WELCOME")) continue;
    welcomed = true; // the server speaks last: the tickets are here, too
    await bye();
  }
  if (!welcomed) await bye();
  await child.status;
  return output + await errors;
}
