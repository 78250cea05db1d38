/**
 * What a client has to do: one job for each file, several at a time.
 *
 * @module
 */

import { type Channel, ConnectionLost } from "./channel.ts";
import type { Link, Request } from "./link.ts";
import type { Entry } from "./messages.ts";
import { PartFile } from "./part_file.ts";
import { receiveFile } from "./receive_file.ts";
import { pathInside } from "./safe_path.ts";
import { type Moved, sendFile } from "./send_file.ts";
import { toTransferError, TransferError } from "./transfer_error.ts";

/** One file; `move` begins, or goes on, on a connection. */
export interface Job extends Entry {
  move(link: Link, moved: Moved): Promise<void>;
}

/** Told what becomes of the jobs. */
export interface JobObserver {
  /** So much of it is there; `fresh` is false where an earlier connection has brought that. */
  moved(job: Job, offset: number, fresh: boolean): void;
  stored(job: Job): void;
  /** It failed for good. */
  failed(job: Job, error: TransferError): void;
}

/** A file to put: it is at `path`, and called `name` on the server. */
export function putJob(path: string, { name, size }: Entry): Job {
  return {
    name,
    size,
    async move(link, moved) {
      const { size } = await Deno.stat(path); // by now it may be another one
      await transfer(link, { type: "put", name, size }, (channel) => sendFile(channel, path, moved));
    },
  };
}

/** A file to get: called `name` on the server, and `localName` in a folder here. */
export function getJob(folder: string, localName: string, { name, size }: Entry): Job {
  return {
    name,
    size,
    async move(link, moved) {
      // The server says what its files are called: we believe it no more than it believes us.
      const path = await pathInside(folder, localName);
      await transfer(link, { type: "get", name }, async (channel) => {
        await receiveFile(channel, await PartFile.open(path), Infinity, moved);
      });
    },
  };
}

/** Asks for the files in a folder of the server, `""` for all of them. */
export async function list(link: Link, name: string): Promise<Entry[]> {
  const files: Entry[] = [];
  await transfer(link, { type: "list", name }, async (channel) => {
    for (let answer; (answer = await channel.receive()).type !== "end";) {
      if (answer.type !== "entries") throw new TransferError("protocol", `A list does not consist of "${answer.type}"`);
      files.push(...answer.files);
    }
  });
  return files;
}

/** One transfer from its request to its end. */
async function transfer(link: Link, request: Request, work: (channel: Channel) => Promise<void>): Promise<void> {
  const channel = link.open(request);
  try {
    await work(channel);
  } catch (error) {
    channel.abandon(error);
    throw error;
  } finally {
    channel.close();
  }
}

const BUSY_RETRIES = 120;
const BUSY_RETRY_MS = 500;

/** Does jobs until `queue` is empty, `parallel` of them at a time. If the connection is lost what is left is in the queue. */
export async function runJobs(link: Link, queue: Job[], parallel: number, observer: JobObserver): Promise<void> {
  const worker = async () => {
    for (let job; (job = queue.shift()) !== undefined;) {
      try {
        await patiently(job, link, observer);
        observer.stored(job);
      } catch (error) {
        const { code } = toTransferError(error);
        if (!(error instanceof ConnectionLost) && code !== "closing") {
          observer.failed(job, toTransferError(error));
          continue;
        }
        queue.unshift(job); // for the next connection
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: parallel }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** A server may need some time to notice that our last connection, with the same file, is gone. */
async function patiently(job: Job, link: Link, observer: JobObserver): Promise<void> {
  for (let attempt = 0;; attempt++) {
    try {
      return await job.move(link, (offset, fresh) => observer.moved(job, offset, fresh));
    } catch (error) {
      if (!(error instanceof TransferError && error.code === "busy") || attempt === BUSY_RETRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, BUSY_RETRY_MS));
    }
  }
}
