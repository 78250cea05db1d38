// deno-lint-ignore-file no-console -- a command line
/** `deno run -A tests/tools/check_peers.ts`: says which programs `deno task test:peers` needs, and fails if one is missing. */

/** A program, how it tells its version, and what it is needed for. */
const PROGRAMS = [
  { name: "node", versionArgs: ["--version"], use: "the order of socket events, recorded anew and compared" },
  { name: "openssl", versionArgs: ["version"], use: "TLS peers and their certificates" },
  {
    name: "redis-server",
    versionArgs: ["--version"],
    use: "rooms over Redis, presence in it, the Redis client of the examples, and the command line",
  },
  { name: "tmux", versionArgs: ["-V"], use: "the command line in a pseudo-terminal" },
  { name: "nc", versionArgs: ["-h"], use: "netcat, as the other end of the command line (OpenBSD's)" },
  { name: "haproxy", versionArgs: ["-v"], use: "PROXY headers as a balancer sends them" },
  { name: "promtool", versionArgs: ["--version"], use: "metrics as Prometheus reads them" },
  { name: "nats-server", versionArgs: ["--version"], use: "rooms over NATS" },
] as const;

/** The first line that the program says of its version, undefined if it is not there. */
async function versionOf(name: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(name, { args: [...args], stdin: "null" }).output();
    return success ? new TextDecoder().decode(stdout.length > 0 ? stdout : stderr).split("\n")[0] : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

console.log("deno task test:peers needs these programs on PATH besides Deno:");
let missing = 0;
for (const { name, versionArgs, use } of PROGRAMS) {
  const version = await versionOf(name, versionArgs);
  if (version === undefined) missing++;
  console.log(`  ${name}: ${use} (${version ?? "MISSING"})`);
}
if (missing > 0) {
  console.error(
    `${missing} of ${PROGRAMS.length} programs missing: install them and run this again; nothing is skipped`,
  );
  Deno.exit(1);
}
