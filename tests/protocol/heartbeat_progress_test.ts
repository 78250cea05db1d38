/** A peer that takes what is sent to it is alive, though its pong has to wait behind all that. */

import { assertEquals, assertGreater } from "@std/assert";
import { once } from "node:events";
import { connect, createServer, MessageProtocol, type TCPSocket } from "../../mod.ts";
import { ENGINES, link as linkTls } from "../tls/engines.ts";

const INTERVAL_MS = 100;
const MISSES = 2;
const DOWNLOAD = new Uint8Array(256 * 1_024 * 1_024);

interface Ends {
  readonly sender: TCPSocket;
  readonly taker: TCPSocket;
  readonly close: () => Promise<unknown>;
}

async function plain(): Promise<Ends> {
  const app = createServer();
  const accepting = once(app, "connection");
  app.onError(() => {}).onConnection(() => {}).listen(0, "127.0.0.1");
  const taker = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  const [sender] = await accepting;
  return { sender, taker, close: () => app.close({ drainMs: 0 }) };
}

const WAYS: [name: string, open: () => Promise<Ends>][] = [["plain", plain]];
for (const engine of ENGINES) {
  WAYS.push([`TLS, engine ${engine}`, async () => {
    const linked = await linkTls(engine);
    return { sender: linked.accepted, taker: linked.client, close: async () => await linked[Symbol.asyncDispose]() };
  }]);
}

for (const [name, open] of WAYS) {
  Deno.test(`a peer that takes a large download is alive, and gone when it takes no more (${name})`, async () => {
    const { sender, taker, close } = await open();
    taker.on("error", () => {}); // it is cut off
    let taken = 0;
    taker.on("data", (data) => {
      taken += data.length;
      if (taken % 1_048_576 < data.length) { // about as many at a time
        taker.pause();
        setTimeout(() => taker.resume(), 15);
      }
    });
    sender.write(DOWNLOAD); // more than the queue takes by pieces
    const protocol = new MessageProtocol(sender).attach();
    protocol.startHeartbeat({ ping: () => "ping", intervalMs: INTERVAL_MS, misses: MISSES, jitter: 0 });
    await new Promise((later) => setTimeout(later, 3 * (MISSES + 1) * INTERVAL_MS));
    assertEquals(sender.destroyed, false, `after ${taken} bytes`);
    assertGreater(sender.writableLength, 0, "it must last longer than that");
    taker.pause();
    taker.resume = () => taker;
    assertEquals((await sender.closed).reason, "heartbeat");
    taker.destroy();
    await close();
  });
}
