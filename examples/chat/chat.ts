/**
 * The chat itself: who is connected and logged in, and what each request does. It shows a protocol over
 * `MessageProtocol`, rooms that may reach over several processes, connection tracking, and how a connection is left behind
 * in each of the ways it may end.
 *
 * Nothing to run here; `server.ts` is the server.
 *
 * @module
 */

import { MessageProtocol, type TCPSocket } from "@verb/tcp";
import { type Codec, json, lengthPrefixed, MessageError } from "@verb/tcp/framing";
import { type RoomBus, type RoomMember, type RoomPresence, Rooms } from "@verb/tcp/rooms";
import { type Answer, ChatError, MAX_REQUEST_BYTES, parseRequest, type Request, requestType } from "./messages.ts";
import { AskedNicknames, type Nicknames } from "./nicknames.ts";

/** One connection, logged in or not. */
export interface Client {
  readonly id: string;
  readonly socket: TCPSocket;
  readonly protocol: MessageProtocol<Answer, unknown>;
  /** Empty until the login. */
  nickname: string;
  /** The name of the room that it is in, one at a time. */
  room: string | undefined;
  /** When the client last sent something; what it is sent does not count. */
  lastActivity: number;
  /** What it asked while an earlier request is not answered yet. */
  waiting: unknown[] | undefined;
}

/** What a chat shares with the same chat in other processes. */
export interface SharedChat {
  readonly bus: RoomBus;
  readonly presence?: RoomPresence;
  /** Who has which nickname; all processes are asked where left out. */
  readonly nicknames?: Nicknames;
  /** Called when the chat is over. */
  readonly disconnect?: () => void;
}

/** How a chat treats its clients. */
export interface ChatRules {
  readonly idleMs: number;
  readonly maxRoomMembers: number;
  /** 0 is no heartbeat for anybody. */
  readonly heartbeatMs: number;
}

// Requests are short, answers may list a whole room.
const requests = json({ framing: lengthPrefixed({ maxFrameBytes: MAX_REQUEST_BYTES }) });
const answers = json<Answer>();
const CODEC: Codec<Answer, unknown> = {
  decoder: () => requests.decoder(),
  encode: (answer) => answers.encode(answer),
};
/** To be changed when servers of the old version would not understand the new one's messages, or the other way round. */
const WIRE = "chat-1";
/** How long a client waits for messages of other processes to arrive before it is told that it has joined. */
const JOIN_MS = 2_000;

/** The state of one chat server. */
export class Chat {
  /** Everybody who is connected, by client id. */
  readonly clients: Map<string, Client> = new Map();
  /** The rooms of the chat, and for each nickname one that private messages go to. What is said of members is the nickname. */
  readonly rooms: Rooms<Answer, string>;
  readonly #rules: ChatRules;
  readonly #shared: SharedChat | undefined;
  readonly #nicknames: Nicknames;

  /** An empty chat, of this process alone if nothing is shared. */
  constructor(rules: ChatRules, shared?: SharedChat) {
    this.#rules = rules;
    this.#shared = shared;
    const { bus, presence } = shared ?? {};
    this.rooms = new Rooms({
      codec: CODEC,
      ...(bus === undefined ? {} : { bus, wire: WIRE }),
      ...(presence === undefined ? {} : { presence }),
    });
    this.#nicknames = shared?.nicknames ?? new AskedNicknames(this.rooms);
  }

