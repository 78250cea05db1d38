// A chunk whose memory is transferred takes with it what further bytes are read into: that is told, and ends nothing else.

import { assertEquals } from "@std/assert";
import { once } from "node:events";
import { createServer, TcpError, type TCPSocket } from "../../mod.ts";
import { connect } from "../../tcp.ts";

/** What ends a connection whose server does that with its first chunk, before the second comes. */
async function failureOf(
  transfer: (chunk: Buffer, next: () => void, client: TCPSocket) => void,
): Promise<Error | undefined> {
  await using app = createServer();
  app.onError(() => {});
  const accepted = Promise.withResolvers<TCPSocket>();
  app.onConnection((socket) => accepted.resolve(socket));
  app.listen(0, "127.0.0.1");
  await using client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  const socket = await accepted.promise;
  socket.once("data", (chunk) => transfer(chunk, () => client.write("second"), client));
  client.write("first");
  return (await socket.closed).error;
}

for (
  const [when, transfer] of [
    ["within the listener", (chunk: Buffer, next: () => void) => {
      (chunk.buffer as ArrayBuffer).transfer();
      next();
    }],
    ["while the next read is under way", (chunk: Buffer, next: () => void) =>
      void setImmediate(() => {
        (chunk.buffer as ArrayBuffer).transfer();
        next();
      })],
  ] as const
) {
  Deno.test(`a chunk that is transferred ${when} fails its connection with ERR_INVALID_STATE`, async () => {
    const error = await failureOf(transfer);
    assertEquals(error instanceof TcpError && [error.code, error.syscall], ["ERR_INVALID_STATE", "read"]);
  });
}

Deno.test("where nothing more comes than the end, a chunk may be transferred when the next read is under way", async () => {
  const error = await failureOf((chunk, _next, client) =>
    void setImmediate(() => {
      (chunk.buffer as ArrayBuffer).transfer();
      client.end();
    })
  );
  assertEquals(error, undefined);
});

Deno.test("a copy of a chunk may be transferred", async () => {
  await using app = createServer();
  app.onConnection((socket) => {
    socket.on("data", (chunk) => {
      const copy = new Uint8Array(chunk);
      const received = structuredClone(copy, { transfer: [copy.buffer] });
      socket.write(received);
    });
  });
  app.listen(0, "127.0.0.1");
  await using client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  for (const text of ["first", "second", "third"]) {
    client.write(text);
    assertEquals(String((await once(client, "data"))[0]), text);
  }
});
