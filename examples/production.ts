// deno-lint-ignore-file no-console -- its output is its log
/**
 * A server as it runs in production: TLS from files, limits for strangers, a log, metrics and probes on a second port, and
 * an orderly end. What it does is the least of it: it sends each line back in capitals.
 *
 *     deno run --allow-net --allow-read examples/production.ts --cert cert.pem --key key.pem
 *     openssl s_client -quiet -connect 127.0.0.1:3443     (in another terminal)
 *     curl http://127.0.0.1:9100/metrics                  (and /healthz, /readyz)
 *
 * `kill -HUP` reads the certificate again, after a renewal for example; connections stay. `kill -TERM` drains: `/readyz` is
 * 503 at once, so that the balancer sends nobody more; then nobody is accepted, and who is inside gets its answers.
 *
 * @module
 */

import { createServer, framed, hardened, TcpError } from "@verb/tcp";
import { lines } from "@verb/tcp/framing";
import { logTo, metricsHandler } from "@verb/tcp/observe";
import { parseArgs } from "@std/cli";

const HELP = `Usage: deno run --allow-net --allow-read examples/production.ts --cert FILE --key FILE [flags]

  --cert FILE            certificate, with its chain, as PEM
  --key FILE             its private key, as PEM
  --hostname ADDRESS     where to listen (default 127.0.0.1)
  --port NUMBER          (default 3443)
  --metrics-port NUMBER  for metrics and probes, on 127.0.0.1 (default 9100)
  --settle-ms NUMBER     how long to accept after SIGTERM, until the balancer has noticed (default 5000)
  --help                 this text`;

const flags = parseArgs(Deno.args, {
  boolean: ["help"],
  string: ["cert", "key", "hostname", "port", "metrics-port", "settle-ms"],
  default: { hostname: "127.0.0.1", port: "3443", "metrics-port": "9100", "settle-ms": "5000" },
  unknown: (arg) => refuse(`Unknown argument ${arg}`),
});
if (flags.help) {
  console.log(HELP);
  Deno.exit();
}
const { cert = refuse("--cert is missing"), key = refuse("--key is missing") } = flags;

function refuse(why: string): never {
  console.error(`${why}\n\n${HELP}`);
  Deno.exit(2);
}

/** A line of the log besides those of the server's events. */
function log(level: string, event: string, facts: Record<string, unknown> = {}): void {
  console.log(JSON.stringify({ time: new Date().toISOString(), level, event, ...facts }));
}

async function readTls(): Promise<{ cert: string; key: string }> {
  return { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
}

const app = createServer("tcp", hardened).withOptions({ tls: await readTls() });

app.onConnection((socket) => {
  const peer = framed(socket, lines({ maxFrameBytes: 4_096 }));
  peer.on("message", (line) => peer.send(line.toUpperCase()));
});

// What peers and networks do wrong stands in the log already; what is left are faults of this program.
app.onError((error) => {
  if (!(error instanceof TcpError)) log("error", "fault", { stack: error.stack });
});
logTo(app);

// The second port is for the machine's own collector and probes: strangers must not reach it.
const http = Deno.serve({
  hostname: "127.0.0.1",
  port: Number(flags["metrics-port"]),
  onListen: ({ hostname, port }) => log("info", "metrics", { url: `http://${hostname}:${port}/metrics` }),
}, metricsHandler({ capitals: app }));

app.listen(Number(flags.port), flags.hostname, () => {
  const { address, port } = app.address()!; // there is one: this is called once the server listens
  log("info", "listening", { address, port });
});

async function reload(): Promise<void> {
  try {
    app.reloadTls(await readTls());
    log("info", "tls.reloaded");
  } catch (error) {
    // One of the files may not be written yet. The old certificate serves on.
    log("error", "tls.kept", { message: error instanceof Error ? error.message : error });
  }
}
Deno.addSignalListener("SIGHUP", reload);

await app.closeOnSignals({ settleMs: Number(flags["settle-ms"]), drainMs: 20_000 });
Deno.removeSignalListener("SIGHUP", reload);
await http.shutdown(); // the last: until here the probes have said that it is not ready
