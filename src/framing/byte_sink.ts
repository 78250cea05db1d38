/**
 * Lets an encoder write straight into the write queue, without a buffer of its own.
 *
 * ```ts ignore
 * const buffer = sink.reserve(4 + body.length); // write from index sink.at on
 * new DataView(buffer.buffer, buffer.byteOffset).setUint32(sink.at, body.length);
 * buffer.set(body, sink.at + 4);
 * sink.commit(4 + body.length);
 * ```
 */
export interface ByteSink {
  /** Returns a buffer with room for `maxBytes` from index {@link ByteSink.at} on. Its contents are not cleared. */
  reserve(maxBytes: number): Uint8Array;
  /** Where in the reserved buffer to write. Valid from `reserve` to `commit`. */
  readonly at: number;
  /**
   * Hands on the first `bytes` that were written at `at`. Without it nothing of a reservation is sent. The buffer is the
   * sink's from now on, which may free it.
   */
  commit(bytes: number): void;
}
