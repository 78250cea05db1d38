/** Where a server's connections come from: its listener, and with TLS the handshakes behind it. */

import { listen, type Listener } from "../transport/listen.ts";
import { openServerTls, type ServerTls } from "../transport/tls_choice.ts";
import type { TlsOptions } from "../transport/tls_options.ts";
import { Acceptor } from "./accept_loop.ts";
import type { ResolvedServerOptions } from "./options.ts";
import { type ConnectionSource, Preparation, type PreparationPort } from "./preparation.ts";

/** See the module's comment. */
export class Intake {
  readonly #options: ResolvedServerOptions;
  #tls: ServerTls | undefined;

  /** Reads the key material: throws a TypeError for a bad one. */
  constructor(options: ResolvedServerOptions) {
    this.#options = options;
    const { path, tls, socket: { noDelay, handshakeMs } } = options;
    if (tls === undefined) return;
    this.#tls = openServerTls(tls, { noDelay, unix: path !== undefined, deadline: handshakeMs < Infinity });
  }

  /** Whether the connections speak TLS. */
  get encrypted(): boolean {
    return this.#tls !== undefined;
  }

  /** Binds; failures of the system are thrown as a `TcpError`. */
  listen(): Listener {
    const { path, hostname, port, backlog, reusePort } = this.#options;
    return (this.#tls?.listen ?? listen)(path === undefined ? { hostname, port, backlog, reusePort } : { path });
  }

  /** The connections of that listener, as they are or after their handshake. */
  open(listener: Listener, port: PreparationPort): ConnectionSource {
    if (this.#tls === undefined) return new Acceptor(listener, port);
    return new Preparation(listener, {
      prepare: (transport) => this.#tls!.secure(transport), // a reload changes it, nothing takes it away
      deadline: {
        option: "deadlines.handshakeMs",
        reason: "deadline:handshake",
        ms: this.#options.socket.handshakeMs,
      },
      reason: "tls",
      max: () => this.#options.maxHandshakes,
    }, port);
  }

  /** Other keys, certificates and rules for the handshakes to come. Throws for bad ones, and goes on with the old. */
  reloadTls(options: TlsOptions): void {
    this.#tls = this.#tls?.reload(options);
  }
}
