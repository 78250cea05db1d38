/** What the chat's tests share: a running server and guests who may send anything. */

import { assertEquals } from "@std/assert";
import { MessageProtocol } from "@verb/tcp";
import { type ChatClient, connectChat } from "../../examples/chat/client.ts";
import type { Answer } from "../../examples/chat/messages.ts";
import { type ChatServer, type ChatServerOptions, createChatServer } from "../../examples/chat/server.ts";

const PATIENCE_MS = 20_000;

/** Gives what `promise` gives; a test that waits for what never comes shall fail and not hang. */
export async function patiently<T>(promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Nothing came for ${PATIENCE_MS} ms`)), PATIENCE_MS);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A chat server on a free port of the loopback; `await using` closes it and whoever is connected. */
export class Hall implements AsyncDisposable {
  readonly app: ChatServer["app"];
  readonly chat: ChatServer["chat"];
  readonly #errors: Error[] = [];
  readonly #guests: Guest[] = [];

  private constructor({ app, chat }: ChatServer) {
    this.app = app;
    this.chat = chat;
    app.onError((error) => this.#errors.push(error));
  }

  static async open(options: ChatServerOptions = {}): Promise<Hall> {
    const hall = new Hall(createChatServer(options));
    await new Promise<void>((resolve) => hall.app.listen(0, "127.0.0.1", resolve));
    return hall;
  }

  get port(): number {
    return this.app.address()?.port ?? 0;
  }

  /** See {@link Guest.enter}. */
  async guest(nickname?: string, room?: string): Promise<Guest> {
    const guest = await Guest.connect(this.port);
    this.#guests.push(guest);
    return await guest.enter(nickname, room);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const guest of this.#guests) guest.client.socket.destroy();
    await Promise.all(this.#guests.map((guest) => guest.client.socket.closed));
    this.app.destroy();
    await this.app.close();
    assertEquals(this.#errors, [], "the server's handlers must not throw");
    assertEquals(this.chat.clients.size, 0, "nobody may be left in the chat");
    assertEquals(this.chat.rooms.names(), [], "no room may be left");
    await this.chat.close();
  }
}

/** A client that sends what the test says, well-formed or not. */
export class Guest {
  readonly client: ChatClient;
  readonly #protocol: MessageProtocol;
  readonly #messages: ReadableStreamDefaultReader<Answer>;

  constructor(client: ChatClient) {
    this.client = client;
    this.#protocol = new MessageProtocol(client.socket);
    this.#messages = client.messages.getReader();
  }

  /** Sends values as JSON, several in one write. */
  send(...messages: unknown[]): void {
    this.client.socket.cork();
    for (const message of messages) this.#protocol.send(message);
    this.client.socket.uncork();
  }

  static async connect(port: number): Promise<Guest> {
    return new Guest(await connectChat({ port, host: "127.0.0.1" }));
  }

  /** Logs in if there is a nickname, and joins that room if there is one. */
  async enter(nickname?: string, room?: string): Promise<this> {
    if (nickname !== undefined) {
      this.send({ type: "login", nickname });
      await this.expect({ type: "login_success" });
    }
    if (room !== undefined) {
      this.send({ type: "join_room", room });
      await this.expect({ type: "room_joined", room });
    }
    return this;
  }

  /** Asks until the users of its room are these, in whatever order: what others say of them takes its time. */
  async expectUsers(...nicknames: string[]): Promise<void> {
    for (;;) {
      this.send({ type: "who" });
      const answer = await this.next();
      if (answer.type !== "users") throw new Error(`came: ${JSON.stringify(answer)}`);
      if (answer.users.toSorted().join() === nicknames.toSorted().join()) return;
      await new Promise((resolve) => setTimeout(resolve, 25)); // the next look
    }
  }

  #read(): Promise<ReadableStreamReadResult<Answer>> {
    return patiently(this.#messages.read());
  }

  /** The next message. */
  async next(): Promise<Answer> {
    const { done, value } = await this.#read();
    if (done) throw new Error("The server has ended the connection");
    return value;
  }

  /** Takes the next message, which must have these fields with these values, and gives it. */
  async expect(fields: Partial<Answer>): Promise<Answer> {
    const message = await this.next();
    const seen = Object.fromEntries(Object.entries(message).filter(([key]) => key in fields));
    assertEquals<unknown>(seen, fields, `came: ${JSON.stringify(message)}`);
    return message;
  }

  /** Checks that nothing has come: the next message is the answer to a ping sent now. */
  async expectNothing(): Promise<void> {
    this.send({ type: "ping" });
    await this.expect({ type: "pong" });
  }

  /** Checks that the server ends the connection, with nothing more to say. */
  async expectEnd(): Promise<void> {
    assertEquals<unknown>(await this.#read(), { done: true, value: undefined });
  }

  /** Ends the connection and waits until it is over. */
  async leave(): Promise<void> {
    this.client.socket.end();
    await this.expectEnd();
    await this.client.socket.closed;
  }
}
