/** The documentation's TLS server, its files read by `Deno.readTextFile`. */

import { assertEquals } from "@std/assert";
import { type ClientTlsOptions, createServer, type TcpServer, type TCPSocket } from "@verb/tcp";
import { connect } from "@verb/tcp/tcp";
import { makeAuthority } from "../support/certificates.ts";

const authority = await makeAuthority("Documented CA");
const own = await authority.issue("localhost");
const client = await authority.issue("client", { use: "client" });
const stranger = await (await makeAuthority("Other CA")).issue("stranger", { use: "client" });

interface Running extends AsyncDisposable {
  readonly app: TcpServer;
  /** What it has printed. */
  readonly printed: unknown[][];
  /** The next socket that it handles. */
  handled(): Promise<TCPSocket>;
}

/** Runs it, with the certificates in files. */
async function run(): Promise<Running> {
  const directory = await Deno.makeTempDir();
  const file = (name: string) => `${directory}/${name}`;
  await Deno.writeTextFile(file("cert.pem"), own.cert);
  await Deno.writeTextFile(file("key.pem"), own.key);
  await Deno.writeTextFile(file("ca.pem"), authority.cert);

  const app = createServer("tcp");
  app.withOptions({
    port: 0,
    hostname: "127.0.0.1",
    tls: {
      cert: await Deno.readTextFile(file("cert.pem")),
      key: await Deno.readTextFile(file("key.pem")),
      ca: await Deno.readTextFile(file("ca.pem")),
      requestCert: true,
      rejectUnauthorized: false,
    },
  });
  const printed: unknown[][] = [];
  let next = Promise.withResolvers<TCPSocket>();
  app.onConnection((socket) => {
    if (socket.encrypted) {
      printed.push(["Secure connection established"]);
      printed.push(["Cipher:", socket.getCipher()]);
      printed.push(["Protocol:", socket.getProtocol()]);
    }
    socket.on("data", (data) => socket.write(data));
    next.resolve(socket);
    next = Promise.withResolvers();
  });
  app.listen();
  return {
    app,
    printed,
    handled: () => next.promise,
    async [Symbol.asyncDispose]() {
      await app.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** Connects to it with that version, and reads back what was written. */
async function talk({ app }: Running, tls: ClientTlsOptions): Promise<void> {
  const { port } = app.address()!; // listen() has bound at once
  const socket = await connect({ port, host: "127.0.0.1", tls: { ca: authority.cert, ...tls } });
  socket.write("hello");
  for await (const data of socket) {
    assertEquals(String(data), "hello");
    break;
  }
}

for (
  const [version, cipher] of [
    ["TLSv1.3", { name: "TLS_AES_256_GCM_SHA384", standardName: "TLS_AES_256_GCM_SHA384", version: "TLSv1.3" }],
    [
      "TLSv1.2",
      {
        name: "ECDHE-ECDSA-AES256-GCM-SHA384",
        standardName: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        version: "TLSv1.2",
      },
    ],
  ] as const
) {
  Deno.test(`the documented TLS server prints the cipher and the protocol of a connection (${version})`, async () => {
    await using server = await run();
    await talk(server, { minVersion: version, maxVersion: version });
    assertEquals(server.printed, [["Secure connection established"], ["Cipher:", cipher], ["Protocol:", version]]);
  });
}

for (
  const [who, certificate, authorized, error] of [
    ["a good certificate", client, true, undefined],
    ["one of another authority", stranger, false, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["none", undefined, false, "UNABLE_TO_GET_ISSUER_CERT"],
  ] as const
) {
  Deno.test(`the documented TLS server handles a client with ${who}, and can tell what it has`, async () => {
    await using server = await run();
    const handled = server.handled();
    await talk(server, certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key });
    const socket = await handled;
    assertEquals([socket.authorized, socket.authorizationError], [authorized, error]);
  });
}
