/** The command line: what may stand on it, what it means, and the help. Nothing is opened or read here. */

import { parseArgs } from "@std/cli";
import type { ProxyHeaderOptions } from "../../tcp.ts";
import { parseIpv4, parseIpv6 } from "../base/ip_address.ts";
import { UsageError } from "./failure.ts";
import { CODEC_NAMES, type Wire, wireOf } from "./wire.ts";

/** Where a socket is or is to be. */
export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string };

/** Files of key material, by name. */
export interface TlsFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** Whom to connect to, and how. */
export interface Destination {
  readonly target: Endpoint;
  /** TLS, where it was asked for. */
  readonly tls: TlsFiles & { readonly servername: string | undefined; readonly insecure: boolean } | undefined;
  /** The PROXY header to send first. */
  readonly proxyHeader: ProxyHeaderOptions | undefined;
}

/** Where to listen, and how. */
export interface Listening {
  readonly listen: Endpoint;
  /** TLS, where it was asked for. */
  readonly tls: TlsFiles | undefined;
  /** Connections must begin with a PROXY header. */
  readonly proxyRequired: boolean;
}

/** `connect TARGET` */
export interface ConnectRequest {
  readonly command: "connect";
  readonly wire: Wire;
  readonly to: Destination;
}

/** `serve echo|sink|chat [LISTEN]` */
export interface ServeRequest {
  readonly command: "serve";
  readonly wire: Wire;
  readonly what: "echo" | "sink" | "chat";
  readonly at: Listening;
}

/** `tap LISTEN TARGET` */
export interface TapRequest {
  readonly command: "tap";
  readonly wire: Wire;
  readonly at: Listening;
  readonly to: Destination;
}

/** `load TARGET` */
export interface LoadRequest {
  readonly command: "load";
  readonly wire: Wire;
  readonly to: Destination;
  /** What is sent, as it was typed. */
  readonly message: string;
  readonly connections: number;
  /** Messages a second, of all connections together. */
  readonly rate: number;
  readonly seconds: number;
  readonly json: boolean;
}

/** What the command line asks for. */
export type Request =
  | ConnectRequest
  | ServeRequest
  | TapRequest
  | LoadRequest
  | { readonly command: "help"; readonly text: string };

const codecHelp = (fallback: string) =>
  `  --codec NAME         how messages look on the wire (${fallback}):
                       ${CODEC_NAMES}`;
const HEX_HELP = `  --hex                the bytes of messages in hexadecimal digits`;
const TLS_HELP = `  --tls                speak TLS with TARGET
  --ca FILE            trust the authorities in this PEM file
  --servername NAME    the name that TARGET's certificate must have
  --insecure           take any certificate`;
const PROXY_HELP = `  --proxy-header HOW   send a PROXY header first: v1 or v2, which name nobody, or for example
                       v2,192.0.2.7:5000,198.51.100.1:443 with source and destination`;
const CLIENT_CERTIFICATE_HELP = `  --cert FILE          our own certificate, with --key
  --key FILE           its key`;

const PERMISSIONS_HELP = `--allow-net; --allow-read for --ca, --cert and --key; for a unix socket
--allow-read and --allow-write, too.`;

