/** Who comes in and goes: room, refusals and failures before there is a socket, counted and told. */

import { CLOSE_REASONS, type CloseReason, type CloseReceipt } from "../telemetry/close_receipt.ts";
import { Counters, type ServerMetrics } from "../telemetry/metrics.ts";
import type { ConnectionFace, SocketHost } from "../socket/connection_ports.ts";
import type { SocketSettings } from "../socket/settings.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import { adoptTransport, type TCPSocket } from "../socket/tcp_socket.ts";
import { systemError } from "../transport/error_codes.ts";
import { endpointOf, type Transport } from "../transport/transport.ts";
import type { AcceptVerdict } from "./accept_loop.ts";
import type { ConnectionSet } from "./connections.ts";
import type { PreparationEvent, PreparationPort } from "./preparation.ts";
import type { Reporter } from "./reporting.ts";

/** See the module's comment. */
export class Admission<State> implements PreparationPort, SocketHost {
  readonly #sockets: ConnectionSet<State>;
  readonly #counters = new Counters(CLOSE_REASONS);
  readonly #reporter: Reporter;
  readonly #dropsWhenFull: () => boolean;

  constructor(
    sockets: ConnectionSet<State>,
    reporter: Reporter,
    dropsWhenFull: () => boolean,
  ) {
    this.#sockets = sockets;
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

  failed(error: Error, reason: CloseReason, transport: Transport, event?: PreparationEvent): void {
    this.#counters.accepted++;
    this.#counters.count({ reason, bytesRead: 0, bytesWritten: 0, unsentBytes: 0 });
    if (event !== undefined) this.#reporter.tell(event, error, peerOf(transport));
  }

  /** Makes a socket of it, unless there is no room. */
  adopt(transport: Transport, settings: SocketSettings): TCPSocket<State> | undefined {
    if (this.refused(transport)) return undefined;
    this.#counters.accepted++;
    const socket = adoptTransport(transport, settings, this) as TCPSocket<State>; // its state is the user's to set
    this.#sockets.add(socket);
    return socket;
  }

  handlerFailed(error: Error, face: ConnectionFace): void {
    this.#reporter.report(error, face);
  }

  connectionFailed(error: Error, face: ConnectionFace): void {
    if (this.#reporter.heard) this.#reporter.report(error, face);
  }

  connectionClosed(face: ConnectionFace, receipt: CloseReceipt): void {
    this.#counters.count(receipt);
    this.#sockets.remove(face as TCPSocket<State>); // its sockets are the faces of their connections
  }

  /** What was counted so far. */
  metrics(): ServerMetrics {
    const { accepted, acceptErrors, closed } = this.#counters;
    let { bytesRead, bytesWritten } = this.#counters;
    for (const socket of this.#sockets) {
      bytesRead += socket.bytesRead;
      bytesWritten += connectionOf(socket).queue.sentBytes;
    }
    const { size: open, reserved: preparing } = this.#sockets;
    return { open, accepted, closed, bytesRead, bytesWritten, acceptErrors, preparing };
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
