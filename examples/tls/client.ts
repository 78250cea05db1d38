/** A client that shows its certificate, and makes sure that the server is the right one. */

import { connect, type TCPSocket } from "@verb/tcp";
import { once } from "node:events";
import type { Certificate } from "./certificates.ts";

/** A server that has let us in. */
export interface Visit {
  readonly socket: TCPSocket;
  /** What it has said. */
  readonly greeting: string;
  /** The serial number of its certificate. */
  readonly serialNumber: string | undefined;
}

/** Connects and waits for the greeting. Rejects if either side does not like the other. */
export async function visit(port: number, ca: string, certificate?: Certificate): Promise<Visit> {
  const socket = await connect({
    port,
    host: "localhost", // the server's certificate has to have this name
    tls: {
      ca, // without it: the authorities that are built in
      ...(certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key }),
    },
  });
  socket.on("error", () => {}); // `closed` tells it
  const { serialNumber } = socket.getPeerCertificate() ?? {};
  // The client may be ready before the server has judged it. That it is refused it learns then: by an error if it has
  // shown no certificate, by nothing but the end if it has shown a bad one.
  const refused = socket.closed.then(({ error }) => {
    throw error ?? new Error("the server has ended the connection");
  });
  const [greeting] = await Promise.race([once(socket, "data"), refused]);
  return { socket, greeting: String(greeting).trimEnd(), serialNumber };
}
