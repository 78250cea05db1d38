/** `upgradeTls`: a socket that speaks plain TCP goes on with TLS, after a STARTTLS of some protocol. */

import { startTimer, stopTimer } from "../base/clock.ts";
import { invalid } from "../base/check.ts";
import { TcpError } from "../base/errors.ts";
import { ResumedTransport } from "../transport/resumed.ts";
import { upgradeClientTls, upgradeServerTls } from "../tls/tls_choice.ts";
import { checkCertificate, type ClientTlsOptions, type TlsOptions } from "../tls/tls_options.ts";
import type { Transport } from "../transport/transport.ts";
import type { Connection } from "./connection.ts";
import { handshakeTimeout } from "./endings.ts";

/** What `upgradeTls` takes: on a server's socket its certificate and rules, on a client's what to expect of the server. */
export type UpgradeOptions = TlsOptions | ClientTlsOptions;

/** What `upgradeTls` is told besides. */
export interface UpgradeState {
  /**
   * The bytes that your own parser has taken from the socket and not used yet. There must be none: whatever the peer has
   * sent in the clear behind the command that begins TLS was not said under TLS, by whomever it was.
   */
  leftover?: Uint8Array;
}

/**
 * Starts the upgrade; throws for wrong options, a socket that cannot be upgraded, and bytes that came before it. Resolves
 * when the connection is secured. When it fails the socket is destroyed with the error; nobody has to await it.
 */
export function startUpgrade(
  connection: Connection,
  given: UpgradeOptions,
  host: string,
  { leftover }: UpgradeState,
): Promise<void> {
  if (leftover !== undefined && !(leftover instanceof Uint8Array)) throw invalid("leftover", "a Uint8Array", leftover);
  const secure = readOptions(connection, given, host);
  const { transport } = connection;
  if (connection.state !== "open" || transport === undefined || connection.connectFailed !== undefined) {
    throw new TcpError("Cannot upgrade to TLS: the socket is not open", { code: "ERR_SOCKET_CLOSED" });
  }
  if (transport.security !== undefined) {
    throw new TcpError("Cannot upgrade to TLS: the socket is encrypted already", { code: "ERR_TLS_ENCRYPTED" });
  }
  refuseInjected(connection, leftover);
  const upgrading = upgrade(connection, transport, secure);
  upgrading.catch(() => {/* it is the socket's end, and told as such */});
  return upgrading;
}

type Secure = (transport: Transport) => Promise<Transport>;

function readOptions(connection: Connection, given: UpgradeOptions, host: string): Secure {
  if (connection.host === undefined) {
    const tls = upgradeClientTls(given);
    return (transport) => tls.secure(transport, host);
  }
  checkCertificate("options", given);
  const tls = upgradeServerTls(given as TlsOptions); // the check says so
  return (transport) => tls.secure(transport);
}

function refuseInjected(connection: Connection, leftover: Uint8Array | undefined): void {
  const held = connection.holders?.some((holder) => holder.bufferedBytes > 0) ?? false;
  if (!held && !connection.reader.holdsBytes && (leftover === undefined || leftover.length === 0)) return;
  const error = new TcpError(
    "Cannot upgrade to TLS: the peer has sent bytes in the clear behind the command that begins it",
    { code: "ERR_TLS_INJECTION" },
  );
  connection.destroy(error, "protocol", "listeners");
  throw error;
}

async function upgrade(connection: Connection, plain: Transport, secure: Secure): Promise<void> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  connection.connectFailed = (error) => {
    reject(error ?? new TcpError("The socket was closed before it was secured", { code: "ERR_STREAM_DESTROYED" }));
  };
  const { handshakeMs } = connection.settings;
  const timer = handshakeMs === Infinity ? undefined : startTimer(() => {
    connection.destroy(handshakeTimeout(handshakeMs), "deadline:handshake");
  }, handshakeMs);
  const pending = connection.reader.park();
  const below = pending === undefined ? plain : new ResumedTransport(plain, pending);
  try {
    // The reply to the command goes out in the clear; what is written from now on waits.
    await Promise.race([ended, new Promise<void>((resolve) => connection.queue.park(resolve))]);
    const secured = await Promise.race([ended, secure(below)]);
    if (connection.receipt === undefined) connection.connectFailed = undefined;
    connection.secured(secured);
    if (connection.receipt !== undefined) await ended; // it was destroyed on the way
  } catch (error) {
    // Destroyed by now, or by this; its end is what rejects.
    connection.destroy(error instanceof Error ? error : undefined, "tls");
    await ended;
  } finally {
    stopTimer(timer);
  }
}
