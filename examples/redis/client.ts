/**
 * A Redis client that stays up: one connection, found again whenever it is lost, on which everybody's commands travel
 * together. What the server cannot have seen is sent again, and so is what only reads; anything else that was under way
 * rejects with a `RequestError`, because the server may have done it.
 *
 * Nothing to run here; the guide `examples/guides/clients.md` shows it.
 *
 * @module
 */

import { RequestError, type TCPSocket } from "@verb/tcp";
import { type Reconnect, reconnect, type ReconnectOptions } from "@verb/tcp/tcp";
import { Commands, isRepeatable } from "./commands.ts";
import { type Login, login, type RedisConnection } from "./connection.ts";
import type { Command, Reply } from "./resp.ts";

/** Where to connect, as whom, and for how long to wait for that. */
export interface RedisClientOptions extends ReconnectOptions {
  login?: Login;
  /** Longest wait of a command for a connection in milliseconds, 10 s where left out. */
  waitMs?: number;
}

/** See the module's comment. */
export class RedisClient extends Commands implements AsyncDisposable {
  readonly #connections: Reconnect;
  readonly #login: Login;
  readonly #waitMs: number;
  readonly #running: Promise<void>;
  #connection: RedisConnection | undefined;
  // Commands wait for the next connection.
  #next = Promise.withResolvers<void>();
  // Why there is no connection.
  #cause: unknown;
  // The server refused the login: that says more than that the connection was a short one.
  #refused: unknown;
  #closed = false;

  /** Connects from now on; wrong options throw. */
  constructor({ login = {}, waitMs = 10_000, ...options }: RedisClientOptions) {
    super();
    this.#login = login;
    this.#waitMs = waitMs;
    this.#connections = reconnect({
      ...options,
      onRetry: (retry) => {
        this.#cause = this.#refused ?? retry.cause;
        this.#refused = undefined;
        options.onRetry?.(retry);
      },
    });
    this.#running = this.#run();
  }

  // Never rejects: whoever waits is told when its time is over.
  async #run(): Promise<void> {
    try {
      for await (const socket of this.#connections) await this.#use(socket);
    } catch (error) {
      this.#cause = error; // attempts ran out, or the signal
    }
    this.#closed = true;
    this.#wake();
  }

  async #use(socket: TCPSocket): Promise<void> {
    try {
      const connection = await login(socket, this.#login);
      this.#connection = connection;
      this.#wake();
      await socket.closed;
    } catch (error) {
      this.#cause = this.#refused = error;
      socket.destroy(); // a failed attempt
    }
    this.#connection = undefined;
  }

  /** Those who wait look again; whoever finds nothing waits for the next connection. */
  #wake(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  override command(command: Command): Promise<Reply> {
    const connection = this.#live;
    if (connection === undefined) return this.#later(command, undefined);
    return connection.command(command).catch((error) => this.#later(command, error));
  }

  override pipeline(commands: readonly Command[]): Promise<Reply[]> {
    const connection = this.#live;
    if (connection === undefined || !commands.every(isRepeatable)) {
      return connection?.pipeline(commands) ??
        this.#whenConnected().then((connection) => connection.pipeline(commands));
    }
    return connection.pipeline(commands).catch(async () => await (await this.#whenConnected()).pipeline(commands));
  }

  /** Answers what was asked, then ends. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#connection?.close();
    await this.#connections.close();
    await this.#running;
  }

  /** The same as `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** On the next connection, as long as that does no harm. */
  async #later(command: Command, failure: unknown): Promise<Reply> {
    for (;;) {
      if (failure !== undefined && !mayRepeat(command, failure)) throw failure;
      const connection = await this.#whenConnected();
      try {
        return await connection.command(command);
      } catch (error) {
        failure = error;
      }
    }
  }

  async #whenConnected(): Promise<RedisConnection> {
    const until = performance.now() + this.#waitMs;
    for (;;) {
      const connection = this.#live;
      if (connection !== undefined) return connection;
      const leftMs = until - performance.now();
      if (this.#closed || leftMs <= 0) {
        throw new Error(this.#closed ? "The client is closed" : `No connection within ${this.#waitMs} ms`, {
          cause: this.#cause,
        });
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, leftMs);
      await Promise.race([promise, this.#next.promise]);
      clearTimeout(timer);
    }
  }

  get #live(): RedisConnection | undefined {
    const connection = this.#connection;
    return this.#closed || connection?.socket.readyState !== "open" ? undefined : connection;
  }
}

function mayRepeat(command: Command, failure: unknown): boolean {
  if (!(failure instanceof RequestError) || failure.code !== "ERR_REQUEST_UNANSWERED") return false;
  return !failure.sent || isRepeatable(command);
}
