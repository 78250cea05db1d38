/**
 * What can go wrong with one file, as a code to switch on and a sentence to show. It shows how to let strangers know what
 * they need, and not where on our disk their file lies.
 *
 * Nothing to run here; both ends send these errors.
 *
 * @module
 */

/** Why a transfer failed; the others of its connection go on. */
export type TransferErrorCode =
  | "bad_name" // it leaves the folder, or no file can have it
  | "symlink" // it leads over a symbolic link
  | "not_found"
  | "not_a_file" // a folder, a device, a socket
  | "denied" // by the system's permissions
  | "busy" // somebody else is sending that file at the moment
  | "too_many" // transfers on this connection
  | "quota"
  | "disk_full"
  | "changed" // while it was sent
  | "corrupt" // what came has another hash than what was sent
  | "closing" // the server begins nothing new
  | "protocol" // a message that nobody expects here
  | "failed"; // anything else

/** See {@link TransferErrorCode}; `message` is shown to people. */
export class TransferError extends Error {
  override readonly name = "TransferError";
  /** What to switch on; of a newer peer it may be one that we do not know. */
  readonly code: string;

  /** An error that the peer may read. */
  constructor(code: TransferErrorCode, message: string);
  /** An error of the peer. */
  constructor(code: string, message: string);
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The peer has given the transfer up, and says why. */
export class PeerError extends TransferError {}

/** What the other end is told of an error: its own messages name our folders, so they stay here. */
export function toTransferError(error: unknown): TransferError {
  if (error instanceof TransferError) return error;
  const { code } = error as { code?: unknown };
  if (code === "ENOSPC" || code === "EDQUOT") return new TransferError("disk_full", "The disk is full");
  if (code === "ENAMETOOLONG") return new TransferError("bad_name", "The name is too long");
  if (error instanceof Deno.errors.NotFound) return new TransferError("not_found", "There is no such file");
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
    return new TransferError("denied", "The file may not be read or written");
  }
  if (error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.IsADirectory) {
    return new TransferError("not_a_file", "There is a folder where a file should be, or a file instead of a folder");
  }
  return new TransferError("failed", `The file cannot be read or written (${typeof code === "string" ? code : "?"})`);
}
