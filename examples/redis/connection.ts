/** One connection to a Redis server: logs in, asks, and is asked nothing. For transactions and what blocks, and in pools. */

import { createRequester, framed, type Requester, type TCPSocket } from "@verb/tcp";
import { createPool, type Pool, type PoolOptions } from "@verb/tcp/tcp";
import { Commands } from "./commands.ts";
import { type Command, type Reply, resp, RespError } from "./resp.ts";

/** As whom, and in which database. */
export interface Login {
  /** Needs `password`. */
  username?: string;
  /** What `AUTH` takes. */
  password?: string;
  /** The database, 0 where left out. */
  database?: number;
  /** Longest wait for an answer in milliseconds, 10 s where left out; 0 for commands that block. */
  timeoutMs?: number;
}

const CODEC = resp();
// A pipeline of that many leaves at once; what is more waits in the requester.
const MAX_IN_FLIGHT = 4_096;
const MAX_WAITING = 65_536;

/** Commands over one socket. */
export class RedisConnection extends Commands {
  /** The socket underneath. */
  readonly socket: TCPSocket;
  readonly #requester: Requester<Command, Reply>;

  /** On a socket that nobody reads yet; see {@link login}. */
  constructor(socket: TCPSocket, timeoutMs = 10_000) {
    super();
    this.socket = socket;
    this.#requester = createRequester(framed(socket, CODEC), {
      ordered: true,
      timeoutMs,
      maxInFlight: MAX_IN_FLIGHT,
      maxWaiting: MAX_WAITING,
    });
  }

  override command(command: Command): Promise<Reply> {
    return this.#requester.request(command).then(valueOf);
  }

  override pipeline(commands: readonly Command[]): Promise<Reply[]> {
    return Promise.all(commands.map((command) => this.#requester.request(command)));
  }

  /** Several commands that nobody comes between; null if a watched key changed. Alone on the connection: use a pool. */
  async transaction(commands: readonly Command[]): Promise<Reply[] | null> {
    const replies = await this.pipeline([["MULTI"], ...commands, ["EXEC"]]);
    const result = replies.at(-1);
    if (result instanceof RespError) throw result;
    return result as Reply[] | null; // what EXEC answers
  }

  /** Says goodbye, so that what was asked is answered, and waits for the end. */
  async close(): Promise<void> {
    await this.command(["QUIT"]).catch(() => {/* it is over already */});
    this.socket.end();
    await this.socket.closed;
  }
}

/** A reply, unless it is an error. */
export function valueOf(reply: Reply): Reply {
  if (reply instanceof RespError) throw reply;
  return reply;
}

/** Puts the protocol on a socket that was just connected. */
export async function login(socket: TCPSocket, options: Login = {}): Promise<RedisConnection> {
  const { username, password, database, timeoutMs } = options;
  const connection = new RedisConnection(socket, timeoutMs);
  if (password !== undefined) {
    await connection.command(username === undefined ? ["AUTH", password] : ["AUTH", username, password]);
  }
  if (database !== undefined) await connection.command(["SELECT", database]);
  return connection;
}

/** A pool of connections, each for one user at a time: for `WATCH`, transactions and commands that block. */
export function redisPool(options: PoolOptions<RedisConnection> & { login?: Login }): Pool<RedisConnection> {
  const { login: who, ...rest } = options;
  return createPool({
    ...rest,
    setup: (socket) => login(socket, who),
    check: async (connection) => await connection.ping() === "PONG",
  });
}
