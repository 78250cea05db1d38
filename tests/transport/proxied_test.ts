// A PROXY header is read off a connection, and the connection goes on behind it.

import { assertEquals, assertRejects } from "@std/assert";
import { TcpError } from "../../src/base/errors.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { readProxyHeader } from "../../src/transport/proxied.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { ascii, binaryHeader, GOOD_HEADERS, joined } from "../support/proxy_headers.ts";

async function readAll(transport: Transport, buffer: Uint8Array): Promise<string> {
  let text = "";
  for (let bytes; (bytes = await transport.read(buffer)) !== null;) {
    text += new TextDecoder().decode(buffer.subarray(0, bytes));
  }
  return text;
}

for (const [name, bytes, remoteAddr] of GOOD_HEADERS) {
  Deno.test(`what comes behind the header goes on, however it is cut: ${name}`, async () => {
    for (const maxReadBytes of [1, 7, 255, 256, 257, Infinity]) {
      for (const readBytes of [1, 64, 65_536]) {
        const [near, far] = memoryPair({ maxReadBytes });
        const told = { own: near.localAddr, peer: remoteAddr ?? near.remoteAddr };
        await far.write(joined(bytes, ascii("hello")));
        await far.closeWrite();
        const transport = await readProxyHeader(near);
        assertEquals({ own: transport.localAddr, peer: transport.remoteAddr }, told);
        assertEquals(await readAll(transport, new Uint8Array(readBytes)), "hello");
        transport.close();
        await assertRejects(() => transport.read(new Uint8Array(1)), Deno.errors.BadResource);
        far.close();
      }
    }
  });
}

Deno.test("a connection that is closed with bytes behind its header unread gives none of them", async () => {
  const [near, far] = memoryPair();
  await far.write(joined(binaryHeader(), ascii("hello")));
  const transport = await readProxyHeader(near);
  transport.close();
  await assertRejects(() => transport.read(new Uint8Array(1)), Deno.errors.BadResource);
  far.close();
});

Deno.test("a connection that goes on behind its header writes and ends as before", async () => {
  const [near, far] = memoryPair();
  await far.write(binaryHeader());
  const transport = await readProxyHeader(near);
  assertEquals(await transport.write(ascii("answer")), 6);
  await transport.closeWrite();
  assertEquals(await readAll(far, new Uint8Array(64)), "answer");
  transport.close();
  far.close();
});

Deno.test("a connection that ends inside its header is told as truncated", async () => {
  for (const bytes of [new Uint8Array(0), ascii("PROXY TCP4 192"), binaryHeader().subarray(0, 20)]) {
    const [near, far] = memoryPair();
    if (bytes.length > 0) await far.write(bytes);
    await far.closeWrite();
    const error = await assertRejects(() => readProxyHeader(near), TcpError, `ended after ${bytes.length} bytes`);
    assertEquals(error.code, "ERR_PROXY_HEADER_TRUNCATED");
    near.close();
    far.close();
  }
});

Deno.test("a connection that is reset inside its header is told as ECONNRESET", async () => {
  const [near, far] = memoryPair();
  await far.write(ascii("PROXY TCP4 192"));
  const rejected = assertRejects(() => readProxyHeader(near), TcpError);
  far.reset();
  assertEquals((await rejected).code, "ECONNRESET");
  near.close();
});
