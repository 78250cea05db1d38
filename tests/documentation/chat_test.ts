/** A chat server as the documentation builds one: maps of clients and rooms, a MessageProtocol for each message sent. */

import { assertEquals } from "@std/assert";
import { createServer, MessageProtocol, type TCPSocket } from "@verb/tcp";
import { Peer } from "./peer.ts";

type Message = Record<string, unknown>;

interface Client {
  readonly socket: TCPSocket;
  nickname: string | null;
  room: string | null;
}

/** The server's whole state, and what clients may ask of it. */
class Chat {
  readonly clients = new Map<string, Client>();
  readonly rooms = new Map<string, Set<string>>();

  serve(socket: TCPSocket): void {
    const id = `${socket.remoteAddress}:${socket.remotePort}`;
    const client: Client = { socket, nickname: null, room: null };
    this.clients.set(id, client);
    const protocol = new MessageProtocol<Message>(socket);
    protocol.onMessage = (message) => {
      switch (message["type"]) {
        case "login":
          client.nickname = String(message["nickname"]);
          protocol.send({ type: "login_success", clientId: id, message: `Welcome, ${client.nickname}!` });
          break;
        case "join_room":
          this.join(id, client, String(message["room"]));
          break;
        case "leave_room":
          this.leave(id, client);
          break;
        case "chat_message":
          this.broadcast(client.room, { type: "chat_message", from: client.nickname, message: message["message"] }, id);
          break;
        case "private_message":
          for (const { socket, nickname } of this.clients.values()) {
            if (nickname !== message["to"]) continue;
            new MessageProtocol<Message>(socket).send({ ...message, from: client.nickname });
          }
      }
    };
    socket.on("data", (data) => protocol.handleData(data));
    socket.on("close", () => {
      this.leave(id, client);
      this.clients.delete(id);
    });
  }

  join(id: string, client: Client, name: string): void {
    this.leave(id, client);
    const room = this.rooms.get(name) ?? new Set();
    this.rooms.set(name, room.add(id));
    client.room = name;
    this.broadcast(name, { type: "user_joined", nickname: client.nickname }, id);
    const users = Array.from(room, (member) => this.clients.get(member)?.nickname);
    new MessageProtocol<Message>(client.socket).send({ type: "room_joined", room: name, users });
  }

  leave(id: string, client: Client): void {
    const { room: name, nickname } = client;
    if (name === null) return;
    client.room = null;
    this.rooms.get(name)?.delete(id);
    if (this.rooms.get(name)?.size === 0) this.rooms.delete(name);
    this.broadcast(name, { type: "user_left", nickname });
  }

  broadcast(room: string | null, message: Message, except?: string): void {
    for (const id of this.rooms.get(room ?? "") ?? []) {
      const client = this.clients.get(id);
      if (id !== except && client !== undefined) new MessageProtocol<Message>(client.socket).send(message);
    }
  }
}

/** A running chat, and a way into it. */
function openChat() {
  const chat = new Chat();
  const app = createServer();
  app.onConnection((socket) => chat.serve(socket));
  app.listen(0, "127.0.0.1");
  const { port } = app.address()!; // listen() has bound at once
  const enter = async (nickname: string, room: string, users: string[]): Promise<Peer> => {
    const peer = await Peer.connect(port);
    await peer.writeMessage({ type: "login", nickname });
    assertEquals(await peer.readMessage(), {
      ...{ type: "login_success", clientId: peer.address, message: `Welcome, ${nickname}!` },
    });
    await peer.writeMessage({ type: "join_room", room });
    assertEquals(await peer.readMessage(), { type: "room_joined", room, users });
    return peer;
  };
  return { app, chat, enter };
}

Deno.test("a documented chat tells a room who joins it and the newcomer who is there", async () => {
  const { app, enter } = openChat();
  await using _closed = app;
  using ann = await enter("Ann", "general", ["Ann"]);
  using _zoe = await enter("Zoë 🦕", "general", ["Ann", "Zoë 🦕"]);
  assertEquals(await ann.readMessage(), { type: "user_joined", nickname: "Zoë 🦕" });
});

Deno.test("a documented chat passes messages to the room, not to their sender, and whispers to one", async () => {
  const { app, enter } = openChat();
  await using _closed = app;
  using ann = await enter("Ann", "general", ["Ann"]);
  using ben = await enter("Ben", "general", ["Ann", "Ben"]);
  using cem = await enter("Cem", "elsewhere", ["Cem"]);
  await ann.readMessage(); // Ben joined
  await ann.writeMessage({ type: "chat_message", message: "hello" });
  assertEquals(await ben.readMessage(), { type: "chat_message", from: "Ann", message: "hello" });
  const whisper = { type: "private_message", to: "Ann", message: "psst" };
  await ben.writeMessage(whisper);
  // Had Ann been sent her own message, it would come first.
  assertEquals(await ann.readMessage(), { ...whisper, from: "Ben" });
  await ann.writeMessage({ ...whisper, to: "Cem" });
  assertEquals(await cem.readMessage(), { ...whisper, to: "Cem", from: "Ann" });
});

Deno.test("a documented chat tells a room who leaves it or the server, and forgets empty rooms", async () => {
  const { app, chat, enter } = openChat();
  await using _closed = app;
  using ann = await enter("Ann", "general", ["Ann"]);
  using ben = await enter("Ben", "general", ["Ann", "Ben"]);
  await ann.readMessage(); // Ben joined
  await ben.writeMessage({ type: "leave_room" });
  assertEquals(await ann.readMessage(), { type: "user_left", nickname: "Ben" });
  await ben.writeMessage({ type: "join_room", room: "general" });
  await ann.readMessage(); // Ben joined again
  await ben.readMessage(); // and was told who is there
  ann.close();
  assertEquals(await ben.readMessage(), { type: "user_left", nickname: "Ann" });
  assertEquals([...chat.clients.keys()], [ben.address]);
  await ben.writeMessage({ type: "join_room", room: "other" });
  await ben.readMessage();
  assertEquals([...chat.rooms.keys()], ["other"]);
});

Deno.test("a MessageProtocol made for each message adds no listener and leaves the stream in order", async () => {
  const { app, enter } = openChat();
  await using _closed = app;
  using ann = await enter("Ann", "general", ["Ann"]);
  using ben = await enter("Ben", "general", ["Ann", "Ben"]);
  await ann.readMessage(); // Ben joined
  const listeners = () =>
    Array.from(app.connections, (socket) => socket.eventNames().map((event) => socket.listenerCount(event)));
  const before = listeners();
  for (let i = 0; i < 200; i++) await ann.writeMessage({ type: "chat_message", message: i });
  for (let i = 0; i < 200; i++) {
    assertEquals(await ben.readMessage(), { type: "chat_message", from: "Ann", message: i });
  }
  assertEquals(listeners(), before);
});