  /** Serves one connection until it ends. */
  serve(socket: TCPSocket): void {
    const protocol = new MessageProtocol<Answer, unknown>(socket, { codec: CODEC });
    const id = this.#newId(socket);
    const client: Client = {
      id,
      socket,
      protocol,
      nickname: "",
      room: undefined,
      lastActivity: Date.now(),
      waiting: undefined,
    };
    this.clients.set(id, client);

    protocol.onMessage = (message) => this.#receive(client, message);
    protocol.onError = (error) => {
      // Any other error has disconnected the client already.
      if (!(error instanceof MessageError)) return;
      protocol.send({ type: "error", code: "invalid_json", message: "A message must be JSON" });
    };
    socket.on("data", (data) => {
      client.lastActivity = Date.now();
      protocol.handleData(data);
    });
    socket.on("shutdown", () => {
      // Everybody here goes at once: only the members elsewhere need hear of it.
      if (client.room !== undefined) this.#leave(client, this.rooms.members(roomOf(client.room)));
      socket.end();
    });
    // At `end` the client will send no more: it leaves as soon as what it asked is answered.
    socket.on("end", () => {
      if (client.waiting === undefined) this.#part(client);
    });
    socket.on("close", () => this.#forget(client));
    // Connections that fail are part of the business: `close` follows, and the server's metrics count the reasons.
    socket.on("error", () => {});
  }

  /** Disconnects the clients from whom nothing came for longer than `idleMs` before `now`. */
  disconnectIdle(now: number = Date.now()): void {
    for (const client of this.clients.values()) {
      if (now - client.lastActivity <= this.#rules.idleMs) continue;
      this.#dismiss(client, { type: "error", code: "idle_timeout", message: "You were silent for too long" });
    }
  }

  /** Ends what is shared with other processes, once everybody is gone. */
  async close(): Promise<void> {
    await Promise.all([this.rooms.close(), this.#nicknames.close()]);
    this.#shared?.disconnect?.();
  }

  /** Requests are answered in their order: what comes while others are asked for an answer waits, in the kernel mostly. */
  #receive(client: Client, message: unknown): Promise<void> | void {
    if (client.waiting !== undefined) return void client.waiting.push(message);
    const answering = this.#answer(client, message);
    if (answering !== undefined) return this.#holdUntil(client, answering);
  }

  async #holdUntil(client: Client, answered: Promise<void>): Promise<void> {
    const { socket } = client;
    const waiting: unknown[] = client.waiting = [];
    socket.pause();
    await answered;
    while (waiting.length > 0) await this.#answer(client, waiting.shift());
    client.waiting = undefined;
    socket.resume();
    if (socket.readableEnded) this.#part(client);
  }

  #answer(client: Client, message: unknown): Promise<void> | void {
    if (client.socket.writableEnded) return; // we are parting, there can be no answer
    try {
      return this.#handle(client, parseRequest(message))?.catch((error) => this.#refuse(client, message, error));
    } catch (error) {
      this.#refuse(client, message, error);
    }
  }

  #refuse(client: Client, message: unknown, error: unknown): void {
    if (!(error instanceof ChatError)) throw error;
    if (this.#isGone(client)) return;
    const request = requestType(message);
    const answer: Answer = { type: "error", code: error.code, message: error.message };
    client.protocol.send(request === undefined ? answer : { ...answer, request });
  }

  /** Gives a promise where others have to be asked, of this process or of others. */
  #handle(client: Client, request: Request): Promise<void> | void {
    if (client.nickname === "" && !["login", "ping", "pong"].includes(request.type)) {
      throw new ChatError("not_logged_in", "Log in first");
    }
    switch (request.type) {
      case "login":
        return this.#logIn(client, request.nickname, request.heartbeat === true);
      case "join_room":
        return this.#join(client, request.room);
      case "leave_room":
        if (isElsewhere(client, request.room)) return this.#explainAbsence(request.room);
        ownRoom(client);
        return this.#leave(client);
      case "chat_message":
        if (isElsewhere(client, request.room)) return this.#explainAbsence(request.room);
        this.rooms.broadcast(roomOf(ownRoom(client)), {
          type: "chat_message",
          from: client.nickname,
          message: request.message,
          timestamp: Date.now(),
        }, { except: client.protocol });
        return;
      case "private_message":
        return this.#whisper(client, request.to, request.message);
      case "who":
        return this.#tellUsers(client, request.room ?? ownRoom(client));
      case "ping":
        client.protocol.send({ type: "pong", timestamp: Date.now() });
        return;
      case "pong": // to nobody's ping: the heartbeat takes those that answer one
    }
  }

