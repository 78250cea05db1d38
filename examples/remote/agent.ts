// deno-lint-ignore-file no-console -- a program that says what it does
/**
 * The agent on a device: dials out to the controller, so that the device needs no open port, and finds it again whenever
 * the connection is lost. It runs what is on its list (`commands.ts`) and nothing else, whoever asks; `--allow-run` says
 * the same once more to Deno.
 *
 *     deno run --allow-net --allow-read --allow-run=echo,uptime,df examples/remote/agent.ts --keys keys --name lamp
 *
 * @module
 */

import { framed, type TCPSocket } from "@verb/tcp";
import { reconnect } from "@verb/tcp/tcp";
import { parseArgs } from "@std/cli";
import { Commands } from "./commands.ts";
import { Execution } from "./execution.ts";
import { readKeys } from "./keys.ts";
import { codec, keepAlive, type Message, type Peer } from "./messages.ts";

const HELP = `Usage: deno run --allow-net --allow-read --allow-run=PROGRAM,... examples/remote/agent.ts [flags]

  --name NAME            the device's name (default lamp)
  --host NAME            the controller's name, which its certificate must have (default localhost)
  --port NUMBER          the controller's port (default 3000)
  --keys FOLDER          where ca.pem, NAME.pem and NAME.key are (default keys)
  --commands FILE        what may be run here (default commands.json beside this program)
  --heartbeat-ms NUMBER  how often to ask whether the controller is still there (default 5000)
  --help                 this text`;

const flags = parseArgs(Deno.args, {
  boolean: ["help"],
  string: ["name", "host", "port", "keys", "commands", "heartbeat-ms"],
  default: {
    name: "lamp",
    host: "localhost",
    port: "3000",
    keys: "keys",
    commands: `${import.meta.dirname}/commands.json`,
    "heartbeat-ms": "5000",
  },
  unknown: (arg) => {
    console.error(`Unknown argument ${arg}\n\n${HELP}`);
    Deno.exit(2);
  },
});

async function main(): Promise<void> {
  const [tls, commands] = await Promise.all([readKeys(flags.keys, flags.name), Commands.load(flags.commands)]);
  const connections = reconnect({
    port: Number(flags.port),
    host: flags.host,
    tls: { ...tls, minVersion: "TLSv1.3" },
    backoff: { maxMs: 10_000 },
    onRetry: ({ cause, delayMs }) => console.log(`${cause.message}; trying again in ${Math.round(delayMs)} ms`),
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => void connections.close({ drainMs: 1_000 }));
  }
  for await (const socket of connections) {
    console.log(`Connected to ${socket.remoteAddress} port ${socket.remotePort}`);
    serve(socket, commands);
    const { reason } = await socket.closed;
    console.log(`The connection is over: ${reason}`);
  }
  // What ran is cancelled by now. The process ends when all of that has.
}

/** Does what the controller at the other end says, for as long as the connection lasts. */
function serve(socket: TCPSocket, commands: Commands): void {
  const peer: Peer = framed(socket, codec);
  const running = new Map<number, Execution>();
  peer.on("error", () => socket.destroy()); // `closed` tells why
  peer.on("message", (message) => {
    if (message.type === "run") void run(peer, commands, running, message);
    else if (message.type === "cancel") running.get(message.run)?.cancel();
    else if (message.type === "read") running.get(message.run)?.read(message.bytes);
  });
  // Nobody is there any more to see what they do, or to stop them.
  socket.on("close", () => running.forEach((execution) => execution.cancel()));
  keepAlive(peer, Number(flags["heartbeat-ms"]));
}

async function run(
  peer: Peer,
  commands: Commands,
  running: Map<number, Execution>,
  { run, command, args }: Message & { type: "run" },
): Promise<void> {
  try {
    const execution = new Execution(commands.find(command, args), (stream, bytes) => {
      peer.send({ type: "output", run, stream, data: bytes.toBase64() });
    });
    running.set(run, execution);
    peer.send({ type: "exit", run, code: await execution.code });
  } catch (error) {
    peer.send({ type: "failed", run, reason: error instanceof Error ? error.message : String(error) });
  }
  running.delete(run);
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
