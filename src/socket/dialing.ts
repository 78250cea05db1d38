/** A socket that is being connected: the dial, its deadline, its signal, and whoever gives up first. */

import { type DeadlineTimer, startDeadline } from "../base/deadline_timer.ts";
import { asError, TcpError } from "../base/errors.ts";
import { codeOf, systemError } from "../transport/error_codes.ts";
import { sendFirst } from "../transport/send_first.ts";
import type { ClientTls } from "../tls/tls_choice.ts";
import { closeQuietly, type Transport } from "../transport/transport.ts";
import type { CloseReason } from "../telemetry/close_receipt.ts";
import { DialWatch } from "../telemetry/dials.ts";
import type { ConnectRequest } from "./connect_target.ts";
import type { Connection } from "./connection.ts";
import { destroyedError, handshakeTimeout } from "./endings.ts";

/** Throws if the socket may not connect now: it does so once it has no connection, or none any more. */
export function checkCanConnect({ host, receipt, state, stopDialing }: Connection): void {
  if (host !== undefined) {
    throw new TcpError("Cannot connect: a server's socket is its peer's connection; make a TCPSocket of your own", {
      code: "EOPNOTSUPP",
      syscall: "connect",
    });
  }
  if (receipt !== undefined || (stopDialing === undefined && (state === "idle" || state === "connectingEnding"))) {
    return;
  }
  throw new TcpError(`Cannot connect: the socket is ${stopDialing === undefined ? "open" : "connecting"}`, {
    code: "EISCONN",
    syscall: "connect",
  });
}

/**
 * Connects; success and failure come as the socket's events. `onConnect` is a listener of this attempt: it goes if there
 * is no connection.
 */
export function startDialing(connection: Connection, request: ConnectRequest, onConnect?: () => void): void {
  const { target, signal, tls, dial, proxyHeader } = request;
  const timeoutMs = request.timeoutMs ?? connection.settings.connectMs;
  const option = request.timeoutMs === undefined ? "deadlines.connectMs" : "timeoutMs";
  const attempt = new AbortController();
  let timer: DeadlineTimer | undefined;
  let handshakeTimer: DeadlineTimer | undefined;
  const whom = "path" in target
    ? { address: target.path, port: undefined }
    : { address: target.host, port: target.port };
  let watch = DialWatch.begin("dial.end", whom);

  const fail = (error: Error, reason: CloseReason) => connection.destroy(error, reason);
  const onAbort = () => fail(signal!.reason, "destroyed"); // registered only if there is a signal
  const settle = () => {
    timer?.clear();
    handshakeTimer?.clear();
    signal?.removeEventListener("abort", onAbort);
    connection.stopDialing = undefined;
  };
  connection.stopDialing = () => {
    settle();
    attempt.abort();
    watch?.end(codeOf(connection.receipt?.error ?? destroyedError("connect")));
    if (onConnect !== undefined && connection.transport === undefined) connection.face.off("connect", onConnect);
  };
  connection.dial();
  if (signal?.aborted) return void queueMicrotask(onAbort);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (timeoutMs > 0) {
    timer = startDeadline(() => {
      const where = "path" in target ? target.path : `${target.host}:${target.port}`;
      fail(
        new TcpError(`Cannot connect to ${where}: no answer within ${timeoutMs} ms (${option})`, {
          code: "ETIMEDOUT",
          syscall: "connect",
          ...("path" in target ? { address: target.path } : { address: target.host, port: target.port }),
        }),
        "deadline:connect",
      );
    }, timeoutMs);
  }
  const dialled = dial(target, attempt.signal, connection);
  const ready = proxyHeader === undefined
    ? dialled
    : dialled.then((transport) => sendFirst(transport, proxyHeader, attempt.signal));
  ready.then((transport) => {
    if (connection.receipt !== undefined) return transport.close(); // too late
    watch?.end(undefined);
    if (tls !== undefined) return void secure(transport, tls);
    settle();
    connection.open(transport);
    connection.emit("connect");
    connection.emit("ready");
    connection.startReading();
  }, (error) => fail(systemError(error, { syscall: "connect" }), "refused"));

  // Never rejects: what fails ends the connection.
  async function secure(transport: Transport, engine: ClientTls): Promise<void> {
    connection.attach(transport);
    connection.emit("connect");
    connection.emit("ready");
    if (connection.receipt !== undefined) return;
    watch = DialWatch.begin("handshake.end", whom);
    const { handshakeMs } = connection.settings;
    if (handshakeMs < Infinity) {
      handshakeTimer = startDeadline(
        () => fail(handshakeTimeout(handshakeMs), "deadline:handshake"),
        handshakeMs,
      );
    }
    try {
      const secured = await engine.secure(transport, "path" in target ? "localhost" : target.host, attempt.signal);
      if (connection.receipt !== undefined) return closeQuietly(secured); // too late
      watch?.end(undefined, secured.security?.getProtocol());
      settle();
      connection.open(secured);
      connection.emit("secureConnect");
      connection.startReading();
    } catch (error) {
      fail(asError(error), "tls");
    }
  }
}
