// Who a client is: with requestCert, strict and lenient.

import { assertEquals, assertThrows } from "@std/assert";
import { createServer, TcpError, type TcpServer, type TCPSocket } from "../../mod.ts";
import { makeAuthority, makeSelfSigned, type Pair } from "../support/certificates.ts";
import { authority, client, connectTo, listen, nextTlsClientError, server, strict } from "./support.ts";

const other = await (await makeAuthority("Other CA")).issue("stranger", { use: "client" });
const below = await authority.delegate("Below CA");

/** Who comes, what a lenient server says of him, and what a strict one. */
const CLIENTS: readonly { name: string; pair: Pair | undefined; lenient: string; strict: string }[] = [
  {
    name: "no certificate",
    pair: undefined,
    lenient: "UNABLE_TO_GET_ISSUER_CERT",
    strict: "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE",
  },
  {
    name: "one of another authority",
    pair: other,
    lenient: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    strict: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  },
  {
    name: "one signed by itself",
    pair: await makeSelfSigned("self"),
    lenient: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    strict: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  },
  {
    name: "an expired one",
    pair: await authority.issue("late", { expired: true }),
    lenient: "CERT_HAS_EXPIRED",
    strict: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  },
  {
    name: "one that is not valid yet",
    pair: await authority.issue("early", { early: true }),
    lenient: "CERT_NOT_YET_VALID",
    strict: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  },
  {
    name: "a server's one",
    pair: await authority.issue("server", { use: "server" }),
    lenient: "INVALID_PURPOSE",
    strict: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  },
  {
    name: "the authority's own one",
    pair: authority,
    lenient: "INVALID_PURPOSE",
    strict: "INVALID_PURPOSE",
  },
  {
    name: "an authority below it",
    pair: below,
    lenient: "DEPTH_ZERO_SELF_SIGNED_CERT",
    strict: "DEPTH_ZERO_SELF_SIGNED_CERT",
  },
];

const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;

function present(app: TcpServer, pair: Pair | undefined, version: typeof VERSIONS[number]) {
  const certificate = pair === undefined ? {} : { cert: pair.cert, key: pair.key };
  return connectTo(app, { tls: { engine: "node", minVersion: version, maxVersion: version, ...certificate } });
}

/** What the client makes of it: depending on the version it hears of the refusal in the handshake, or behind it. */
async function fate(connecting: Promise<TCPSocket>): Promise<string> {
  let heard = 0;
  try {
    const socket = await connecting;
    socket.on("error", () => {/* told by the receipt */});
    socket.on("data", (data) => heard += data.length);
    socket.write("let me in");
    const { reason } = await socket.closed;
    const failed = ["error", "reset", "truncated", "tls"].includes(reason);
    return `${failed ? "failed" : reason}, heard ${heard === 0 ? "nothing" : heard}`;
  } catch (error) {
    return error instanceof TcpError ? "failed, heard nothing" : String(error);
  }
}

for (const version of VERSIONS) {
  for (const { name, pair, lenient, strict: refused } of CLIENTS) {
    Deno.test(`a strict server (${version}) lets no byte of a client with ${name} through`, async () => {
      await using app = listen({ tls: strict });
      let announced = 0;
      app.onConnection((socket) => {
        announced++;
        socket.end("welcome");
      });
      const failed = nextTlsClientError(app);
      assertEquals(await fate(present(app, pair, version)), "failed, heard nothing");
      assertEquals([await failed, announced], [refused, 0]);
      const { open, preparing, accepted, closed } = app.metrics();
      assertEquals([open, preparing, accepted, closed.tls], [0, 0, 1, 1]);
    });

    Deno.test(`a lenient server (${version}) says what is wrong with a client with ${name}`, async () => {
      await using app = listen({ tls: { ...strict, rejectUnauthorized: false } });
      const judged = new Promise<unknown[]>((resolve) => {
        app.onConnection((socket) => resolve([socket.authorized, socket.authorizationError]));
      });
      const socket = await present(app, pair, version);
      assertEquals(await judged, [false, lenient]);
      socket.destroy();
    });
  }

  Deno.test(`a strict server (${version}) knows a client with a good certificate`, async () => {
    await using app = listen({ tls: strict });
    const judged = new Promise<unknown[]>((resolve) => {
      app.onConnection((socket) => {
        const { authorized, authorizationError } = socket;
        resolve([authorized, authorizationError, socket.getPeerCertificate()?.fingerprint256]);
      });
    });
    const socket = await present(app, client, version);
    assertEquals(await judged, [true, undefined, client.fingerprint256]);
    socket.destroy();
  });
}

Deno.test("a certificate whose authority is below the trusted one counts if the client shows both", async () => {
  const leaf = await below.issue("deep", { use: "client" });
  await using app = listen({ tls: strict });
  const judged = new Promise<boolean>((resolve) => app.onConnection((socket) => resolve(socket.authorized)));
  const socket = await connectTo(app, { tls: { cert: [leaf.cert, below.cert], key: leaf.key } });
  assertEquals(await judged, true);
  socket.destroy();
});

Deno.test("requestCert without ca trusts nobody", async () => {
  await using app = listen({ tls: { cert: server.cert, key: server.key, requestCert: true } });
  const failed = nextTlsClientError(app);
  app.onConnection(() => {});
  const socket = await connectTo(app, { tls: { cert: client.cert, key: client.key } });
  socket.on("error", () => {});
  socket.resume();
  await socket.closed;
  assertEquals(await failed, "UNABLE_TO_GET_ISSUER_CERT");
});

Deno.test("a certificate that is no authority's is refused in ca at listen()", () => {
  const app = createServer("tcp", { tls: { ...strict, ca: server.cert } });
  assertThrows(() => app.listen(0, "127.0.0.1"), TypeError, 'Option "tls.ca" must hold certificates of authorities');
});

Deno.test("rejectUnauthorized without requestCert is refused, because nobody is asked", () => {
  assertThrows(
    () => createServer("tcp", { tls: { cert: server.cert, key: server.key, rejectUnauthorized: true } }),
    TypeError,
    'Option "tls.rejectUnauthorized" needs "tls.requestCert"',
  );
});
