/** Who comes in and goes: room, refusals and failures before there is a socket, counted and told. */

import type { Guest, Sheddable } from "../limits/guest.ts";
import type { CloseReason, CloseReceipt } from "../telemetry/close_receipt.ts";
import type { AcceptErrorVerdict } from "../telemetry/events.ts";
import type { ServerMetrics } from "../telemetry/metrics.ts";
import type { ConnectionFace, SocketHost } from "../socket/connection_ports.ts";
import type { Connection } from "../socket/connection.ts";
import type { SocketSettings } from "../socket/settings.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import { adoptTransport, type TCPSocket } from "../socket/tcp_socket.ts";
import { systemError } from "../transport/error_codes.ts";
import type { DropReason } from "../telemetry/drop_reason.ts";
import { closeQuietly, type Transport } from "../transport/transport.ts";
import type { ConnectionSet } from "./connections.ts";
import { Gate } from "./gate.ts";
import type { ResolvedServerLimits } from "./limit_options.ts";
import { MemoryGuard } from "./memory_guard.ts";
import type { ConnectionSource, PreparationEvent, PreparationPort, Prepared } from "./preparation.ts";
import type { ProxyRule } from "./proxy_rule.ts";
import type { Reporter } from "./reporting.ts";
import { peerOf, Witness } from "./witness.ts";

/** See the module's comment. */
export class Admission<State> implements PreparationPort, SocketHost {
  readonly #sockets: ConnectionSet<State>;
  readonly witness: Witness;
  readonly #reporter: Reporter;
  #limits: ResolvedServerLimits;
  /** Who may come in, by its address. */
  readonly gate: Gate;
  // Of those that are no sockets yet.
  readonly #guests = new WeakMap<Transport, Guest>();
  readonly #memory: MemoryGuard;
  spoke: ((face: ConnectionFace) => void) | undefined;
  background = false;

  constructor(sockets: ConnectionSet<State>, reporter: Reporter, limits: ResolvedServerLimits) {
    this.#sockets = sockets;
    this.#reporter = reporter;
    this.witness = new Witness((error) => reporter.report(error));
    this.#limits = limits;
    this.gate = new Gate(limits);
    this.#memory = new MemoryGuard(sockets);
  }

  /** Other rules from now on. `source` has those that no socket has been made of yet. */
  setRules(limits: ResolvedServerLimits, proxy: ProxyRule | undefined, source?: ConnectionSource): void {
    this.#limits = limits;
    const anew = this.gate.setRules(limits, proxy);
    this.spoke = limits.shedSilent ? (face) => this.#spoke(face) : undefined;
    if (anew) {
      for (const entry of source?.preparing() ?? []) {
        this.#guests.set(entry.transport, this.gate.readmit(entry.transport, entry, true, true));
      }
      for (const socket of this.#sockets) {
        const connection = connectionOf(socket);
        const { transport, bytesRead } = connection;
        if (transport === undefined) continue;
        connection.guest = this.gate.readmit(transport, connection, bytesRead === 0);
      }
    }
    this.#memory.setLimit(limits.memoryBudgetBytes);
    this.#sockets.boundMoved();
    source?.boundMoved();
  }

  get maxHandshakes(): number {
    return this.#limits.maxHandshakes;
  }

  get sheds(): boolean {
    return this.#limits.shedSilent;
  }

  shedPreparing(): void {
    this.gate.shedPreparing();
  }

  admit(): Promise<void> | undefined {
    const { dropWhenFull, shedSilent } = this.#limits;
    const memory = this.#memory.whenRoom();
    if (memory !== undefined) return memory;
    return dropWhenFull || shedSilent ? undefined : this.#sockets.whenRoom();
  }

  acceptFailed(error: unknown, verdict: AcceptErrorVerdict): boolean {
    this.witness.acceptFailed(error, verdict);
    if (verdict === "unknown") this.#reporter.report(systemError(error, { syscall: "accept" }));
    // One that is alone may have sent something that is not read yet; newcomers can wait for a descriptor.
    return verdict === "pause" && this.#limits.shedSilent && this.gate.shedOldest(2);
  }

  entered(entry: Prepared): boolean {
    if (this.#refuses(entry.transport)) return false;
    this.#enter(entry.transport, entry);
    this.#sockets.reserve();
    return true;
  }

  /** It is to be prepared. */
  #enter(transport: Transport, owner: Sheddable): void {
    const guest = this.gate.enter(transport, owner, true);
    if (guest !== undefined) this.#guests.set(transport, guest);
  }

