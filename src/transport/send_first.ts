/** What goes over a connection before anybody else may write to it. */

import { closeQuietly, type Transport } from "./transport.ts";

/** Writes all of it and gives the transport, or closes it and throws; `signal` gives up. */
export async function sendFirst(transport: Transport, bytes: Uint8Array, signal: AbortSignal): Promise<Transport> {
  const close = () => closeQuietly(transport);
  signal.addEventListener("abort", close, { once: true });
  try {
    signal.throwIfAborted();
    for (let at = 0; at < bytes.length;) at += await transport.write(bytes.subarray(at));
    signal.throwIfAborted();
    return transport;
  } catch (error) {
    close();
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
  }
}
