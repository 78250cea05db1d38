/** What happens on a server: counted for `metrics()`, and told to its observers. */

import { now } from "../base/clock.ts";
import { MessageError } from "../base/errors.ts";
import type { ConnectionFace, SocketWitness } from "../socket/connection_ports.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import { CLOSE_REASONS, type CloseReason, type CloseReceipt } from "../telemetry/close_receipt.ts";
import type { DrainReport } from "../telemetry/drain_report.ts";
import type { DropReason } from "../telemetry/drop_reason.ts";
import type { AcceptErrorVerdict, TelemetryPeer } from "../telemetry/events.ts";
import { Counters } from "../telemetry/metrics.ts";
import { Telemetry } from "../telemetry/telemetry.ts";
import { codeOf } from "../transport/error_codes.ts";
import { endpointOf, type Transport } from "../transport/transport.ts";

/** See the module's comment. */
export class Witness implements SocketWitness {
  readonly counters: Counters = new Counters(CLOSE_REASONS);
  readonly telemetry: Telemetry;

  /** `failed` is told what observers throw. */
  constructor(failed: (error: Error) => void) {
    this.telemetry = new Telemetry(failed);
  }

  /** What follows is of a server there. */
  listensAt(addr: Deno.Addr): void {
    const { address, port, family } = endpointOf(addr);
    const host = family === "IPv6" ? `[${address}]` : address;
    this.telemetry.server = "path" in addr ? addr.path : `${host}:${port}`;
  }

  /** An option has no effect. */
  unsupported(option: string): void {
    if (this.telemetry.wanted) this.telemetry.tell("option.unsupported", { option });
  }

  acceptFailed(error: unknown, verdict: AcceptErrorVerdict): void {
    this.counters.acceptErrors++;
    if (this.telemetry.wanted) this.telemetry.tell("accept.error", { code: codeOf(error), verdict });
  }

  dropped(transport: Transport, reason: DropReason): void {
    this.counters.drop(reason);
    if (this.telemetry.wanted) this.telemetry.tell("connection.drop", { ...peerOf(transport), reason });
  }

  /** It was accepted, and is over before it was announced. */
  failed(error: Error, reason: CloseReason, transport: Transport): void {
    this.counters.accepted++;
    this.counters.failed++;
    this.counters.count({ reason, bytesRead: 0, bytesWritten: 0, unsentBytes: 0 });
    if (!this.telemetry.wanted) return;
    this.telemetry.tell("connection.fail", { ...peerOf(transport), reason, code: codeOf(error) });
  }

  handshakeEnded(ms: number, transport: Transport, error: unknown): void {
    if (error === undefined) this.counters.handshakeMs.add(ms);
    else this.counters.handshakesFailed++;
    if (!this.telemetry.wanted) return;
    const protocol = error === undefined ? transport.security?.getProtocol() : undefined;
    const code = error === undefined ? undefined : codeOf(error);
    this.telemetry.tell("handshake.end", { ...peerOf(transport), ms, protocol, code });
  }

  opened(socket: TCPSocket): void {
    this.counters.accepted++;
    if (!this.telemetry.wanted) return;
    const { id, encrypted, remoteAddress, remotePort } = socket;
    this.telemetry.tell("connection.open", { remoteAddress, remotePort, id, encrypted });
  }

  closed(socket: TCPSocket, receipt: CloseReceipt): void {
    const openMs = now() - connectionOf(socket).openedAt;
    this.counters.count(receipt);
    this.counters.openMs.add(openMs);
    if (!this.telemetry.wanted) return;
    const { id, remoteAddress, remotePort } = socket;
    this.telemetry.tell("connection.close", { remoteAddress, remotePort, id, receipt, openMs });
  }

  queueHigh(face: ConnectionFace, queuedBytes: number): void {
    if (this.telemetry.wanted) this.telemetry.tell("queue.high", { id: idOf(face), queuedBytes });
  }

  queueLow(face: ConnectionFace): void {
    if (this.telemetry.wanted) this.telemetry.tell("queue.low", { id: idOf(face) });
  }

  frameFailed(face: ConnectionFace, error: Error): void {
    if (!this.telemetry.wanted) return;
    const recoverable = error instanceof MessageError;
    this.telemetry.tell("frame.error", { id: idOf(face), code: codeOf(error), recoverable });
  }

  /** `close` or `destroy` was called. */
  drainBegun(open: number): void {
    if (this.telemetry.wanted) this.telemetry.tell("drain.start", { open });
  }

  /** The last connection is over. */
  drained(report: DrainReport): void {
    if (this.telemetry.wanted) this.telemetry.tell("drain.end", { report });
  }
}

/** A server's sockets are the faces of their connections. */
function idOf(face: ConnectionFace): number {
  return (face as TCPSocket).id;
}

/** Who has connected. */
export function peerOf(transport: Transport): TelemetryPeer {
  const { address, port } = endpointOf(transport.remoteAddr);
  return { remoteAddress: address, remotePort: port };
}
