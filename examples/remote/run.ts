// deno-lint-ignore-file no-console -- a command line
/**
 * Runs a command on a device, for an operator: shows its output as it comes, and ends with its exit code.
 *
 *     deno run --allow-net --allow-read examples/remote/run.ts --keys keys --name ann lamp echo "hello; not a shell"
 *
 * @module
 */

import { connect, framed } from "@verb/tcp";
import { parseArgs } from "@std/cli";
import { readKeys } from "./keys.ts";
import { codec, keepAlive, type Message, type Peer } from "./messages.ts";

const HELP = `Usage: deno run --allow-net --allow-read examples/remote/run.ts [flags] DEVICE COMMAND [ARGUMENT...]

  --name NAME      the operator's name (default ann)
  --host NAME      the controller's name, which its certificate must have (default localhost)
  --port NUMBER    the controller's port (default 3000)
  --keys FOLDER    where ca.pem, NAME.pem and NAME.key are (default keys)
  --help           this text

Ctrl-C cancels the command, a second one leaves at once. Exits with the command's exit code, and with 255 if it was
refused or nothing is known of its end.`;
const FAILED = 255;

const flags = parseArgs(Deno.args, {
  boolean: ["help"],
  string: ["_", "name", "host", "port", "keys"], // arguments that look like numbers stay what they are
  default: { name: "ann", host: "localhost", port: "3000", keys: "keys" },
  stopEarly: true, // what stands behind the device is the command's
  "--": true, // and "--", too: without this it is thrown away
  unknown: (arg) => arg.startsWith("-") ? refuse(`Unknown argument ${arg}`) : true,
});

async function main(device: string, command: string, args: string[]): Promise<number> {
  const tls = await readKeys(flags.keys, flags.name);
  const socket = await connect({
    port: Number(flags.port),
    host: flags.host,
    tls: { ...tls, minVersion: "TLSv1.3" },
    timeoutMs: 10_000,
  });
  const controller: Peer = framed(socket, codec);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  controller.on("error", reject);
  socket.on("close", () => reject(new Error("The controller has ended the connection")));

  // One after the other: the next one is shown when the terminal has taken the one before.
  let shown = Promise.resolve();
  controller.on("message", (message) => {
    shown = shown.then(async () => {
      const code = await show(controller, message);
      if (code !== undefined) resolve(code);
    }).catch(reject);
  });
  keepAlive(controller, 5_000);
  controller.send({ type: "run", run: 1, device, command, args });

  let interrupted = false;
  Deno.addSignalListener("SIGINT", () => {
    if (interrupted) Deno.exit(FAILED);
    interrupted = true;
    controller.send({ type: "cancel", run: 1 });
  });
  return await promise;
}

/** Shows a piece of the output; gives the exit code at the end. */
async function show(controller: Peer, message: Message): Promise<number | undefined> {
  if (message.type === "output") {
    const bytes = Uint8Array.fromBase64(message.data);
    const terminal = Deno[message.stream];
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await terminal.write(rest));
    controller.send({ type: "read", run: 1, bytes: bytes.length }); // more may come
  } else if (message.type === "exit") {
    return message.code;
  } else if (message.type === "failed") {
    throw new Error(message.reason);
  }
  return undefined;
}

function refuse(problem: string): never {
  console.error(`${problem}\n\n${HELP}`);
  Deno.exit(2);
}

if (flags.help) console.log(HELP);
else {
  const behind = Deno.args.includes("--") ? ["--", ...flags["--"]] : [];
  const [device, command, ...args] = [...flags._, ...behind].map(String);
  if (device === undefined || command === undefined) refuse("Name a device and a command");
  try {
    Deno.exit(await main(device, command, args));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(FAILED);
  }
}
