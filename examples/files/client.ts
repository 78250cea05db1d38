// deno-lint-ignore-file no-console -- a command line
/**
 * The client of the file server: `upload` and `download` files and folders, `list` what there is. A connection that breaks is
 * made again, and each file goes on at the byte where it stopped.
 *
 *     deno run --allow-net --allow-read --allow-write examples/files/client.ts upload photos --to holidays
 *     deno run --allow-net --allow-read --allow-write examples/files/client.ts download holidays/photos --to /tmp
 *
 * Files in the way are replaced. Folders without files, permissions, times and symbolic links are not transferred.
 *
 * @module
 */

import { parseArgs } from "@std/cli";
import type { ReconnectOptions } from "@verb/tcp/tcp";
import { getJob, type Job, list, putJob, runJobs } from "./jobs.ts";
import type { Link } from "./link.ts";
import { MAX_TRANSFERS } from "./messages.ts";
import { persist } from "./persist.ts";
import { durationText, printable, Progress, sizeText } from "./progress.ts";
import { infoOf } from "./safe_path.ts";
import type { TransferError } from "./transfer_error.ts";
import { walk } from "./walk.ts";

const HELP = `Usage: deno run --allow-net --allow-read --allow-write examples/files/client.ts COMMAND [flags]

  upload PATH...     send files and folders
  download NAME...   receive files and folders, . for everything
  list [NAME]        the files that the server has

  --to FOLDER        where to: on the server (upload) or here (download, default .)
  --host NAME        the server's name or address (default 127.0.0.1)
  --port NUMBER      the server's port (default 4000)
  --parallel NUMBER  files at a time, 1 to ${MAX_TRANSFERS} (default 8)
  --attempts NUMBER  to connect again before it gives up (default 10)
  --tls              speak TLS
  --ca FILE          whose certificates count, as PEM (default: the authorities that are built in)
  --help             this text

Exits with 1 if a file failed.`;

/** What to do about an upload: known before there is a connection. */
async function planUpload(paths: readonly string[], to: string): Promise<Job[]> {
  const jobs: Job[] = [];
  for (const path of paths) {
    if (await infoOf(path) === undefined) throw new Error(`There is no file or folder ${path}`);
    const name = (await Deno.realPath(path)).split(/[/\\]/).at(-1) ?? "";
    const leftOut = (name: string) => console.error(`Left out: ${printable(name)} is neither a file nor a folder`);
    for await (const found of walk(path, to === "" ? name : `${to}/${name}`, { leftOut })) {
      jobs.push(putJob(found.path, found));
    }
  }
  return jobs;
}

/** What to do about a download: the server knows what is in a folder. The last part of its name is kept. */
async function planDownload(link: Link, names: readonly string[], to: string): Promise<Job[]> {
  const jobs: Job[] = [];
  for (const name of names) {
    const parent = name.slice(0, name.lastIndexOf("/") + 1);
    for (const entry of await list(link, name)) {
      if (!entry.name.startsWith(parent)) throw new Error(`The server offers a file that is not in ${name}`);
      jobs.push(getJob(to, entry.name.slice(parent.length), entry));
    }
  }
  return jobs;
}

/** Moves files, and shows how far they are. Gives how many failed. */
async function move(
  options: ReconnectOptions,
  parallel: number,
  plan: (link: Link) => Promise<Job[]>,
): Promise<number> {
  using progress = new Progress({ terminal: Deno.stdout.isTerminal(), write: writeOut });
  const began = performance.now();
  let queue: Job[] | undefined;
  const at = new Map<Job, number>(); // how far each is
  let [files, bytes, failures] = [0, 0, 0];
  const observer = {
    moved(job: Job, offset: number, fresh: boolean) {
      const more = offset - (at.get(job) ?? 0);
      at.set(job, offset);
      progress.add(more, fresh ? more : 0);
    },
    stored(job: Job) {
      files++;
      bytes += at.get(job) ?? 0;
      at.delete(job);
      progress.say(`${job.name} (${sizeText(job.size)})`);
    },
    failed(job: Job, { code, message }: TransferError) {
      failures++;
      progress.say(`Failed: ${job.name}: ${message} (${code})`);
    },
  };
  await persist(options, (line) => progress.say(line), async (link) => {
    if (queue === undefined) {
      queue = await plan(link);
      for (const job of queue) progress.expect(job.size);
    }
    await runJobs(link, queue, parallel, observer);
  });
  const seconds = (performance.now() - began) / 1_000;
  progress.say(`${files} files, ${sizeText(bytes)} in ${durationText(seconds)}, ${sizeText(bytes / seconds)}/s`);
  return failures;
}

async function main(args: string[]): Promise<number> {
  const flags = parseArgs(args, {
    boolean: ["help", "tls"],
    string: ["to", "host", "port", "parallel", "attempts", "ca", "_"],
    default: { host: "127.0.0.1", port: "4000", parallel: "8", attempts: "10" },
    unknown: (arg) => !arg.startsWith("-") || refuse(`Unknown argument ${arg}`),
  });
  if (flags.help) return console.log(HELP), 0;
  const [command, ...names] = flags._.map(String);
  const parallel = Number(flags.parallel);
  if (!(parallel >= 1 && parallel <= MAX_TRANSFERS)) refuse(`--parallel takes a number from 1 to ${MAX_TRANSFERS}`);
  const ca = flags.ca === undefined ? undefined : await Deno.readTextFile(flags.ca);
  const options: ReconnectOptions = {
    port: Number(flags.port),
    host: flags.host,
    maxAttempts: Number(flags.attempts),
    ...(flags.tls || ca !== undefined ? { tls: ca === undefined ? {} : { ca } } : {}),
  };
  const onServer = names.map((name) => name === "." ? "" : name.replace(/\/+$/, ""));

  if (command === "list" && names.length <= 1) {
    await persist(options, console.error, async (link) => {
      for (const { name, size } of await list(link, onServer[0] ?? "")) console.log(`${size}\t${printable(name)}`);
    });
    return 0;
  }
  if (names.length === 0) refuse("There is nothing to do");
  let failures: number;
  if (command === "upload") {
    const jobs = await planUpload(names, flags.to ?? "");
    failures = await move(options, parallel, () => Promise.resolve(jobs));
  } else if (command === "download") {
    failures = await move(options, parallel, (link) => planDownload(link, onServer, flags.to ?? "."));
  } else refuse(`Unknown command ${command}`);
  return failures === 0 ? 0 : 1;
}

function writeOut(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

function refuse(problem: string): never {
  console.error(`${problem}\n\n${HELP}`);
  Deno.exit(2);
}

if (import.meta.main) {
  try {
    Deno.exitCode = await main(Deno.args);
  } catch (error) {
    console.error(error instanceof Error ? printable(error.message) : error);
    Deno.exit(1);
  }
}
