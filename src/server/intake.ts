/** Where a server's connections come from: its listener, and the PROXY headers and TLS handshakes behind it. */

import { reasonOfFailure } from "../socket/endings.ts";
import { codeOf } from "../transport/error_codes.ts";
import { listen } from "../transport/listen.ts";
import type { Listener } from "../transport/listener.ts";
import { readProxyHeader } from "../transport/proxied.ts";
import { openServerTls, type ServerTls } from "../tls/tls_choice.ts";
import type { TlsOptions } from "../tls/tls_options.ts";
import { Acceptor } from "./accept_loop.ts";
import type { ResolvedServerOptions } from "./options.ts";
import type { ProxyRule } from "./proxy_rule.ts";
import { type ConnectionSource, Preparation, type PreparationPort, type PreparationStep } from "./preparation.ts";
import type { Witness } from "./witness.ts";

/** Whom it tells. */
export interface IntakePort extends PreparationPort {
  readonly witness: Witness;
}

/** See the module's comment. */
export class Intake {
  readonly #options: ResolvedServerOptions;
  #tls: ServerTls | undefined;

  /** Reads the key material: throws a TypeError for a bad one. */
  constructor(options: ResolvedServerOptions) {
    this.#options = options;
    const { path, tls, socket: { noDelay, handshakeMs } } = options;
    if (tls === undefined) return;
    const proxyProtocol = options.proxyProtocol !== undefined;
    const [unix, deadline] = [path !== undefined, handshakeMs < Infinity];
    this.#tls = openServerTls(tls, { noDelay, unix, deadline, proxyProtocol });
  }

  /** Whether the connections speak TLS. */
  get encrypted(): boolean {
    return this.#tls !== undefined;
  }

  /** Binds; failures of the system are thrown as a `TcpError`. The process does not stay for a `background` listener. */
  listen(background: boolean): Listener {
    const { path, hostname, port, backlog, reusePort, network } = this.#options;
    const target = path === undefined ? { hostname, port, backlog, reusePort } : { path };
    const listener = (network?.listen ?? this.#tls?.listen ?? listen)(target);
    if (background) listener.unref?.();
    return listener;
  }

  /** The connections of that listener, as they are or after what comes first. */
  open(listener: Listener, port: IntakePort): ConnectionSource {
    const { witness } = port;
    witness.listensAt(listener.addr);
    const { proxyProtocol } = this.#options;
    const steps = [
      ...(proxyProtocol === undefined ? [] : [this.#proxyHeader(proxyProtocol)]),
      ...(this.encrypted ? [this.#handshake(witness)] : []),
    ];
    return steps.length === 0 ? new Acceptor(listener, port) : new Preparation(listener, steps, port);
  }

  #proxyHeader(rule: ProxyRule): PreparationStep {
    return {
      prepare: readProxyHeader,
      wants: (transport) => rule.trusts(transport.remoteAddr),
      deadline: { option: "deadlines.proxyMs", reason: "deadline:proxy", ms: this.#options.proxyMs },
      reasonOf: (error) => reasonOfFailure(codeOf(error)) === "reset" ? "reset" : "protocol",
      event: "proxyError",
    };
  }

  #handshake(witness: Witness): PreparationStep {
    const { handshakeMs } = this.#options.socket;
    return {
      prepare: (transport) => this.#tls!.secure(transport), // a reload changes it, nothing takes it away
      deadline: { option: "deadlines.handshakeMs", reason: "deadline:handshake", ms: handshakeMs },
      reasonOf: () => "tls",
      event: "tlsClientError",
      ended: (ms, transport, error) => witness.handshakeEnded(ms, transport, error),
    };
  }

  /** Other keys, certificates and rules for the handshakes to come. Throws for bad ones, and goes on with the old. */
  reloadTls(options: TlsOptions): void {
    this.#tls = this.#tls?.reload(options);
  }
}
