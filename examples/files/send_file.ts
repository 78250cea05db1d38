/**
 * The sending half of a transfer; the server has it for downloads, the client for uploads.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { readBlocks } from "./blocks.ts";
import { type Channel, unexpected } from "./channel.ts";
import { WINDOW_BYTES } from "./messages.ts";
import { hashBeginning, textOf } from "./part_file.ts";
import { TransferError } from "./transfer_error.ts";

/** Hears how far a file is. `fresh` is false where that is what an earlier connection has brought. */
export type Moved = (offset: number, fresh: boolean) => void;

/** Sends a file to a receiver that is about to say how much of it it has. */
export async function sendFile(channel: Channel, path: string, moved: Moved = () => {}): Promise<void> {
  using file = await Deno.open(path); // whoever calls has looked what it is
  const before = await file.stat();
  if (!before.isFile) throw new TransferError("not_a_file", "It is no file");

  const had = await channel.expect("resume");
  let hash = createHash("sha256");
  let offset = 0;
  if (had.offset > 0 && had.offset <= before.size) {
    const beginning = await hashBeginning(file, had.offset);
    if (textOf(beginning) === had.sha256) hash = beginning, offset = had.offset;
    else await file.seek(0, Deno.SeekMode.Start); // the receiver has the beginning of another file
  }
  channel.post({ type: "start", offset, size: before.size });
  moved(offset, false);

  let acked = (await channel.expect("ack")).offset;
  for await (const block of readBlocks(file)) {
    if (offset + block.length > before.size) { // it grows
      offset = Infinity;
      break;
    }
    offset += block.length;
    while (offset - acked > WINDOW_BYTES) moved(acked = (await channel.expect("ack")).offset, true);
    const sent = channel.sendBytes(block);
    hash.update(block); // meanwhile
    await sent;
  }

  // The hash tells that everything arrived as it was read, but not that it was read from one and the same file.
  const after = await file.stat();
  if (offset !== before.size || after.size !== before.size || after.mtime?.getTime() !== before.mtime?.getTime()) {
    throw new TransferError("changed", "The file changed while it was sent");
  }
  channel.post({ type: "done", sha256: textOf(hash) });
  for (let answer; (answer = await channel.receive()).type !== "stored";) {
    if (answer.type !== "ack") throw unexpected(answer.type);
    moved(answer.offset, true);
  }
  moved(before.size, true);
}
