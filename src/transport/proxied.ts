/** A connection that a balancer passes on: its PROXY header is read first, and says whose it is. */

import { systemError } from "./error_codes.ts";
import { MAX_PROXY_HEADER_BYTES, parseProxyHeader, type ProxyHeader, truncatedHeader } from "./proxy_header.ts";
import { ResumedTransport } from "./resumed.ts";
import { endpointOf, type Transport } from "./transport.ts";

// Enough for most; what is longer gets a buffer for the longest.
const FIRST_BUFFER_BYTES = 256;

/**
 * Reads the header and gives the connection that begins behind it. Rejects with a `TcpError` when there is none, or when the
 * connection is closed meanwhile; to close it then is the caller's.
 */
export async function readProxyHeader(transport: Transport): Promise<Transport> {
  let buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  let filled = 0;
  for (;;) {
    const bytes = await readInto(transport, buffer.subarray(filled));
    if (bytes === null) throw truncatedHeader(filled);
    filled += bytes;
    const header = parseProxyHeader(buffer.subarray(0, filled));
    if (header !== "more") return passOn(transport, header, buffer.subarray(header.length, filled));
    if (filled < buffer.length) continue;
    const larger = new Uint8Array(MAX_PROXY_HEADER_BYTES);
    larger.set(buffer);
    buffer = larger;
  }
}

async function readInto(transport: Transport, buffer: Uint8Array): Promise<number | null> {
  try {
    return await transport.read(buffer);
  } catch (error) {
    const { address, port } = endpointOf(transport.remoteAddr);
    throw systemError(error, { syscall: "read", address, port });
  }
}

function passOn(transport: Transport, { remoteAddr }: ProxyHeader, rest: Uint8Array): Transport {
  if (remoteAddr === undefined) return rest.length === 0 ? transport : new ResumedTransport(transport, rest);
  return new ProxiedTransport(transport, rest, remoteAddr);
}

/** Whose peer is the one that the header has named. Our own end stays the real one. */
class ProxiedTransport extends ResumedTransport {
  readonly #remoteAddr: Deno.Addr;

  constructor(below: Transport, rest: Uint8Array, remoteAddr: Deno.Addr) {
    super(below, rest);
    this.#remoteAddr = remoteAddr;
  }

  override get remoteAddr(): Deno.Addr {
    return this.#remoteAddr;
  }
}