const HELP = {
  vtcp: `vtcp: TCP with frames

  vtcp connect TARGET                  talk to a server: a line is a message
  vtcp serve echo|sink|chat [LISTEN]   be a server
  vtcp tap LISTEN TARGET               stand in between and show what passes
  vtcp load TARGET                     measure latency under load

TARGET is HOST:PORT, [IPV6]:PORT or the path of a unix socket, which has a "/" in it. LISTEN is the
same, or a port alone, which is one of 127.0.0.1. "vtcp COMMAND --help" has the options of a
command, and the permissions that it needs.

Exit codes: 0, 1 for a failure, 2 for wrong usage.`,

  connect: `vtcp connect TARGET [options]

Sends each line of stdin as a message, and prints each message that comes on a line. The end of
stdin (Ctrl-D) ends our side; the command ends when the server does. On a terminal the control
characters of the server are shown as escapes.

${codecHelp("lines")}
                       json and ndjson take JSON values; raw takes and gives bytes as they are
${HEX_HELP}, typed and shown
${TLS_HELP}
${CLIENT_CERTIFICATE_HELP}
${PROXY_HELP}

Permissions: ${PERMISSIONS_HELP}`,

  serve: `vtcp serve echo|sink|chat [LISTEN] [options]

echo sends every message back, sink throws it away, chat sends it to everybody else. LISTEN is
127.0.0.1 with a port that the system chooses where left out. stderr has who comes and goes.
Ctrl-C closes in order, a second one at once.

${codecHelp("raw; lines for chat")}
  --tls                speak TLS, with --cert and --key
  --cert FILE          the certificate
  --key FILE           its key
  --ca FILE            demand client certificates of the authorities in this PEM file
  --proxy-header       demand a PROXY header, v1 or v2, as the first thing of a connection

Permissions: ${PERMISSIONS_HELP}`,

  tap: `vtcp tap LISTEN TARGET [options]

A proxy that prints every message that passes on a line: time, connection, direction (> to TARGET,
< from it), size on the wire in bytes, message. Control characters are shown as escapes. What passes
is not changed, and what cannot be decoded passes all the same.

${codecHelp("lines")}
${HEX_HELP}
${TLS_HELP}
  --cert FILE          speak TLS with clients, with this certificate and --key
  --key FILE           its key
  --proxy-header HOW   send TARGET a PROXY header first, v1 or v2, that names the client

Permissions: ${PERMISSIONS_HELP}`,

  load: `vtcp load TARGET [options]

Sends messages at a steady rate and measures how long the answers take. The server answers each
message with one, in order, as an echo does. The time begins at the moment at which the message was
to be sent, so that a server that stops answers for all that it kept waiting. The runtime's timers
are late by a millisecond or two, and that is part of it. Answers are waited for until 5 s after
the last message.

${codecHelp("lines; not raw")}
${HEX_HELP}, in --message
  --message TEXT       what is sent, as it would be typed (hello, or "hello" in JSON)
  --connections N      connections (10)
  --rate N             messages a second, of all connections together (1000)
  --seconds N          how long (10)
  --json               print the result as one JSON object
${TLS_HELP}
${CLIENT_CERTIFICATE_HELP}
${PROXY_HELP}

Permissions: ${PERMISSIONS_HELP}`,
} as const;

const DIAL_VALUES = ["ca", "cert", "key", "servername", "proxy-header"];
/** The flags of each command, besides --help: those with a value, and those without. */
const FLAGS: Readonly<Record<string, { string: readonly string[]; boolean: readonly string[] }>> = {
  connect: { string: ["codec", ...DIAL_VALUES], boolean: ["hex", "tls", "insecure"] },
  serve: { string: ["codec", "ca", "cert", "key"], boolean: ["tls", "proxy-header"] },
  tap: { string: ["codec", ...DIAL_VALUES], boolean: ["hex", "tls", "insecure"] },
  load: {
    string: ["codec", "message", "connections", "rate", "seconds", ...DIAL_VALUES],
    boolean: ["hex", "json", "tls", "insecure"],
  },
};

/** Reads the command line. Throws a `UsageError`, in one line, for what it does not understand. */
export function readArguments(args: readonly string[]): Request {
  const [command, ...rest] = args;
  if (command === "--help" || command === "-h") return { command: "help", text: HELP.vtcp };
  switch (command) {
    case "connect":
    case "serve":
    case "tap":
    case "load": {
      const flags = new Flags(command, rest);
      return flags.isOn("help") ? { command: "help", text: HELP[command] } : READERS[command](flags);
    }
  }
  const what = command === undefined ? "A command is missing" : `There is no command "${command}"`;
  throw new UsageError(`${what}; there are connect, serve, tap and load (vtcp --help)`);
}

