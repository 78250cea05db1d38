/** `upgradeTls`: a socket goes on with TLS, after a STARTTLS of some protocol. */

import { checkKeys, invalid } from "../base/check.ts";
import { now } from "../base/clock.ts";
import { startDeadline } from "../base/deadline_timer.ts";
import { asError, TcpError } from "../base/errors.ts";
import { DialWatch } from "../telemetry/dials.ts";
import { codeOf } from "../transport/error_codes.ts";
import { ResumedTransport } from "../transport/resumed.ts";
import { upgradeClientTls, upgradeServerTls } from "../tls/tls_choice.ts";
import { checkCertificate, type ClientTlsOptions, type TlsOptions } from "../tls/tls_options.ts";
import { closeQuietly, type Transport } from "../transport/transport.ts";
import type { Connection } from "./connection.ts";
import { shape, unshaped } from "./shaping.ts";
import { handshakeTimeout } from "./endings.ts";

/**
 * What `upgradeTls` takes: on a server's socket its certificate and rules, on a client's socket the rules for the
 * server's certificate.
 */
export type UpgradeOptions = TlsOptions | ClientTlsOptions;

/** Bytes that were read before `upgradeTls`. */
export interface UpgradeState {
  /**
   * The bytes that your own parser has taken from the socket and not used yet. There must be none: bytes that came in
   * the clear after the command that begins TLS are not protected by TLS, and anybody may have sent them.
   */
  leftover?: Uint8Array;
  /**
   * For protocols in which TLS begins at once, without an answer to wait for: the bytes after the command that you have
   * already read, even if there are none. They are the beginning of the peer's handshake; received bytes that were not
   * read yet follow them. Do not change the bytes until the upgrade is done.
   */
  head?: Uint8Array;
}

type Secure = (transport: Transport) => Promise<Transport>;

/**
 * Starts the upgrade. Resolves when the connection is secured; whatever fails rejects. A socket that could still say
 * something in the clear is then destroyed with the error; nobody has to await it.
 */
export function startUpgrade(
  connection: Connection,
  given: UpgradeOptions,
  host: string,
  state: UpgradeState,
): Promise<void> {
  const upgrading = upgrade(connection, given, host, state);
  upgrading.catch(() => {/* it is the socket's end, and told as such */});
  return upgrading;
}

async function upgrade(
  connection: Connection,
  given: UpgradeOptions,
  host: string,
  state: UpgradeState,
): Promise<void> {
  if (connection.upgrading) {
    throw new TcpError("Cannot upgrade to TLS: an upgrade is under way", { code: "EALREADY" });
  }
  let secure: Secure;
  let below: Transport;
  try {
    secure = readOptions(connection, given, host);
    below = takeOver(connection, state);
  } catch (error) {
    refuse(connection, asError(error));
    throw error;
  }
  await goOn(connection, below, secure, host);
}

/** Whoever believes that the socket is secured must not say anything in the clear. */
function refuse(connection: Connection, error: Error): void {
  if (connection.receipt !== undefined || connection.writeEnded) return;
  const injected = "code" in error && error.code === "ERR_TLS_INJECTION";
  connection.destroy(error, injected ? "protocol" : "error", "listeners");
  // As what the handler throws: a server must not depend on somebody who awaits the upgrade.
  if (connection.host !== undefined) connection.handlerThrew(error);
}

function readOptions(connection: Connection, given: UpgradeOptions, host: string): Secure {
  if (connection.host === undefined) {
    const tls = upgradeClientTls(given);
    return (transport) => tls.secure(transport, host);
  }
  checkCertificate("options", given);
  const tls = upgradeServerTls(given as TlsOptions); // the check says so
  return (transport) => tls.secure(transport);
}

/** Stops the read loop, and gives what the handshake reads. */
function takeOver(connection: Connection, state: UpgradeState): Transport {
  checkKeys("state", state, ["leftover", "head"]);
  const { leftover, head } = state;
  for (const [name, bytes] of Object.entries({ leftover, head })) {
    if (bytes !== undefined && !(bytes instanceof Uint8Array)) throw invalid(name, "a Uint8Array", bytes);
  }
  const { transport, reader } = connection;
  if (connection.state !== "open" || transport === undefined) {
    throw new TcpError("Cannot upgrade to TLS: the socket is not open", { code: "ERR_SOCKET_CLOSED" });
  }
  const kept = connection.holders?.some((holder) => holder.bufferedBytes > 0) ?? false;
  // Only whoever has read the socket up to its head can know that TLS begins there.
  const unread = head === undefined || connection.consumer === undefined ? reader.holdsBytes : reader.lent;
  if (kept || unread || (leftover !== undefined && leftover.length > 0)) {
    throw new TcpError(
      "Cannot upgrade to TLS: the peer has sent bytes in the clear behind the command that begins it",
      { code: "ERR_TLS_INJECTION" },
    );
  }
  connection.upgrading = true;
  const { held } = reader;
  const pending = reader.park();
  let below = unshaped(transport);
  for (const part of [pending, held, head]) { // the last is read first
    if (part !== undefined) below = new ResumedTransport(below, part);
  }
  return below;
}

async function goOn(connection: Connection, below: Transport, secure: Secure, host: string): Promise<void> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const { connectFailed } = connection; // whoever waits for the rest of the connection's life
  connection.connectFailed = (error) => {
    reject(error ?? new TcpError("The socket was closed before it was secured", { code: "ERR_STREAM_DESTROYED" }));
  };
  const { handshakeMs } = connection.settings;
  const witness = connection.host?.witness;
  const { port } = connection.remote();
  let watch: DialWatch | undefined;
  let startedAt: number | undefined; // until the handshake is over
  const timer = handshakeMs === Infinity ? undefined : startDeadline(() => {
    connection.destroy(handshakeTimeout(handshakeMs), "deadline:handshake");
  }, handshakeMs);
  try {
    // The reply to the command goes out in the clear; what is written from now on waits.
    await Promise.race([ended, new Promise<void>((resolve) => connection.queue.park(resolve))]);
    startedAt = now();
    if (connection.host === undefined) watch = DialWatch.begin("handshake.end", { address: host, port });
    const secured = await Promise.race([ended, secure(below)]);
    witness?.handshakeEnded(now() - startedAt, secured, undefined);
    watch?.end(undefined, secured.security?.getProtocol());
    startedAt = undefined;
    if (connection.receipt !== undefined) { // too late
      closeQuietly(secured);
      return await ended;
    }
    connection.connectFailed = connectFailed;
    resume(connection, secured);
  } catch (error) {
    if (startedAt !== undefined) witness?.handshakeEnded(now() - startedAt, below, error);
    watch?.end(codeOf(error));
    // Destroyed by now, or by this; its end is what rejects.
    connection.destroy(error instanceof Error ? error : undefined, "tls");
    await ended;
  } finally {
    timer?.clear();
  }
}

/** The bytes go on over the secured transport. */
function resume(connection: Connection, secured: Transport): void {
  connection.upgrading = false;
  connection.transport = shape(secured, connection.settings, connection);
  connection.queue.open(connection.transport);
  connection.came();
  connection.emit("secureConnect");
  if (connection.state === "closed") return;
  connection.reads(); // what was held back went under TLS
  connection.startReading();
  if (connection.queue.idle) connection.flushed(); // an end() may have waited
}
