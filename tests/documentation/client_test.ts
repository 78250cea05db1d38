/** The documentation's client: a TCPSocket with events, messages over it. */

import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { createServer, MessageProtocol } from "@verb/tcp";
import { TCPSocket } from "@verb/tcp/tcp";

/** A port of the loopback where nobody listens. */
function deadPort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}

Deno.test("a client connects by name, logs in, joins and gets its answers in order", async () => {
  await using app = createServer();
  app.onConnection((socket) => {
    const protocol = new MessageProtocol<Record<string, string>>(socket).attach();
    protocol.onMessage = ({ type, nickname, room }) => {
      if (type === "login") protocol.send({ type: "login_success", message: `Welcome, ${nickname}!` });
      if (type === "join_room") protocol.send({ type: "room_joined", room: `${room}` });
    };
  });
  app.listen(0, "127.0.0.1");

  const client = new TCPSocket();
  const protocol = new MessageProtocol(client); // before there is a connection
  const received: unknown[] = [];
  const bothAnswers = Promise.withResolvers<void>();
  client.connect(app.address()!.port, "localhost", () => { // listen() has bound at once
    protocol.send({ type: "login", nickname: "Test" });
    protocol.send({ type: "join_room", room: "general" });
  });
  client.on("data", (data) => {
    assert(Buffer.isBuffer(data));
    protocol.handleData(data);
  });
  protocol.onMessage = (message) => {
    if (received.push(message) === 2) bothAnswers.resolve();
  };
  client.on("error", (error) => bothAnswers.reject(error));
  const closed = new Promise<boolean>((resolve) => client.on("close", resolve));

  await bothAnswers.promise;
  assertEquals(received, [
    { type: "login_success", message: "Welcome, Test!" },
    { type: "room_joined", room: "general" },
  ]);
  client.end();
  assertEquals(await closed, false);
});

Deno.test("a client that is refused gets an error with its code, then close", async () => {
  const client = new TCPSocket();
  const told: unknown[] = [];
  client.on("data", () => told.push("data"));
  client.on("error", (error) => told.push(error.code));
  client.connect(deadPort(), "localhost", () => told.push("connected"));
  await new Promise((resolve) => {
    client.on("close", (hadError) => {
      told.push(["close", hadError]);
      resolve(undefined);
    });
  });
  assertEquals(told, ["ECONNREFUSED", ["close", true]]);
});

Deno.test("a client is told when the server ends the connection", async () => {
  await using app = createServer();
  app.onConnection((socket) => socket.end("goodbye"));
  app.listen(0, "127.0.0.1");
  const client = new TCPSocket();
  let received = "";
  client.on("data", (data) => received += data);
  client.connect(app.address()!.port, "localhost"); // listen() has bound at once
  await new Promise((resolve) => client.on("close", resolve));
  assertEquals(received, "goodbye");
});
