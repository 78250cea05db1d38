/** Whom a connection talks to: the face above it, whoever reads it, the server it belongs to. */

import type { Buffer } from "node:buffer";
import type { CloseReceipt } from "../telemetry/close_receipt.ts";
import type { Counters } from "../telemetry/metrics.ts";
import type { Transport } from "../transport/transport.ts";
import type { Taken } from "./read_loop.ts";

/** The face that users hold, as the connection sees it. */
export interface ConnectionFace {
  /** Calls the listeners; what they throw comes through. */
  emit(event: string, ...args: unknown[]): boolean;
  listenerCount(event: string): number;
  listeners(event: string): unknown[];
  off(event: string, listener: () => void): unknown;
}

/** Whoever reads: the event face, iteration, the readable stream or a pipe. */
export interface ReadConsumer {
  /** Its name for messages. */
  readonly kind: string;
  /** Whether nobody listens to it, now at least. */
  readonly unheard: boolean;
  take(chunk: Buffer): Taken;
  /** The peer's FIN; everything before it was taken. */
  end(): void;
  /** The connection is over. Gives true if somebody was told the error through this face. */
  closed(error: Error | undefined): boolean;
  /**
   * That listener for `data` keeps no chunk without telling the reader: chunks are lent to it as long as nobody else
   * listens.
   */
  lendToListener?(listener: (bytes: Uint8Array) => void): void;
}

/** Whoever keeps bytes of the socket that are no whole message yet. */
export interface ByteHolder {
  readonly bufferedBytes: number;
}

/** Whoever counts what happens on a socket, and tells observers. */
export interface SocketWitness {
  readonly counters: Pick<Counters, "messagesReceived" | "messagesSent">;
  /** A handshake that began on the open connection is over; without an error, the transport is secured now. */
  handshakeEnded(ms: number, transport: Transport, error: unknown): void;
  /** The write queue has reached its high-water mark. */
  queueHigh(face: ConnectionFace, queuedBytes: number): void;
  /** It is empty again. */
  queueLow(face: ConnectionFace): void;
  /** A frame was bad. */
  frameFailed(face: ConnectionFace, error: Error): void;
}

/** The server that a socket belongs to. */
export interface SocketHost {
  /** Whoever counts what happens, and tells observers. */
  readonly witness?: SocketWitness | undefined;
  /** A handler or listener threw or rejected. */
  handlerFailed(error: Error, face: ConnectionFace): void;
  /** The connection failed and nobody on the socket was told. */
  connectionFailed(error: Error, face: ConnectionFace): void;
  /** The connection is over: called once, before `close` is emitted. */
  connectionClosed(face: ConnectionFace, receipt: CloseReceipt): void;
  /** The peer's first byte has come. Only where somebody wants to know. */
  spoke?: ((face: ConnectionFace) => void) | undefined;
}
