/** `vtcp serve`: a server for tries. */

import { createServer, framed, type FramedSocket, ServerProtocol, type TcpServer, type TCPSocket } from "../../mod.ts";
import { frames } from "../framing/mod.ts";
import type { ServeRequest } from "./arguments.ts";
import { inWords, listen, listenOptions, write } from "./endpoints.ts";
import { failureText, say } from "./output.ts";
import type { Wire } from "./wire.ts";

/** How long peers may take to end after Ctrl-C. */
const DRAIN_MS = 2_000;

/** Runs until a signal ends it. */
export async function runServe({ wire, what, at }: ServeRequest): Promise<void> {
  const options = await listenOptions(at);
  // Answers go out after the peer's end, too: whoever pipes a file into it ends early.
  const app = createServer<number>(ServerProtocol.TCP, { ...options, tcp: { allowHalfOpen: what !== "chat" } });
  reportConnections(app);
  if (what === "chat") chat(app, wire);
  else app.onConnection((socket) => answer(socket, wire, what === "echo"));
  say(`Listening on ${await listen(app, at.listen)}`);
  await app.closeOnSignals({ drainMs: DRAIN_MS });
}

/** Numbers connections, and tells who comes and goes and what goes wrong. */
export function reportConnections(app: TcpServer<number>, told: (line: string) => unknown = say): void {
  let count = 0;
  app.onConnection((socket) => {
    socket.state = ++count;
    told(`#${socket.state} ${inWords(socket.remoteAddress, socket.remotePort)} connected`);
    socket.closed.then(({ reason, bytesRead, bytesWritten, error }) => {
      const why = error === undefined ? "" : `: ${failureText(error)}`;
      told(`#${socket.state} closed (${reason}), ${bytesRead} bytes in, ${bytesWritten} bytes out${why}`);
    });
  });
  app.on("error", (error, socket) => {
    // What a socket failed of is in its receipt.
    if (socket !== undefined && !socket.destroyed) told(`#${socket.state} ${failureText(error)}`);
  });
  app.on("tlsClientError", (error, peer) => {
    told(`${inWords(peer.remoteAddress, peer.remotePort)} failed to speak TLS: ${failureText(error)}`);
  });
  app.on("proxyError", (error, peer) => {
    told(`${inWords(peer.remoteAddress, peer.remotePort)} sent no PROXY header: ${failureText(error)}`);
  });
}

/** Takes every message, and sends it back if it is to be an echo. */
async function answer(socket: TCPSocket<number>, wire: Wire, isEcho: boolean): Promise<void> {
  const onInvalid = (error: Error) => say(`#${socket.state} sent a bad message: ${failureText(error)}`);
  for await (const message of frames(socket, wire.codec, { onInvalid })) {
    if (isEcho) await write(socket, wire.codec.encode(message));
  }
  socket.end();
}

/** Sends every message to everybody else. */
function chat(app: TcpServer<number>, wire: Wire): void {
  const members = new Set<FramedSocket<unknown>>();
  app.onConnection((socket) => {
    const member = framed(socket, wire.codec);
    members.add(member);
    socket.on("close", () => members.delete(member));
    member.on("error", (error) => say(`#${socket.state} sent a bad message: ${failureText(error)}`));
    member.on("message", (message) => {
      const frame = member.encode(message);
      for (const other of members) if (other !== member) other.sendEncoded(frame);
    });
  });
}
