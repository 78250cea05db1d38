// deno-lint-ignore-file no-console -- a command line
/**
 * The servers that are measured: `deno run --allow-net tests/bench/server.ts MODE PORT [EXTRA]`, for a load generator that
 * speaks the mode's protocol. EXTRA is `deadlines`, `limits`, the name of one of these, `shaped` or `observed`.
 * `tls PORT CERT KEY [deno]` echoes over TLS and needs `--allow-read`.
 */

import { createChatServer } from "../../examples/chat/server.ts";
import { createServer, MessageProtocol, ServerProtocol, type TCPSocket } from "../../mod.ts";
import { lengthPrefixed } from "../../src/framing/mod.ts";

interface Ping {
  type: string;
  timestamp?: number;
}

const modes: Record<string, (socket: TCPSocket) => void> = {
  echo: (socket) => socket.on("data", (data) => socket.write(data)),
  relay: (socket) => socket.pipe(socket),
  lend: (socket) => socket.onRead((bytes) => void socket.write(bytes)),
  sink: (socket) => socket.on("data", () => {}),
  raw: (socket) => {
    const protocol = new MessageProtocol(socket, { codec: lengthPrefixed() }).attach();
    protocol.onMessage = (body) => protocol.send(body);
  },
  frames: (socket) => {
    const protocol = new MessageProtocol<Ping>(socket).attach();
    protocol.onMessage = (message) => {
      if (message.type === "ping") protocol.send({ type: "pong", timestamp: Date.now() });
    };
  },
};

const [mode = "", port = "", extra = "", keyFile = "", engine = "auto"] = Deno.args;
// None of them is near: what they cost is what traffic pays.
const deadlines = {
  firstByteMs: 60_000,
  frameMs: 60_000,
  idleMs: 60_000,
  idleReadMs: 60_000,
  idleWriteMs: 60_000,
  lifetimeMs: 600_000,
  rate: { bytesPerSecond: 1 },
};
const far = 1_000_000_000;
const limits = {
  maxConnectionsPerAddress: far,
  acceptsPerSecondPerAddress: far,
  shedSilent: true,
  memoryBudgetBytes: far,
  readWhileBlocked: false,
  allow: ["127.0.0.0/8", "2001:db8::/32"],
  deny: ["192.0.2.0/24"],
};
// Shaping costs a promise for each read and write, so it has a word of its own.
const shaping = { readBytesPerSecond: far, writeBytesPerSecond: far };

/** All of them under that word, or one under its own name. */
function chosen<Options extends object>(word: string, options: Options): Partial<Options> {
  if (extra === word) return options;
  return Object.fromEntries(Object.entries(options).filter(([name]) => name === extra)) as Partial<Options>;
}

const options = {
  deadlines: chosen("deadlines", deadlines),
  limits: { maxConnections: 20_000, ...chosen("limits", limits), ...chosen("shaped", shaping) },
};
const handler = modes[mode];
if (mode === "chat") {
  createChatServer({ limits: options.limits }).app.listen(Number(port), "127.0.0.1");
} else if (mode === "tls") {
  const [cert, key] = [Deno.readTextFileSync(extra), Deno.readTextFileSync(keyFile)];
  createServer(ServerProtocol.TCP, {
    limits: options.limits,
    ...(engine === "deno" ? { tls: { cert, key, engine: "deno" }, tcp: { noDelay: false } } : { tls: { cert, key } }),
  }).onConnection((socket) => socket.on("data", (data) => socket.write(data))).listen(Number(port), "127.0.0.1");
} else if (handler !== undefined) {
  const app = createServer(ServerProtocol.TCP, options).onConnection(handler);
  if (extra === "observed") app.observe(() => {});
  app.listen(Number(port), "127.0.0.1");
} else {
  console.error(`usage: server.ts ${Object.keys(modes).join("|")}|chat PORT [EXTRA], or tls PORT CERT KEY [deno]`);
  Deno.exit(2);
}
