/** A server that lets in only those who show a certificate of its authority, and calls them by the name in it. */

import { createServer, type TcpServer } from "@verb/tcp";
import type { Certificate } from "./certificates.ts";

/** Makes the server; `say` is told what it sees. */
export function createGuardedServer({ cert, key }: Certificate, ca: string, say: (line: string) => void): TcpServer {
  const app = createServer("tcp", {
    tls: {
      cert, // from files: await Deno.readTextFile("cert.pem"), and so on
      key,
      ca, // whose certificates clients must have; the authority of the server's own one may be another
      requestCert: true, // and refuse those without a good one, unless rejectUnauthorized is false
      minVersion: "TLSv1.3",
    },
  });

  // Whoever comes here has been verified, so the name in the certificate can be believed.
  app.onConnection((socket) => {
    const certificate = socket.getPeerCertificate();
    const name = String(certificate?.subject.CN);
    say(
      `${name} is in, vouched for by ${certificate?.issuer.CN} (${socket.getProtocol()}, ${socket.getCipher()?.name})`,
    );
    socket.write(`Hello, ${name}!\n`);
    socket.on("data", (data) => socket.write(`You said: ${data}`));
  });

  // The others get no further than this. It is no error of the server: everybody can knock.
  app.on("tlsClientError", (error) => say(`refused somebody: ${error.code}`));
  return app;
}
