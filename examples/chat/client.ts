/**
 * The chat's client: a socket to send requests on, and a stream of what the server says. It shows the stream face of a
 * socket: whoever reads `messages` slowly holds back the server, not his own memory.
 *
 * Nothing to run here; `join.ts` and `demo.ts` are made of it.
 *
 * @module
 */

import { connect, type ConnectOptions, MessageProtocol, type TCPSocket } from "@verb/tcp";
import { FrameDecoderStream, json } from "@verb/tcp/framing";
import type { Answer, Request } from "./messages.ts";

/** One connection to a chat server. */
export interface ChatClient {
  readonly socket: TCPSocket;
  /** What the server says; ends when the server ends. */
  readonly messages: ReadableStream<Answer>;
  /** Sends a request; on a connection that is over it does nothing. */
  send(request: Request): void;
}

/** Connects to a chat server and answers its pings; what comes next is to log in. */
export async function connectChat(options: ConnectOptions): Promise<ChatClient> {
  const socket = await connect(options);
  // If the connection fails, whoever reads `messages` is told; nobody else needs to be.
  socket.on("error", () => {});
  const protocol = new MessageProtocol<Request>(socket);
  const send = (request: Request) => {
    if (!socket.writableEnded) protocol.send(request);
  };
  // Whoever logs in with `heartbeat` must answer pings; nobody else needs to see them.
  const answerPings = new TransformStream<Answer, Answer>({
    transform: (message, controller) => message.type === "ping" ? send({ type: "pong" }) : controller.enqueue(message),
  });
  return {
    socket,
    messages: socket.readable.pipeThrough(new FrameDecoderStream(json<Answer>())).pipeThrough(answerPings),
    send,
  };
}
