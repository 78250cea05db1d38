// What happens to bytes and ends under TLS: cut streams, resets, readers that do not read.

import { assert, assertEquals, assertLess } from "@std/assert";
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import type { CloseReceipt, TCPSocket } from "../../mod.ts";
import { connectTo, listen, listenEcho, pattern, server } from "./support.ts";

const pair = { cert: server.cert, key: server.key };
const ENGINES = ["node", "deno"] as const;

/** Options of a server with that engine. */
const using = (engine: "node" | "deno") => ({
  tls: { ...pair, engine },
  ...(engine === "deno" ? { tcp: { noDelay: false } } : {}),
});

/** A connection of node:tls over one of node:net, which can reset it. */
async function connectNode(port: number): Promise<{ raw: net.Socket; secured: tls.TLSSocket }> {
  const raw = net.connect(port, "127.0.0.1");
  const secured = tls.connect({ socket: raw, servername: "localhost", rejectUnauthorized: false });
  for (const socket of [raw, secured]) socket.on("error", () => {});
  await once(secured, "secureConnect");
  return { raw, secured };
}

for (const engine of ENGINES) {
  Deno.test(`TLS (${engine}) tells a stream without close_notify as truncated`, async () => {
    await using app = listen(using(engine));
    const heard: string[] = [];
    const receipt = new Promise<CloseReceipt>((resolve) => {
      app.onConnection((socket) => {
        for (const event of ["data", "end", "error", "close"] as const) {
          socket.on(event, (arg: unknown) => heard.push(`${event} ${arg ?? ""}`.trim()));
        }
        socket.closed.then(resolve);
      });
    });
    const socket = await connectTo(app);
    await new Promise((resolve) => socket.write("all I ha", resolve));
    socket.destroy();
    assertEquals((await receipt).reason, "truncated");
    assertEquals(heard, ["data all I ha", "end", "close false"]);
    assertEquals(app.metrics().closed.truncated, 1);
  });

  Deno.test(`TLS (${engine}) tells a reset as ECONNRESET`, async () => {
    await using app = listen(using(engine));
    const accepted = new Promise<TCPSocket>((resolve) => app.onConnection(resolve));
    const { raw, secured } = await connectNode(app.address()!.port);
    const socket = await accepted;
    const failed = new Promise<string | undefined>((resolve) => socket.on("error", (error) => resolve(error.code)));
    socket.resume();
    const closed = once(secured, "close");
    raw.resetAndDestroy();
    secured.destroy();
    assertEquals(await failed, "ECONNRESET");
    assertEquals((await socket.closed).reason, "reset");
    await closed;
  });

  Deno.test(`TLS (${engine}) holds back a peer whose bytes nobody reads, and tells its end when they are read`, async () => {
    await using app = listen({ ...using(engine), limits: { maxWriteQueueBytes: Infinity } });
    const accepted = new Promise<TCPSocket>((resolve) => app.onConnection(resolve));
    const socket = await connectTo(app, { limits: { maxWriteQueueBytes: Infinity } });
    const chunk = new Uint8Array(1_048_576);
    for (let i = 0; i < 64; i++) socket.write(chunk);
    socket.end();
    const slow = await accepted;
    // The peer writes until the buffers in between are full.
    for (let last = -1; last !== socket.writableLength;) {
      last = socket.writableLength;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert(socket.writableLength > 0, "everything went somewhere");
    assertLess(slow.bytesRead, 200_000);
    let bytes = 0;
    slow.on("data", (data) => bytes += data.length);
    slow.on("end", () => slow.end());
    socket.resume();
    assertEquals((await slow.closed).reason, "peer");
    assertEquals(bytes, 64 * chunk.length);
    assertEquals((await socket.closed).reason, "local");
  });
}

Deno.test("TLS carries ten thousand writes of one byte in order", async () => {
  await using app = listenEcho({ tls: pair });
  const socket = await connectTo(app);
  const sent = pattern(10_000);
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const byte of sent) socket.write(Uint8Array.of(byte));
  for await (const chunk of socket) {
    chunks.push(chunk);
    if ((at += chunk.length) === sent.length) break;
  }
  assertEquals(Buffer.compare(Buffer.concat(chunks), sent), 0);
});
