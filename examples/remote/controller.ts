// deno-lint-ignore-file no-console -- a command line
/**
 * Remote control: devices dial out to this controller and stay connected, operators run commands on them. Everybody shows
 * a certificate; what an operator may run is decided by the name in it.
 *
 *     deno run --allow-write=keys examples/remote/make_keys.ts keys lamp ann     (keys for a day)
 *     deno run --allow-net --allow-read --allow-write examples/remote/controller.ts --keys keys
 *     deno run --allow-net --allow-read --allow-run=echo,uptime,df examples/remote/agent.ts --keys keys --name lamp
 *     deno run --allow-net --allow-read examples/remote/run.ts --keys keys --name ann lamp uptime
 *
 * `messages.ts` is the protocol, `relay.ts` what is done with each message, `policy.ts` who may run what, and
 * `audit_log.ts` where that is written down.
 *
 * @module
 */

import { createServer, hardened, TcpError } from "@verb/tcp";
import { parseArgs } from "@std/cli";
import { AuditLog } from "./audit_log.ts";
import { readKeys } from "./keys.ts";
import { nameOf, Policy } from "./policy.ts";
import { Relay } from "./relay.ts";

const HELP = `Usage: deno run --allow-net --allow-read --allow-write examples/remote/controller.ts [flags]

  --port NUMBER          where to listen, 0 for any free port (default 3000)
  --hostname NAME        address to listen on, 0.0.0.0 for every network (default 127.0.0.1)
  --keys FOLDER          where ca.pem, controller.pem and controller.key are (default keys)
  --policy FILE          who may run what (default policy.json beside this program)
  --audit FILE           where to write down who did what (default audit.jsonl)
  --heartbeat-ms NUMBER  how often to ask who is still there (default 5000)
  --help                 this text`;

const flags = parseArgs(Deno.args, {
  boolean: ["help"],
  string: ["port", "hostname", "keys", "policy", "audit", "heartbeat-ms"],
  default: {
    port: "3000",
    hostname: "127.0.0.1",
    keys: "keys",
    policy: `${import.meta.dirname}/policy.json`,
    audit: "audit.jsonl",
    "heartbeat-ms": "5000",
  },
  unknown: (arg) => {
    console.error(`Unknown argument ${arg}\n\n${HELP}`);
    Deno.exit(2);
  },
});

async function main(): Promise<void> {
  const [keys, policy] = await Promise.all([readKeys(flags.keys, "controller"), Policy.load(flags.policy)]);
  using audit = new AuditLog(flags.audit);
  const relay = new Relay(policy, audit, Number(flags["heartbeat-ms"]));

  const app = createServer("tcp", { tls: { ...keys, requestCert: true, minVersion: "TLSv1.3" } });
  app.withOptions(hardened); // anybody can knock
  app.onConnection((socket) => {
    const name = nameOf(socket);
    console.log(`${name} is connected`);
    socket.on("close", () => console.log(`${name} is gone`));
    relay.serve(socket);
  });
  app.on("tlsClientError", (error, { remoteAddress }) => {
    audit.write({ event: "stranger", by: "", address: remoteAddress, reason: error.code });
  });
  app.onError((error) => {
    console.error(error.message);
    if (error instanceof TcpError && error.syscall === "listen") Deno.exit(1);
  });
  app.listen(Number(flags.port), flags.hostname, () => {
    const { address, port } = app.address()!; // there is one: this is called once the server listens
    console.log(`Listening on ${address} port ${port}`);
  });
  await app.closeOnSignals();
}

if (flags.help) console.log(HELP);
else {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
