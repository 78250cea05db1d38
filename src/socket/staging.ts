/**
 * Buffers in which small writes are joined. A socket borrows one from its first small write until the kernel has taken
 * the bytes, so that ten thousand idle sockets hold none.
 */

/** Size of a staging buffer; writes larger than a quarter of it are not copied. */
export const STAGING_BYTES = 16_384;

// Enough for a broadcast to a few hundred sockets in one turn; what is beyond is left to the garbage collector.
const KEPT_BUFFERS = 256;
const spare: Uint8Array<ArrayBuffer>[] = [];

/** Borrows a buffer. What was written with it before may still stand in it: only bytes written since may be sent. */
export function borrowStaging(): Uint8Array<ArrayBuffer> {
  return spare.pop() ?? new Uint8Array(STAGING_BYTES);
}

/**
 * Gives a buffer back; nobody may hold it any more. One of another size, which was made for one large frame, is freed now:
 * as garbage such ones would make the runtime collect all the time.
 */
export function returnStaging(buffer: Uint8Array<ArrayBuffer>): void {
  if (buffer.length !== STAGING_BYTES) buffer.buffer.transfer(0);
  else if (spare.length < KEPT_BUFFERS) spare.push(buffer);
}
