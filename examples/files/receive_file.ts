/**
 * The receiving half of a transfer; the client has it for downloads, the server for uploads.
 *
 * @module
 */

import type { Channel } from "./channel.ts";
import { WINDOW_BYTES } from "./messages.ts";
import type { PartFile } from "./part_file.ts";
import type { Moved } from "./send_file.ts";
import { toTransferError, TransferError } from "./transfer_error.ts";

const ACK_BYTES = WINDOW_BYTES / 4;

/**
 * Receives a file of at most `maxBytes` into its part, and gives it its name when it is whole. If the connection is lost
 * the part stays for the next time; a part that is wrong, or that has filled the disk, is removed.
 */
export async function receiveFile(
  channel: Channel,
  part: PartFile,
  maxBytes = Infinity,
  moved: Moved = () => {},
): Promise<void> {
  try {
    await receive(channel, part, maxBytes, moved);
  } catch (error) {
    if (isSpoiled(error)) await part.discard();
    else await part.keep().catch(() => {}); // what could be kept is kept; the first error counts
    throw error;
  }
  channel.post({ type: "stored" });
}

async function receive(channel: Channel, part: PartFile, maxBytes: number, moved: Moved): Promise<void> {
  channel.post({ type: "resume", offset: part.size, sha256: part.sha256 });
  const { offset: began, size } = await channel.expect("start");
  if (size > maxBytes) throw new TransferError("changed", `The file has ${size} bytes, and ${maxBytes} were announced`);
  if (began !== part.size) {
    if (began !== 0) throw new TransferError("protocol", `A transfer may start at 0 or ${part.size}, not at ${began}`);
    await part.restart();
  }
  moved(began, false);

  let acked = began;
  part.onWritten = (written) => {
    if (written - acked < ACK_BYTES) return;
    acked = written;
    channel.post({ type: "ack", offset: acked });
    moved(acked, true);
  };
  part.onError = (error) => channel.fail(error);
  channel.onBytes = (bytes) => {
    if (part.size + bytes.length > size) throw new TransferError("protocol", "More bytes came than announced");
    if (!part.push(bytes)) throw new TransferError("protocol", "More bytes came than the window allows");
  };
  channel.post({ type: "ack", offset: began });

  const { sha256 } = await channel.expect("done"); // it comes behind the last byte
  await part.flush();
  if (part.size !== size || part.sha256 !== sha256) {
    throw new TransferError("corrupt", "What came is not what was sent: the SHA-256 differs");
  }
  await part.commit();
  moved(size, true);
}

/** Whether a part is of no use any more, or in the way. */
function isSpoiled(error: unknown): boolean {
  const { code } = toTransferError(error);
  return code === "corrupt" || code === "protocol" || code === "disk_full";
}
