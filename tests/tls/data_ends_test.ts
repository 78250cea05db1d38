// How a stream ends under TLS: in order, cut off, reset, or broken by somebody in between.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { once } from "node:events";
import type { CloseReceipt, TCPSocket } from "../../mod.ts";
import { ENGINES, link, type Linked } from "./engines.ts";
import { relay, type Relayed } from "./relay.ts";
import { pattern, readAll } from "./support.ts";

/** Who sends, and who is cut off. */
const WAYS = [
  ["client", ({ client, accepted }: Linked | Relayed): readonly [TCPSocket, TCPSocket] => [client, accepted]],
  ["server", ({ client, accepted }: Linked | Relayed): readonly [TCPSocket, TCPSocket] => [accepted, client]],
] as const;

/** The events of a socket that is being read, in their order. */
function hear(socket: TCPSocket): string[] {
  const heard: string[] = [];
  socket.on("data", (data) => heard.push(`data ${data}`));
  socket.on("end", () => heard.push("end"));
  socket.on("error", (error) => heard.push(`error ${error.code}`));
  socket.on("close", (failed) => heard.push(`close ${failed}`));
  return heard;
}

/** Sends that, and waits until the other end, which is being read, has it. */
async function pass(sender: TCPSocket, receiver: TCPSocket, text: string): Promise<void> {
  const came = once(receiver, "data");
  sender.write(text);
  await came;
}

for (const engine of ENGINES) {
  for (const [name, way] of WAYS) {
    Deno.test(`TLS (${engine}, ${name} ends) tells an orderly end as one`, async () => {
      await using linked = await link(engine);
      const [sender, receiver] = way(linked);
      const heard = hear(receiver);
      sender.resume();
      sender.end("all I have");
      assertEquals([(await receiver.closed).reason, (await sender.closed).reason], ["peer", "local"]);
      assertEquals(heard, ["data all I have", "end", "close false"]);
    });

    Deno.test(`TLS (${engine}, ${name} ends) keeps the other direction open with allowHalfOpen`, async () => {
      await using linked = await link(engine, { tcp: { allowHalfOpen: true } });
      const [first, second] = way(linked);
      const bytes = pattern(5_000_000);
      const answer = readAll(first);
      first.end("go on");
      assertEquals(String(await readAll(second)), "go on");
      for (let at = 0; at < bytes.length; at += 500_000) second.write(bytes.subarray(at, at + 500_000));
      second.end();
      assertEquals(Buffer.compare(await answer, bytes), 0);
      assertEquals([(await first.closed).reason, (await second.closed).reason], ["local", "peer"]);
    });

    Deno.test(`TLS (${engine}, ${name} sends) tells a FIN without close_notify as truncated`, async () => {
      await using relayed = await relay(engine);
      const [sender, receiver] = way(relayed);
      const [heard, alike] = [hear(receiver), hear(sender)];
      await pass(sender, receiver, "all I ha");
      relayed.end();
      const receipt = await receiver.closed;
      assertEquals([receipt.reason, receipt.bytesRead], ["truncated", 8]);
      assertEquals(heard, ["data all I ha", "end", "close false"]);
      assertEquals((await sender.closed).reason, "truncated");
      assertEquals(alike, ["end", "close false"]);
      assertEquals(relayed.app.metrics().closed.truncated, 1);
    });

    Deno.test(`TLS (${engine}, ${name} sends) tells a record that is cut off as truncated, and nothing of it`, async () => {
      await using relayed = await relay(engine);
      const [sender, receiver] = way(relayed);
      const heard = hear(receiver);
      await pass(sender, receiver, "whole");
      const direction = sender === relayed.client ? relayed.up : relayed.down;
      direction.change = (bytes) => {
        queueMicrotask(() => relayed.end());
        return bytes.subarray(0, bytes.length - 1);
      };
      sender.write("all but one byte of it comes");
      assertEquals((await receiver.closed).reason, "truncated");
      assertEquals(heard, ["data whole", "end", "close false"]);
    });

    Deno.test(`TLS (${engine}, ${name} sends) gives what came to a reader of a stream that is cut off`, async () => {
      await using relayed = await relay(engine);
      const [sender, receiver] = way(relayed);
      const bytes = pattern(200_000);
      const direction = sender === relayed.client ? relayed.up : relayed.down;
      let passed = 0;
      // The records of the first 200,000 bytes; the rest never comes.
      direction.change = (part) => {
        passed += part.length;
        if (passed > bytes.length) queueMicrotask(() => relayed.end());
        return part;
      };
      sender.write(bytes);
      const read = await readAll(receiver);
      const receipt: CloseReceipt = await receiver.closed;
      assertEquals([receipt.reason, receipt.bytesRead], ["truncated", read.length]);
      assertEquals(Buffer.compare(read, bytes.subarray(0, read.length)), 0);
      assertNotEquals(read.length, 0);
    });

    Deno.test(`TLS (${engine}, ${name} sends) tells a reset as ECONNRESET`, async () => {
      await using relayed = await relay(engine);
      const [sender, receiver] = way(relayed);
      const [heard, alike] = [hear(receiver), hear(sender)];
      await pass(sender, receiver, "all I ha");
      relayed.reset();
      assertEquals([(await receiver.closed).reason, (await sender.closed).reason], ["reset", "reset"]);
      assertEquals(heard, ["data all I ha", "error ECONNRESET", "close true"]);
      assertEquals(alike, ["error ECONNRESET", "close true"]);
    });

    Deno.test(`TLS (${engine}, ${name} sends) tells a reset in the middle of a large write`, async () => {
      await using relayed = await relay(engine, { limits: { maxWriteQueueBytes: Infinity } });
      const [sender, receiver] = way(relayed);
      const failed = new Promise<Error | null | undefined>((resolve) =>
        sender.write(new Uint8Array(64_000_000), resolve)
      );
      const heard = hear(sender);
      receiver.on("error", () => {});
      receiver.on("data", () => relayed.reset()); // goes on reading, or it would not notice
      const receipt = await sender.closed;
      assert(await failed instanceof Error);
      assertEquals(receipt.reason, "reset");
      assert(receipt.unsentBytes > 0 && receipt.bytesWritten > 0, `${receipt.unsentBytes} of 64,000,000 were not sent`);
      assertEquals(heard.length, 2);
      assert(/^error (ECONNRESET|EPIPE)$/.test(heard[0] ?? ""), heard[0]);
      await receiver.closed;
    });

    for (
      const [what, code, change] of [
        ["a byte is changed", "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", (bytes: Uint8Array) => {
          const changed = bytes.slice();
          changed[changed.length - 1]! ^= 1; // it is not empty
          return changed;
        }],
        ["garbage comes", "ERR_SSL_WRONG_VERSION_NUMBER", () => new Uint8Array(300).fill(7)],
      ] as const
    ) {
      Deno.test(`TLS (${engine}, ${name} sends) gives nothing of a record when ${what}`, async () => {
        await using relayed = await relay(engine);
        const [sender, receiver] = way(relayed);
        const heard = hear(receiver);
        sender.on("error", () => {});
        sender.resume();
        await pass(sender, receiver, "whole");
        (sender === relayed.client ? relayed.up : relayed.down).change = change;
        sender.write("changed on its way");
        assertEquals((await receiver.closed).reason, "error");
        assertEquals(heard, ["data whole", `error ${code}`, "close true"]);
      });
    }
  }
}
