/**
 * The chat itself: who is connected and logged in, and what each request does. It shows a protocol over
 * `MessageProtocol`, connection tracking, and how a connection is left behind in each of the ways it may end.
 *
 * Nothing to run here; `server.ts` is the server.
 *
 * @module
 */

import { type Codec, json, lengthPrefixed, MessageError, MessageProtocol, type TCPSocket } from "@verb/tcp";
import { type Answer, ChatError, MAX_REQUEST_BYTES, parseRequest, type Request, requestType } from "./messages.ts";
import { type Member, type Room, Rooms } from "./rooms.ts";

/** One connection, logged in or not. */
export interface Client extends Member {
  readonly id: string;
  readonly socket: TCPSocket;
  /** Empty until the login. */
  nickname: string;
  /** When the client last sent something; what it is sent does not count. */
  lastActivity: number;
}

// Requests are short, answers may list a whole room.
const requests = json({ framing: lengthPrefixed({ maxFrameBytes: MAX_REQUEST_BYTES }) });
const answers = json<Answer>();
const CODEC: Codec<Answer, unknown> = {
  decoder: () => requests.decoder(),
  encode: (answer) => answers.encode(answer),
};

/** The state of one chat server. */
export class Chat {
  /** Everybody who is connected, by client id. */
  readonly clients: Map<string, Client> = new Map();
  /** The rooms that have members. */
  readonly rooms: Rooms = new Rooms();
  readonly #loggedIn = new Map<string, Client>();
  readonly #idleMs: number;
  readonly #maxRoomMembers: number;
  readonly #heartbeatMs: number;

  /** An empty chat. A `heartbeatMs` of 0 is no heartbeat for anybody. */
  constructor(idleMs: number, maxRoomMembers: number, heartbeatMs: number) {
    this.#idleMs = idleMs;
    this.#maxRoomMembers = maxRoomMembers;
    this.#heartbeatMs = heartbeatMs;
  }

