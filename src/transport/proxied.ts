/** A connection that a balancer passes on: its PROXY header is read first, and says whose it is. */

import { load } from "../base/read_proof.ts";
import { systemError } from "./error_codes.ts";
import { MAX_PROXY_HEADER_BYTES, parseProxyHeader, type ProxyHeader, truncatedHeader } from "./proxy_header.ts";
import type { ProxyInfo } from "./proxy_info.ts";
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
    load.transfers++;
    if (bytes === null) throw truncatedHeader(filled);
    filled += bytes;
    const header = parseProxyHeader(buffer.subarray(0, filled));
    if (header !== "more") return new ProxiedTransport(transport, buffer.subarray(header.length, filled), header);
    if (load.gate !== undefined) await load.gate;
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

/** Whose peer is the one that the header has named, if it has. Our own end stays the real one. */
class ProxiedTransport extends ResumedTransport {
  readonly #proxy: ProxyInfo;
  readonly #remoteAddr: Deno.Addr;

  constructor(below: Transport, rest: Uint8Array, { info, remoteAddr = below.remoteAddr }: ProxyHeader) {
    super(below, rest);
    this.#proxy = info;
    this.#remoteAddr = remoteAddr;
  }

  override get proxy(): ProxyInfo {
    return this.#proxy;
  }

  override get remoteAddr(): Deno.Addr {
    return this.#remoteAddr;
  }
}
