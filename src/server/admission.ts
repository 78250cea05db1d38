/** Who comes in: room, refusals and failures before there is a socket, counted and told. */

import type { CloseReason } from "../observe/close_receipt.ts";
import type { Counters } from "../observe/metrics.ts";
import { systemError } from "../transport/error_codes.ts";
import { endpointOf, type Transport } from "../transport/transport.ts";
import type { AcceptVerdict } from "./accept_loop.ts";
import type { ConnectionSet } from "./connections.ts";
import type { PreparationPort } from "./preparation.ts";
import type { Reporter } from "./reporter.ts";

/** See the module's comment. */
export class Admission<State> implements PreparationPort {
  readonly #sockets: ConnectionSet<State>;
  readonly #counters: Counters;
  readonly #reporter: Reporter;
  readonly #dropsWhenFull: () => boolean;

  constructor(
    sockets: ConnectionSet<State>,
    counters: Counters,
    reporter: Reporter,
    dropsWhenFull: () => boolean,
  ) {
    this.#sockets = sockets;
    this.#counters = counters;
    this.#reporter = reporter;
    this.#dropsWhenFull = dropsWhenFull;
  }

  admit(): Promise<void> | undefined {
    return this.#dropsWhenFull() ? undefined : this.#sockets.whenRoom();
  }

  acceptFailed(error: unknown, verdict: AcceptVerdict): void {
    this.#counters.acceptErrors++;
    if (verdict === "unknown") this.#reporter.report(systemError(error, { syscall: "accept" }));
  }

  entered(transport: Transport): boolean {
    if (this.refused(transport)) return false;
    this.#sockets.reserve();
    return true;
  }

  left(): void {
    this.#sockets.unreserve();
  }

  failed(error: Error, reason: CloseReason, transport: Transport): void {
    this.#counters.accepted++;
    this.#counters.count({ reason, bytesRead: 0, bytesWritten: 0, unsentBytes: 0 });
    if (reason !== "shutdown") this.#reporter.tell("tlsClientError", error, peerOf(transport));
  }

  /** Closes a connection that there is no room for; then true. */
  refused(transport: Transport): boolean {
    if (!this.#sockets.full) return false;
    const peer = peerOf(transport);
    transport.close();
    this.#reporter.tell("drop", peer);
    return true;
  }
}

function peerOf(transport: Transport): { remoteAddress: string | undefined; remotePort: number | undefined } {
  const { address, port } = endpointOf(transport.remoteAddr);
  return { remoteAddress: address, remotePort: port };
}