  async #logIn(client: Client, nickname: string, answersPings: boolean): Promise<void> {
    if (client.nickname !== "") throw new ChatError("already_logged_in", `You are ${client.nickname} already`);
    const { protocol } = client;
    const key = nicknameKey(nickname);
    if (!await this.#claim(key, client)) {
      throw new ChatError("nickname_taken", `The nickname ${nickname} is taken`);
    }
    if (this.#isGone(client)) return this.#nicknames.release(key, protocol);
    client.nickname = nickname;
    await this.#enter(whispersTo(nickname), client);
    if (this.#isGone(client)) return;
    protocol.send({ type: "login_success", clientId: client.id, message: `Welcome, ${nickname}!` });
    if (!answersPings || this.#rules.heartbeatMs === 0) return;
    protocol.startHeartbeat({
      intervalMs: this.#rules.heartbeatMs,
      ping: () => ({ type: "ping" }),
      isPong: (message) => requestType(message) === "pong",
    });
  }

  async #claim(key: string, client: Client): Promise<boolean> {
    try {
      return await this.#nicknames.claim(key, client.protocol, () =>
        this.#dismiss(client, {
          type: "error",
          code: "nickname_taken",
          message: `Somebody else is called ${client.nickname} now`,
        }));
    } catch {
      throw new ChatError("unavailable", "It cannot be found out now whether the nickname is free; try again later");
    }
  }

  /** Joining the room one is in already changes nothing; any other is left first. */
  async #join(client: Client, name: string): Promise<void> {
    const { nickname, protocol } = client;
    const room = roomOf(name);
    if (name !== client.room) {
      // Whoever joins in another process at this moment is not counted: a room may become a little more than full.
      const { length } = await this.#users(name);
      if (Math.max(length, this.rooms.size(room)) >= this.#rules.maxRoomMembers) {
        throw new ChatError("room_full", `The room ${name} is full`);
      }
      if (this.#isGone(client)) return;
      this.#leave(client);
      client.room = name;
      await this.#enter(room, client);
      if (client.room !== name) return; // gone meanwhile
      const message = `${nickname} joined the room`;
      this.rooms.broadcast(room, { type: "user_joined", nickname, message }, { except: protocol });
    }
    const users = await this.#users(name);
    if (!this.#isGone(client)) protocol.send({ type: "room_joined", room: name, users });
  }

  /** Puts it into a room of `Rooms`, and waits until messages of other processes arrive; not for an engine that is gone. */
  async #enter(room: string, client: Client): Promise<void> {
    const arrives = this.rooms.join(room, client.protocol, client.nickname);
    if (this.rooms.busState === "down") return;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, JOIN_MS);
    await Promise.race([arrives, late.promise]);
    clearTimeout(timer);
  }

  /** Tells the others in its room, but those in `except`. */
  #leave(client: Client, except: Iterable<RoomMember<Answer>> = []): void {
    const { nickname, room } = client;
    if (room === undefined) return;
    client.room = undefined;
    this.rooms.leave(roomOf(room), client.protocol);
    this.rooms.broadcast(
      roomOf(room),
      { type: "user_left", nickname, message: `${nickname} left the room` },
      { except },
    );
  }

  async #whisper(client: Client, to: string, message: string): Promise<void> {
    const room = whispersTo(to);
    if (this.rooms.size(room) === 0) {
      const { members, complete } = await this.rooms.list(room);
      if (members.length === 0) {
        if (complete) throw new ChatError("unknown_recipient", `Nobody here is called ${to}`);
        throw new ChatError("unavailable", `It cannot be found out now where ${to} is; try again later`);
      }
    }
    this.rooms.broadcast(room, { type: "private_message", from: client.nickname, message, timestamp: Date.now() });
  }

  async #tellUsers(client: Client, room: string): Promise<void> {
    const users = await this.#users(room);
    if (users.length === 0) throw new ChatError("unknown_room", `There is no room ${room}`);
    if (!this.#isGone(client)) client.protocol.send({ type: "users", room, users });
  }

  /** The nicknames of those in a room, those in this process first, in the order of joining. */
  async #users(room: string): Promise<string[]> {
    const { members } = await this.rooms.list(roomOf(room));
    return members.filter((nickname) => typeof nickname === "string"); // others may write anything
  }

  /** Why a client may not do that in a room that it is not in. */
  async #explainAbsence(room: string): Promise<never> {
    const { length } = await this.#users(room);
    if (length === 0) throw new ChatError("unknown_room", `There is no room ${room}`);
    throw new ChatError("not_in_room", `You are not in the room ${room}`);
  }

  /** Whether it has left, or we are parting, while others were asked. */
  #isGone({ id, socket }: Client): boolean {
    return socket.writableEnded || !this.clients.has(id);
  }

  /** A last word, and it has to go. */
  #dismiss(client: Client, word: Answer): void {
    client.protocol.send(word);
    client.socket.destroySoon();
    this.#forget(client);
  }

  /** It has ended its side, and has all its answers: nothing can be written to it behind this. */
  #part(client: Client): void {
    this.#forget(client);
    client.socket.end();
  }

  #forget(client: Client): void {
    if (!this.clients.delete(client.id)) return;
    this.#leave(client);
    if (client.nickname === "") return;
    this.rooms.leave(whispersTo(client.nickname), client.protocol);
    this.#nicknames.release(nicknameKey(client.nickname), client.protocol);
  }

  /** Peers of a unix socket have no address, and one port may reach two of our addresses: then our number tells them apart. */
  #newId(socket: TCPSocket): string {
    if (socket.remoteAddress === undefined) return `unix#${socket.id}`;
    const id = `${socket.remoteAddress}:${socket.remotePort}`;
    return this.clients.has(id) ? `${id}#${socket.id}` : id;
  }
}

/** What `Rooms` calls a room of the chat: whatever people call it, it is nobody's inbox. */
function roomOf(name: string): string {
  return `room ${name}`;
}

/** The room that private messages to that person go to. */
function whispersTo(nickname: string): string {
  return `to ${nicknameKey(nickname)}`;
}

/** Nicknames that look alike but for capitals or width are the same. A few signs stand for whole phrases: hence the bound. */
function nicknameKey(nickname: string): string {
  return nickname.normalize("NFKC").toLowerCase().slice(0, 64).toWellFormed();
}

/** Whether the client named another room than the one that it is in. */
function isElsewhere(client: Client, room: string | undefined): room is string {
  return room !== undefined && room !== client.room;
}

function ownRoom({ room }: Client): string {
  if (room === undefined) throw new ChatError("not_in_room", "Join a room first");
  return room;
}