  /** It is not prepared any more. */
  #release(transport: Transport): Guest | undefined {
    const guest = this.#guests.get(transport);
    if (guest !== undefined) this.#guests.delete(transport);
    return guest;
  }

  #leave(guest: Guest | undefined): void {
    if (guest !== undefined) this.gate.leave(guest);
  }

  #spoke(face: ConnectionFace): void {
    const { guest } = connectionOf(face as TCPSocket<State>);
    if (guest !== undefined) this.gate.spoke(guest);
  }

  prepared(from: Transport, entry: Prepared): boolean {
    const { transport } = entry;
    if (transport === from) return true;
    const guest = this.#release(from);
    if (transport.proxy === from.proxy) {
      if (guest !== undefined) this.#guests.set(transport, guest);
      return true;
    }
    // Its header has named somebody: it counts to that client, if that one may come in.
    this.#leave(guest);
    const reason = this.gate.refuses(transport);
    if (reason !== undefined) this.#drop(transport, reason);
    else this.#enter(transport, entry);
    return reason === undefined;
  }

  left(transport: Transport): void {
    this.#leave(this.#release(transport));
    this.#sockets.unreserve();
  }

  failed(error: Error, reason: CloseReason, transport: Transport, event?: PreparationEvent): void {
    this.witness.failed(error, reason, transport);
    if (event !== undefined) this.#reporter.tell(event, error, peerOf(transport));
  }

  /** Makes a socket of it, unless it is not wanted; one that was prepared is. */
  adopt(transport: Transport, settings: SocketSettings, prepared: boolean): TCPSocket<State> | undefined {
    if (prepared) this.#sockets.unreserve();
    else if (this.#refuses(transport)) return undefined;
    const socket = adoptTransport(transport, settings, this) as TCPSocket<State>; // its state is the user's to set
    this.#sockets.add(socket);
    this.#memory.adopt(socket);
    if (!this.gate.off) this.#takeIn(connectionOf(socket), transport, prepared);
    this.witness.opened(socket);
    return socket;
  }

  #takeIn(connection: Connection, transport: Transport, prepared: boolean): void {
    const guest = prepared ? this.#release(transport) : this.gate.enter(transport, connection);
    connection.guest = guest;
    if (!prepared || (guest !== undefined && this.gate.move(guest, connection, true))) return;
    // The rules have changed while it was nowhere to be found.
    if (this.gate.watches) connection.guest = this.gate.readmit(transport, connection, true);
  }

  handlerFailed(error: Error, face: ConnectionFace): void {
    this.#reporter.report(error, face);
  }

  connectionFailed(error: Error, face: ConnectionFace): void {
    if (this.#reporter.heard) this.#reporter.report(error, face);
  }

  connectionClosed(face: ConnectionFace, receipt: CloseReceipt): void {
    const socket = face as TCPSocket<State>; // its sockets are the faces of their connections
    this.#leave(connectionOf(socket).guest);
    this.#sockets.remove(socket);
    this.witness.closed(socket, receipt);
  }

  /** What was counted so far. */
  metrics(): ServerMetrics {
    const { counters } = this.witness;
    const { accepted, failed, acceptErrors, closed, dropped, messagesReceived, messagesSent } = counters;
    const { handshakesFailed } = counters;
    const [handshakeMs, openMs] = [counters.handshakeMs.snapshot(), counters.openMs.snapshot()];
    let { bytesRead, bytesWritten } = counters;
    let blocked = 0;
    for (const socket of this.#sockets) {
      const { bytesRead: read, queue, needDrain } = connectionOf(socket);
      bytesRead += read;
      bytesWritten += queue.sentBytes;
      if (needDrain) blocked++;
    }
    const { size: open, reserved: preparing } = this.#sockets;
    const { heldBytes, queuedBytes } = this.#memory.metrics;
    return {
      open,
      accepted,
      failed,
      closed,
      dropped,
      bytesRead,
      bytesWritten,
      heldBytes,
      queuedBytes,
      blocked,
      messagesReceived,
      messagesSent,
      handshakes: handshakeMs.count,
      handshakesFailed,
      handshakeMs,
      openMs,
      acceptErrors,
      preparing,
    };
  }

  /** Closes a connection that may not come in, or that there is no room for; then true. */
  #refuses(transport: Transport): boolean {
    const reason = this.gate.refuses(transport) ?? (this.#makesRoom() ? undefined : "full");
    if (reason === undefined) return false;
    closeQuietly(transport);
    this.#drop(transport, reason);
    return true;
  }

  #makesRoom(): boolean {
    if (!this.#sockets.full) return true;
    return this.#limits.shedSilent && this.gate.shedOldest() && !this.#sockets.full;
  }

  #drop(transport: Transport, reason: DropReason): void {
    this.witness.dropped(transport, reason);
    this.#reporter.tell("drop", { ...peerOf(transport), reason });
  }
}