const READERS = { connect: readConnect, serve: readServe, tap: readTap, load: readLoad };

function readConnect(flags: Flags): ConnectRequest {
  const [target] = flags.operands("TARGET");
  return { command: "connect", wire: flags.wire("lines"), to: flags.destination(target, flags.files()) };
}

function readServe(flags: Flags): ServeRequest {
  const [what, listen] = flags.operands("echo|sink|chat", "[LISTEN]");
  if (what !== "echo" && what !== "sink" && what !== "chat") {
    throw new UsageError(`vtcp serve can be echo, sink or chat; there is no "${what}"`);
  }
  const { ca, cert, key } = flags.files();
  const asked = flags.isOn("tls") || ca !== undefined;
  if (asked && cert === undefined) throw new UsageError("A server that speaks TLS needs --cert and --key");
  const at = {
    listen: endpointOf("LISTEN", listen ?? "0"),
    tls: cert === undefined ? undefined : { ca, cert, key },
    proxyRequired: flags.isOn("proxy-header"),
  };
  return { command: "serve", wire: flags.wire(what === "chat" ? "lines" : "raw"), what, at };
}

function readTap(flags: Flags): TapRequest {
  const [listen, target] = flags.operands("LISTEN", "TARGET");
  const { ca, cert, key } = flags.files();
  const at = {
    listen: endpointOf("LISTEN", listen),
    tls: cert === undefined ? undefined : { ca: undefined, cert, key },
    proxyRequired: false,
  };
  const to = flags.destination(target, { ca, cert: undefined, key: undefined });
  if (to.proxyHeader?.source !== undefined) {
    throw new UsageError("The PROXY header of vtcp tap names the client; --proxy-header must be v1 or v2");
  }
  return { command: "tap", wire: flags.wire("lines"), at, to };
}

function readLoad(flags: Flags): LoadRequest {
  const [target] = flags.operands("TARGET");
  const wire = flags.wire("lines");
  if (wire.name === "raw") throw new UsageError("vtcp load counts messages; --codec raw has none");
  return {
    command: "load",
    wire,
    to: flags.destination(target, flags.files()),
    message: flags.value("message") ?? (flags.isOn("hex") ? "00" : wire.name.includes("json") ? '"hello"' : "hello"),
    connections: flags.count("connections", 10, 10_000),
    rate: flags.count("rate", 1_000, 1_000_000),
    seconds: flags.count("seconds", 10, 86_400),
    json: flags.isOn("json"),
  };
}

/** The flags and operands of one command. */
class Flags {
  readonly #command: string;
  readonly #flags: Readonly<Record<string, unknown>>;
  readonly #operands: readonly string[];

  constructor(command: string, args: readonly string[]) {
    const { string, boolean } = FLAGS[command]!; // it is one of ours
    const { _: operands, ...flags } = parseArgs([...args], {
      string: ["_", ...string],
      boolean: ["help", ...boolean],
      alias: { h: "help" },
      collect: string,
      unknown: (arg, key) => {
        if (key !== undefined) throw new UsageError(`vtcp ${command} has no option "${arg}" (vtcp ${command} --help)`);
      },
    });
    this.#command = command;
    this.#flags = flags;
    this.#operands = operands.map(String);
  }

  isOn(name: string): boolean {
    return this.#flags[name] === true;
  }

  /** The value of a flag, undefined where it is not there. */
  value(name: string): string | undefined {
    const values = this.#flags[name];
    if (!Array.isArray(values) || values.length === 0) return undefined;
    if (values.length > 1) throw new UsageError(`Option --${name} is given ${values.length} times`);
    if (values[0] === "") throw new UsageError(`Option --${name} needs a value`);
    return String(values[0]);
  }

