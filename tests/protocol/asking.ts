/** What the tests of requests share: both ends of a connection in a network in memory, whose time the test moves. */

import { assertEquals } from "@std/assert";
import {
  createServer,
  framed,
  type FramedSocket,
  type ServerOptions,
  type TcpServer,
  type TCPSocket,
} from "../../mod.ts";
import { json } from "../../src/framing/mod.ts";
import { createNetwork, type Network } from "../../src/testing/mod.ts";
import { RequestError, TcpError } from "../../tcp.ts";
import { Uncaught } from "../client/support.ts";

/** A message of the tests: questions and answers alike. */
export interface Word {
  readonly id?: number;
  readonly ask?: string;
  readonly answer?: string;
}

/** How the tests find answers. */
export const byId = {
  idOf: ({ id }: Word) => id ?? 0,
  answerTo: ({ id, answer }: Word) => answer === undefined ? undefined : id,
};

/** Both ends of a connection. */
export interface Ends {
  readonly network: Network;
  readonly app: TcpServer;
  readonly socket: TCPSocket;
  readonly client: FramedSocket<Word>;
  readonly server: FramedSocket<Word>;
  /** What the server's `onError` heard. */
  readonly errors: Error[];
}

/** A test that needs no permission. */
export function alone(name: string, fn: (ends: Ends) => Promise<void>, options: ServerOptions = {}): void {
  Deno.test({
    name,
    permissions: "none",
    async fn() {
      using uncaught = new Uncaught();
      await using network = createNetwork();
      await network.advance(0);
      const { promise, resolve } = Promise.withResolvers<TCPSocket>();
      const errors: Error[] = [];
      const app = createServer("tcp", options).onConnection(resolve).onError((error) => errors.push(error));
      const socket = await network.connect(network.listen(app));
      const server = framed(await promise, json<Word>());
      const client = framed(socket, json<Word>());
      await fn({ network, app, socket, client, server, errors });
      socket.destroy();
      app.destroy();
      await network.advance(60_000);
      assertEquals(network.timers, 0);
      assertEquals(uncaught.seen, []);
    },
  });
}

/** How a request ended, when it has. */
export interface Fate {
  answer?: Word | string;
  code?: string;
  sent?: boolean;
  error?: unknown;
}

/** Notes how it ends. */
export function fate(request: Promise<Word | string>): Fate {
  const noted: Fate = {};
  request.then((answer) => noted.answer = answer, (error) => {
    noted.error = error;
    if (error instanceof TcpError) noted.code = error.code;
    if (error instanceof RequestError) noted.sent = error.sent;
  });
  return noted;
}
