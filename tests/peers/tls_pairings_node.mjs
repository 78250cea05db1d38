/**
 * The other end of a connection, in Node: `node tls_pairings_node.mjs ROLE JSON`. Says what it sees as lines of JSON on
 * its output; servers listen until their input ends.
 */

import { once } from "node:events";
import net from "node:net";
import process from "node:process";
import tls from "node:tls";

const HOST = "127.0.0.1";
const [role, json] = process.argv.slice(2);
const options = JSON.parse(json);

const say = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);

/** The same bytes as the tests' `pattern`. */
function pattern(length) {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + (index >> 8)) % 251;
  return bytes;
}

/** What a secured socket tells. */
const factsOf = (socket) => ({
  protocol: socket.getProtocol(),
  cipher: socket.getCipher().name,
  authorized: socket.authorized,
  error: socket.authorizationError?.code ?? socket.authorizationError ?? undefined,
  alpn: socket.alpnProtocol || undefined,
  peer: socket.getPeerCertificate()?.subject?.CN,
});

/** Sends bytes and waits for as many; whether they are the same. */
async function echoes(socket, sent) {
  socket.write(sent);
  const chunks = [];
  for (let length = 0; length < sent.length;) {
    const chunk = socket.read();
    if (chunk === null) await once(socket, "readable");
    else length += chunks.push(chunk) && chunk.length;
  }
  return Buffer.concat(chunks).equals(sent);
}

/** The lines of a plain socket, one at a time, and no byte beyond them. */
async function readLine(socket) {
  for (let line = "";;) {
    const byte = socket.read(1);
    if (byte === null) await once(socket, "readable");
    else if (byte[0] === 10) return line;
    else line += String.fromCharCode(byte[0]);
  }
}

let servers = 0;

/** Listens, and says where. */
async function serve(server) {
  server.listen(0, HOST);
  await once(server, "listening");
  say({ port: server.address().port });
  if (++servers === 1) process.stdin.resume().on("end", () => process.exit());
}

const ROLES = {
  /** Secures a connection, says what it is like, and which sizes come back as they were sent. */
  async client({ port, sizes = [], ...rest }) {
    const socket = tls.connect({ port, host: HOST, servername: "localhost", ...rest });
    try {
      await once(socket, "secureConnect");
    } catch (error) {
      return say({ refused: error.code });
    }
    const echoed = [];
    for (const size of sizes) if (await echoes(socket, pattern(size))) echoed.push(size);
    say({ ...factsOf(socket), echoed });
    socket.end();
    await once(socket.resume(), "close");
  },

  /** The same with one server after the other. */
  async clients({ ports, ...rest }) {
    for (const port of ports) await ROLES.client({ port, ...rest });
  },

  /** Listens with each of those certificates, and says where. */
  async servers({ pairs, ...rest }) {
    for (const pair of pairs) await ROLES.server({ ...pair, ...rest });
  },

  /** Echoes, and says what each connection is like. */
  server(rest) {
    const server = tls.createServer(rest, (socket) => {
      say(factsOf(socket));
      socket.on("error", () => {});
      socket.pipe(socket);
    });
    server.on("tlsClientError", (error) => say({ failed: error.code }));
    return serve(server);
  },

  /** STARTTLS as a client. `injected` goes out with the command, in the same segment. */
  async starttls({ port, injected = "", ...rest }) {
    const plain = net.connect(port, HOST);
    await once(plain, "connect");
    plain.write(`STARTTLS\n${injected}`);
    if (injected !== "") {
      // The reply may come before the end, or not.
      plain.on("error", () => {}).resume().on("close", () => say({ closed: true }));
      return;
    }
    const reply = await readLine(plain);
    const socket = tls.connect({ socket: plain, servername: "localhost", ...rest });
    await once(socket, "secureConnect");
    const echoed = await echoes(socket, pattern(100_000));
    say({ reply, ...factsOf(socket), echoed });
    socket.end();
    await once(socket.resume(), "close");
  },

  /** Says that TLS begins, and begins without waiting for an answer, as MySQL's clients do. */
  async atOnce({ port, ...rest }) {
    const plain = net.connect(port, HOST);
    await once(plain, "connect");
    plain.cork(); // the request and the handshake leave together
    plain.write("TLS!\n");
    const socket = tls.connect({ socket: plain, servername: "localhost", ...rest });
    setImmediate(() => plain.uncork());
    await once(socket, "secureConnect");
    say({ ...factsOf(socket), echoed: await echoes(socket, pattern(100_000)) });
    socket.end();
    await once(socket.resume(), "close");
  },

  /** TLS in TLS, as a client. */
  async inside({ port, outer, inner }) {
    const first = tls.connect({ port, host: HOST, servername: "localhost", ...outer });
    await once(first, "secureConnect");
    const socket = tls.connect({ socket: first, servername: "localhost", ...inner });
    await once(socket, "secureConnect");
    say({ ...factsOf(socket), echoed: await echoes(socket, pattern(100_000)) });
    socket.end();
    await once(socket.resume(), "close");
  },

  /** STARTTLS as a server. `injected` goes out with the reply, in the same segment. */
  starttlsServer({ injected = "", ...rest }) {
    const server = net.createServer(async (plain) => {
      plain.on("error", () => {});
      const command = await readLine(plain);
      plain.write(`GO\n${injected}`);
      if (injected !== "") return void plain.resume().on("close", () => say({ command, closed: true }));
      const socket = new tls.TLSSocket(plain, { isServer: true, ...rest });
      socket.on("error", () => {});
      socket.on("secure", () => say({ command, protocol: socket.getProtocol() }));
      socket.pipe(socket);
    });
    return serve(server);
  },
};

await ROLES[role](options);