  /** A whole number from 1 on. */
  count(name: string, fallback: number, most: number): number {
    const value = this.value(name);
    if (value === undefined) return fallback;
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= 1 && number <= most) return number;
    throw new UsageError(`Option --${name} must be a whole number from 1 to ${most}; it is "${value}"`);
  }

  /** The words without a flag, as many as there are names; those in brackets may be missing, at the end. */
  operands<Names extends readonly string[]>(...names: Names): { [Index in keyof Names]: string } {
    const needed = names.filter((name) => !name.startsWith("[")).length;
    const given = this.#operands;
    if (given.length < needed || given.length > names.length) {
      throw new UsageError(
        `Usage: vtcp ${this.#command} ${names.join(" ")} [options]; ${given.length} arguments were given`,
      );
    }
    return given as unknown as { [Index in keyof Names]: string };
  }

  wire(fallback: string): Wire {
    return wireOf(this.value("codec") ?? fallback, this.isOn("hex"));
  }

  files(): TlsFiles {
    const [ca, cert, key] = ["ca", "cert", "key"].map((name) => this.value(name));
    if ((cert === undefined) !== (key === undefined)) throw new UsageError("--cert and --key need each other");
    return { ca, cert, key };
  }

  destination(target: string, files: TlsFiles): Destination {
    const [servername, insecure] = [this.value("servername"), this.isOn("insecure")];
    const to = { target: endpointOf("TARGET", target), proxyHeader: proxyHeaderOf(this.value("proxy-header")) };
    if (this.isOn("tls")) return { ...to, tls: { ...files, servername, insecure } };
    const needless = Object.entries({ ...files, servername, insecure: insecure || undefined })
      .find(([, value]) => value !== undefined);
    if (needless !== undefined) throw new UsageError(`Option --${needless[0]} needs --tls`);
    return { ...to, tls: undefined };
  }
}

/** `v1`, `v2`, `v1,SOURCE,DESTINATION` or `v2,SOURCE,DESTINATION`. */
function proxyHeaderOf(text: string | undefined): ProxyHeaderOptions | undefined {
  if (text === undefined) return undefined;
  const [name, source, destination, ...more] = text.split(",");
  const version = name === "v1" ? 1 : 2;
  if (text === "v1" || text === "v2") return { version };
  const ends = [source, destination].map((end = "") => {
    const [, bracketed, plain, digits = ""] = IP_AND_PORT.exec(end) ?? [];
    const isAddress = bracketed === undefined ? parseIpv4(plain ?? "") : parseIpv6(bracketed);
    return isAddress === undefined ? undefined : { address: bracketed ?? plain ?? "", port: Number(digits) };
  });
  const [from, to] = ends;
  const isOneFamily = from?.address.includes(":") === to?.address.includes(":");
  const isGood = (name === "v1" || name === "v2") && from !== undefined && to !== undefined && isOneFamily &&
    Math.max(from.port, to.port) <= 65_535 && more.length === 0;
  if (isGood) return { version, source: from, destination: to };
  throw new UsageError(
    'Option --proxy-header must be v1, v2 or like v2,192.0.2.7:5000,198.51.100.1:443; it is "' + text + '"',
  );
}

const IP_AND_PORT = /^(?:\[([^\]]+)\]|([^:\[\]]+)):(\d+)$/;

/** `HOST:PORT`, `[IPV6]:PORT` or a path; to listen on also a port alone. */
function endpointOf(name: "TARGET" | "LISTEN", text: string): Endpoint {
  if (text.includes("/")) return { path: text };
  const listens = name === "LISTEN";
  const [, bracketed, plain, digits = ""] = /^(?:\[([^\]]+)\]:|([^:\[\]]+):|:)?(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  const isPort = digits !== "" && port <= 65_535 && (port > 0 || listens);
  if (isPort && (host !== undefined || listens)) return { host: host ?? "127.0.0.1", port };
  const forms = `HOST:PORT, [IPV6]:PORT or a path with a "/"${listens ? ", or a port alone" : ""}`;
  throw new UsageError(`${name} must be ${forms}; it is "${text}"`);
}