  /** Serves one connection until it ends. */
  serve(socket: TCPSocket): void {
    const protocol = new MessageProtocol<Answer, unknown>(socket, { codec: CODEC });
    const id = this.#newId(socket);
    const client: Client = { id, socket, protocol, nickname: "", room: undefined, lastActivity: Date.now() };
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
      // Everybody goes at once: the members of a room need not hear of each other.
      this.rooms.leave(client);
      socket.end();
    });
    // At `end` the client will send no more. It leaves here and not at `close`, which may come later, because nothing
    // can be written to it any more.
    socket.on("end", () => this.#forget(client));
    socket.on("close", () => this.#forget(client));
    // Connections that fail are part of the business: `close` follows, and the server's metrics count the reasons.
    socket.on("error", () => {});
  }

  /** Disconnects the clients from whom nothing came for longer than `idleMs` before `now`. */
  disconnectIdle(now: number = Date.now()): void {
    for (const client of this.clients.values()) {
      if (now - client.lastActivity <= this.#idleMs) continue;
      client.protocol.send({ type: "error", code: "idle_timeout", message: "You were silent for too long" });
      client.socket.destroySoon();
      this.#forget(client);
    }
  }

  #receive(client: Client, message: unknown): void {
    if (client.socket.writableEnded) return; // we are parting, there can be no answer
    try {
      this.#handle(client, parseRequest(message));
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      const request = requestType(message);
      const answer: Answer = { type: "error", code: error.code, message: error.message };
      client.protocol.send(request === undefined ? answer : { ...answer, request });
    }
  }

  #handle(client: Client, request: Request): void {
    if (client.nickname === "" && !["login", "ping", "pong"].includes(request.type)) {
      throw new ChatError("not_logged_in", "Log in first");
    }
    switch (request.type) {
      case "login":
        return this.#logIn(client, request.nickname, request.heartbeat === true);
      case "join_room":
        return this.#join(client, request.room);
      case "leave_room":
        this.#ownRoom(client, request.room);
        return this.#leave(client);
      case "chat_message":
        return this.#ownRoom(client, request.room).broadcast({
          type: "chat_message",
          from: client.nickname,
          message: request.message,
          timestamp: Date.now(),
        }, client);
      case "private_message":
        return this.#whisper(client, request.to, request.message);
      case "who": {
        const room = request.room === undefined ? this.#ownRoom(client) : this.#room(request.room);
        client.protocol.send({ type: "users", room: room.name, users: room.users });
        return;
      }
      case "ping":
        client.protocol.send({ type: "pong", timestamp: Date.now() });
        return;
      case "pong": // to nobody's ping: the heartbeat takes those that answer one
    }
  }

  #logIn(client: Client, nickname: string, answersPings: boolean): void {
    if (client.nickname !== "") throw new ChatError("already_logged_in", `You are ${client.nickname} already`);
    const key = nicknameKey(nickname);
    if (this.#loggedIn.has(key)) throw new ChatError("nickname_taken", `The nickname ${nickname} is taken`);
    this.#loggedIn.set(key, client);
    client.nickname = nickname;
    client.protocol.send({ type: "login_success", clientId: client.id, message: `Welcome, ${nickname}!` });
    if (!answersPings || this.#heartbeatMs === 0) return;
    client.protocol.startHeartbeat({
      intervalMs: this.#heartbeatMs,
      ping: () => ({ type: "ping" }),
      isPong: (message) => requestType(message) === "pong",
    });
  }

  /** Joining the room one is in already changes nothing; any other is left first. */
  #join(client: Client, name: string): void {
    const { nickname, protocol } = client;
    let room = this.rooms.get(name);
    if (room === undefined || room !== client.room) {
      if (room !== undefined && room.members.size >= this.#maxRoomMembers) {
        throw new ChatError("room_full", `The room ${name} is full`);
      }
      this.#leave(client);
      room = this.rooms.enter(name, client);
      room.broadcast({ type: "user_joined", nickname, message: `${nickname} joined the room` }, client);
    }
    protocol.send({ type: "room_joined", room: name, users: room.users });
  }

  #leave(client: Client): void {
    const { nickname } = client;
    this.rooms.leave(client)?.broadcast(
      { type: "user_left", nickname, message: `${nickname} left the room` },
      client,
    );
  }

  #whisper(client: Client, to: string, message: string): void {
    const recipient = this.#loggedIn.get(nicknameKey(to));
    if (recipient === undefined) throw new ChatError("unknown_recipient", `Nobody here is called ${to}`);
    recipient.protocol.send({ type: "private_message", from: client.nickname, message, timestamp: Date.now() });
  }

  /** The room that `client` is in; if it named one, that must be it. */
  #ownRoom(client: Client, name?: string): Room {
    const { room } = client;
    if (name !== undefined && name !== room?.name) {
      throw new ChatError("not_in_room", `You are not in the room ${this.#room(name).name}`);
    }
    if (room === undefined) throw new ChatError("not_in_room", "Join a room first");
    return room;
  }

  #room(name: string): Room {
    const room = this.rooms.get(name);
    if (room === undefined) throw new ChatError("unknown_room", `There is no room ${name}`);
    return room;
  }

  #forget(client: Client): void {
    if (!this.clients.delete(client.id)) return;
    if (client.nickname !== "") this.#loggedIn.delete(nicknameKey(client.nickname));
    this.#leave(client);
  }

  /** Peers of a unix socket have no address, and one port may reach two of our addresses: then our number tells them apart. */
  #newId(socket: TCPSocket): string {
    if (socket.remoteAddress === undefined) return `unix#${socket.id}`;
    const id = `${socket.remoteAddress}:${socket.remotePort}`;
    return this.clients.has(id) ? `${id}#${socket.id}` : id;
  }
}

/** Nicknames that look alike but for capitals or width are the same. */
function nicknameKey(nickname: string): string {
  return nickname.normalize("NFKC").toLowerCase();
}
