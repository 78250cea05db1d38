/** Where a mistake is typical the error says what was probably meant. */

import { assertEquals, assertThrows } from "@std/assert";
import { connect, createServer, framed, MessageProtocol, TCPSocket } from "@verb/tcp";
import {
  delimited,
  FrameDecoderStream,
  FrameEncoderStream,
  frames,
  json,
  lengthPrefixed,
  lines,
  struct,
} from "@verb/tcp/framing";
import { verifyCodec } from "@verb/tcp/testing";

/** What a caller without a type checker can pass anywhere. */
// deno-lint-ignore no-explicit-any -- wrong arguments are the point
type Wrong = any;

function refuses(run: () => unknown, message: string): void {
  const error: Error & { code?: string } = assertThrows(run, TypeError);
  assertEquals([error.message, typeof error.code], [message, "string"]);
}

// ---- a codec that was not called ----

const socket = () => new TCPSocket();
const MISSING_CALL = 'Option "codec" must be a codec; it is a function: is the call missing, lines()?';
const UNCALLED: [what: string, run: () => unknown][] = [
  ["framed", () => framed(socket(), lines as Wrong)],
  ["MessageProtocol", () => new MessageProtocol(socket(), { codec: lines as Wrong })],
  ["frames", () => frames(new Blob().stream(), lines as Wrong)],
  ["FrameDecoderStream", () => new FrameDecoderStream(lines as Wrong)],
  ["FrameEncoderStream", () => new FrameEncoderStream(lines as Wrong)],
  ["verifyCodec", () => verifyCodec(lines as Wrong, { messages: ["a"] })],
];

for (const [what, run] of UNCALLED) {
  Deno.test(`${what} with lines in place of lines() says that the call is missing`, () => refuses(run, MISSING_CALL));
}

Deno.test("a framing in which the call is missing is told so, too", () => {
  const rule = 'Option "framing" must be a codec; it is a function: is the call missing, ';
  refuses(() => json({ framing: lengthPrefixed as Wrong }), `${rule}lengthPrefixed()?`);
  refuses(() => struct({ a: "u8" }, { framing: delimited as Wrong }), `${rule}delimited(...)?`);
});

Deno.test("a function without a name in place of a codec is told so by the option's", () => {
  refuses(
    () => framed(socket(), (() => lines()) as Wrong),
    'Option "codec" must be a codec; it is a function: is the call missing, codec()?',
  );
});

// ---- a path in place of what the file holds ----

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const looksLikeAPath = (name: string) =>
  `Option "${name}" must be PEM; it looks like a path: give what the file holds, Deno.readTextFileSync(path)`;
const PATHS = [
  "cert.pem",
  "./tls/cert.pem",
  "../key",
  "/etc/ssl/private/server.key",
  "~/ca.crt",
  "C:\\certs\\server.cer",
  "fullchain.PEM",
  "file:///etc/ssl/cert.pem",
];

for (const path of PATHS) {
  Deno.test(`the path ${path} in place of PEM is told so, on servers and clients, and not shown`, () => {
    const app = createServer();
    refuses(() => app.withOptions({ tls: { cert: path, key: PEM } }), looksLikeAPath("tls.cert"));
    refuses(() => app.withOptions({ tls: { cert: PEM, key: path } }), looksLikeAPath("tls.key"));
    refuses(() => app.withOptions({ tls: { cert: PEM, key: PEM, ca: [PEM, path] } }), looksLikeAPath("tls.ca"));
    const sni = { "a.example": { cert: path, key: PEM } };
    refuses(() => app.withOptions({ tls: { cert: PEM, key: PEM, sni } }), looksLikeAPath("tls.sni.a.example.cert"));
    refuses(() => new TCPSocket({ tls: { ca: path } }), looksLikeAPath("tls.ca"));
    refuses(() => socket().connect({ port: 1, tls: { cert: path, key: PEM } }), looksLikeAPath("tls.cert"));
  });
}

for (const file of ["server.p12", "./server.pfx"]) {
  Deno.test(`the path ${file} is told that PKCS#12 is not read`, () => {
    refuses(
      () => createServer().withOptions({ tls: { cert: file, key: PEM } }),
      'Option "tls.cert" must be PEM; it looks like the path of a PKCS#12 file, which is not read: ' +
        'convert it to PEM with "openssl pkcs12"',
    );
  });
}

for (const key of ["TUlJRXZRSUJBREFOQmdrcWhraUc5dzBCQVFFRkFBU0NC/S2N3Z2dTakFnRUE", "secret", ""]) {
  Deno.test(`what is neither PEM nor a path is not called one: ${JSON.stringify(key)}`, () => {
    createServer().withOptions({ tls: { cert: PEM, key } }); // listen() reads it
  });
}

// ---- names ----

Deno.test("the list of the options that connect knows has each name once", async () => {
  const message = await connect({ port: 1, nosuch: 1 } as Wrong).catch((error: Error) => error.message);
  const [known, names] = String(message).split(" takes ");
  assertEquals(known, 'Option "nosuch" is unknown; "options"');
  const list = names?.split(", ") ?? [];
  assertEquals(list, [...new Set(list)]);
  assertEquals(list.includes("tls"), true);
});
