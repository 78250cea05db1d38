// deno-lint-ignore-file no-console -- a command line
/**
 * A file server: clients put files and folders into its folder and get them out again, many at once over one connection,
 * and go on where a broken connection stopped. `messages.ts` is the protocol, `link.ts` how transfers share a connection,
 * `store.ts` what each request does; `client.ts` is the client.
 *
 *     deno run --allow-net --allow-read --allow-write examples/files/server.ts --folder shared
 *
 * What it does not do: it does not ask who somebody is. Whoever can connect can read and replace every file; the example
 * `remote` has client certificates.
 *
 * @module
 */

import { createServer, type ServerOptions, TcpError, type TcpServer } from "@verb/tcp";
import { parseArgs } from "@std/cli";
import { Link, LINK_OPTIONS } from "./link.ts";
import { Store } from "./store.ts";

/** Makes a file server that does not listen yet. */
export function createFileServer(store: Store, options: ServerOptions = {}): TcpServer {
  const app = createServer("tcp", { ...LINK_OPTIONS, ...options });
  app.onConnection((socket) => {
    const link = new Link(socket, (request, channel) => store.serve(request, channel));
    socket.on("shutdown", () => link.close()); // what is under way has the time of the drain to end
  });
  return app;
}

const HELP = `Usage: deno run --allow-net --allow-read --allow-write examples/files/server.ts [flags]

  --folder PATH      where the files are (default .); it should hold nothing else
  --port NUMBER      where to listen, 0 for any free port (default 4000)
  --hostname NAME    address to listen on, 0.0.0.0 for every network (default 127.0.0.1)
  --quota BYTES      how much may be in the folder (default: what the disk holds)
  --cert FILE        certificate as PEM: speak TLS
  --key FILE         its private key
  --help             this text

Ctrl-C lets transfers end for ten seconds; a second one ends at once. What is cut off goes on another time.`;

async function main(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    boolean: ["help"],
    string: ["folder", "port", "hostname", "quota", "cert", "key"],
    default: { folder: ".", port: "4000", hostname: "127.0.0.1" },
    unknown: (arg) => refuse(`Unknown argument ${arg}`),
  });
  if (flags.help) return console.log(HELP);
  if ((flags.cert === undefined) !== (flags.key === undefined)) refuse("--cert and --key belong together");
  const quota = flags.quota === undefined ? Infinity : Number(flags.quota);
  if (!(quota >= 0)) refuse("--quota takes a number of bytes");

  const app = createFileServer(await Store.open(flags.folder, quota));
  if (flags.cert !== undefined && flags.key !== undefined) {
    app.withOptions({ tls: { cert: await Deno.readTextFile(flags.cert), key: await Deno.readTextFile(flags.key) } });
  }
  app.onError((error) => {
    if (!(error instanceof TcpError)) return console.error(error); // a mistake in our own code
    console.error(error.message);
    if (error.syscall === "listen") Deno.exit(1);
  });
  app.listen({ port: Number(flags.port), hostname: flags.hostname }, () => {
    console.log(`Listening on ${flags.hostname} port ${app.address()?.port}`);
  });
  const { ended, forced } = await app.closeOnSignals();
  console.log(`Closed: ${ended} ended, ${forced} cut off`);
}

function refuse(problem: string): never {
  console.error(`${problem}\n\n${HELP}`);
  Deno.exit(2);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
