/**
 * What the server does about each request: a folder that clients put files into, get files from, and list. It shows how
 * to keep a quota that holds for transfers under way, too.
 *
 * @module
 */

import type { Channel } from "./channel.ts";
import type { Request } from "./link.ts";
import { type Entry, MAX_ENTRIES } from "./messages.ts";
import { PartFile } from "./part_file.ts";
import { receiveFile } from "./receive_file.ts";
import { checkName, infoOf, PART_SUFFIX, pathInside } from "./safe_path.ts";
import { sendFile } from "./send_file.ts";
import { TransferError } from "./transfer_error.ts";
import { walk } from "./walk.ts";

/** The folder. */
export class Store {
  readonly #folder: string;
  readonly #quota: number;
  // Bytes of all files and parts, and those that are still to come for the uploads under way.
  #used = 0;
  // What is being uploaded: two writers of one part would mix their bytes.
  readonly #uploads = new Set<string>();

  private constructor(folder: string, quota: number) {
    this.#folder = folder;
    this.#quota = quota;
  }

  /** Opens a folder, and makes it if there is none; `quota` is how many bytes may be in it. */
  static async open(folder: string, quota = Infinity): Promise<Store> {
    await Deno.mkdir(folder, { recursive: true });
    const store = new Store(await Deno.realPath(folder), quota);
    for await (const { size } of walk(store.#folder, "", { parts: true })) store.#used += size;
    return store;
  }

  /** Serves one request. */
  async serve(request: Request, channel: Channel): Promise<void> {
    if (request.type !== "list") checkName(request.name);
    const path = await pathInside(this.#folder, request.name);
    if (request.type === "list") await list(path, request.name, channel);
    else if (request.type === "put") await this.#put(path, request.size, channel);
    else if ((await Deno.lstat(path)).isFile) await sendFile(channel, path);
    else throw new TransferError("not_a_file", `"${request.name}" is no file`);
  }

  async #put(path: string, size: number, channel: Channel): Promise<void> {
    if (this.#uploads.has(path)) throw new TransferError("busy", "That file is being uploaded already");
    this.#uploads.add(path);
    try {
      const [before, part] = await Promise.all([sizeOf(path), sizeOf(path + PART_SUFFIX)]);
      const free = this.#quota - this.#used + part; // the part is among what is used, and becomes the file
      if (size > free) throw new TransferError("quota", `The file has ${size} bytes, and there is room for ${free}`);
      this.#used += size;
      try {
        await receiveFile(channel, await PartFile.open(path), size);
      } finally {
        // However it went: what is there now counts, instead of what was there before and what was to come.
        const [after, rest] = await Promise.all([sizeOf(path), sizeOf(path + PART_SUFFIX)]);
        this.#used += after + rest - before - part - size;
      }
    } finally {
      this.#uploads.delete(path);
    }
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await infoOf(path))?.size ?? 0;
}

async function list(path: string, name: string, channel: Channel): Promise<void> {
  if (await infoOf(path) === undefined) throw new TransferError("not_found", "There is no such file or folder");
  let files: Entry[] = [];
  for await (const { name: inside, size } of walk(path, name)) {
    if (files.push({ name: inside, size }) < MAX_ENTRIES) continue;
    await channel.send({ type: "entries", files });
    files = [];
  }
  if (files.length > 0) await channel.send({ type: "entries", files });
  channel.post({ type: "end" });
}
