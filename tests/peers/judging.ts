/** Servers that note what they think of their clients, and say "WELCOME" to those who get in. */

import type { TCPSocket, TlsOptions } from "../../mod.ts";
import { listen } from "../tls/support.ts";

/** What a server says of a client. */
export type Verdict = readonly [authorized: boolean, error: string | undefined];

/** A server with its notes. */
export interface JudgingServer extends AsyncDisposable {
  readonly port: number;
  /** Of those who got in. */
  readonly verdicts: readonly Verdict[];
  /** Why the others did not. */
  readonly refusals: readonly (string | undefined)[];
  /** The fingerprints of the certificates that it was shown. */
  readonly shown: readonly (string | undefined)[];
  /** What the application was given to read. */
  readonly heard: readonly string[];
  readonly reload: (tls: Partial<TlsOptions>) => void;
}

class Notes {
  readonly verdicts: Verdict[] = [];
  readonly refusals: (string | undefined)[] = [];
  readonly shown: (string | undefined)[] = [];
  readonly heard: string[] = [];

  welcome(socket: TCPSocket): void {
    this.verdicts.push([socket.authorized, socket.authorizationError]);
    this.shown.push(socket.getPeerCertificate()?.fingerprint256);
    socket.on("data", (data) => this.heard.push(String(data)));
    socket.on("error", () => {/* clients go as they like */});
    socket.write("WELCOME\n");
  }
}

/** One that speaks TLS from the first byte. */
export function judging(tls: TlsOptions): JudgingServer {
  const notes = new Notes();
  const app = listen({ tls }).onConnection((socket) => notes.welcome(socket));
  app.on("tlsClientError", (error) => notes.refusals.push(error.code));
  return {
    port: app.address()!.port, // it listens
    verdicts: notes.verdicts,
    refusals: notes.refusals,
    shown: notes.shown,
    heard: notes.heard,
    reload: (changed) => void app.reloadTls(changed),
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

/** One that speaks SMTP until STARTTLS. */
export function judgingUpgrades(tls: TlsOptions): JudgingServer {
  const notes = new Notes();
  const app = listen({}).onConnection((socket) => {
    socket.write("220 ready\r\n");
    socket.on("data", function hear(data) {
      const command = String(data);
      if (command.startsWith("EHLO")) socket.write("250-localhost\r\n250 STARTTLS\r\n");
      if (!command.startsWith("STARTTLS")) return;
      socket.off("data", hear);
      socket.write("220 go ahead\r\n");
      void socket.upgradeTls(tls);
      socket.once("secureConnect", () => notes.welcome(socket));
    });
    socket.on("error", (error) => notes.refusals.push(error.code));
  });
  return {
    port: app.address()!.port, // it listens
    verdicts: notes.verdicts,
    refusals: notes.refusals,
    shown: notes.shown,
    heard: notes.heard,
    reload: () => {
      throw new Error("upgradeTls() takes its options each time");
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
