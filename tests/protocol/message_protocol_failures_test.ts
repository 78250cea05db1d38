import { assert, assertEquals } from "@std/assert";
import { once } from "node:events";
import { connect, createServer, FrameError, MessageProtocol } from "../../mod.ts";
import { runModule } from "../support/child.ts";

Deno.test("an async onMessage that rejects reaches app.onError and costs only its socket", async () => {
  await using app = createServer();
  const failed = new Promise<string>((resolve) => app.onError((error) => resolve(error.message)));
  app.onConnection((socket) => {
    new MessageProtocol(socket).attach().onMessage = () => Promise.reject(new Error("boom"));
  }).listen(0, "127.0.0.1");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  new MessageProtocol(client).send("x");
  assertEquals(await failed, "boom");
  client.resume();
  await client.closed;
});

Deno.test("a peer that ends inside a message is told to onError as ERR_FRAME_TRUNCATED", async () => {
  await using app = createServer();
  const told = Promise.withResolvers<Error>();
  const accepted = once(app, "connection");
  app.onConnection((socket) => {
    new MessageProtocol(socket).attach().onError = told.resolve;
  }).listen(0, "127.0.0.1");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  client.resume();
  client.end(new Uint8Array([0, 0, 0, 9, 1]));
  const error = await told.promise;
  assert(error instanceof FrameError);
  assertEquals(error.code, "ERR_FRAME_TRUNCATED");
  const [socket] = await accepted;
  assertEquals((await socket.closed).reason, "protocol");
  await client.closed;
});

Deno.test("a message that is not JSON reaches app.onError where the protocol has no onError, and the stream goes on", async () => {
  await using app = createServer();
  const codes: unknown[] = [];
  const got = Promise.withResolvers<unknown>();
  app.onError((error) => void codes.push(error.code));
  app.onConnection((socket) => {
    new MessageProtocol(socket).attach().onMessage = got.resolve;
  }).listen(0, "127.0.0.1");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  client.write(new Uint8Array([0, 0, 0, 1, 0x7b]));
  new MessageProtocol(client).send("next");
  assertEquals([await got.promise, codes], ["next", ["ERR_MESSAGE_INVALID"]]);
  client.end();
});

Deno.test("a client whose protocol has an onError is not ended by what a server sends", async () => {
  const { code, stdout, stderr } = await runModule(`
    import { connect, createServer, MessageProtocol } from "@verb/tcp";
    const app = createServer().onConnection((socket) => { socket.end(new Uint8Array([255, 0, 0, 0])); }).listen(0);
    const client = await connect({ port: app.address()!.port });
    const protocol = new MessageProtocol(client).attach();
    protocol.onError = (error) => console.log((error as { code?: string }).code);
    console.log((await client.closed).reason);
    await app.close();
  `);
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "ERR_FRAME_TOO_LARGE\nprotocol\n", stderr: "" });
});
