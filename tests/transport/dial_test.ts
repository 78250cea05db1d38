import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { TcpError } from "../../src/base/errors.ts";
import { dial } from "../../src/transport/dial.ts";

const never = () => new AbortController().signal;

/** A port where nobody listens: one that was ours a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("dial() connects to a port", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const [ours, theirs] = await Promise.all([dial({ host: "127.0.0.1", port }, never()), listener.accept()]);
  assertEquals(ours.localAddr, theirs.remoteAddr);
  ours.close();
  theirs.close();
});

Deno.test("dial() connects to a unix socket", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/s`;
  try {
    using listener = Deno.listen({ transport: "unix", path });
    const [ours, theirs] = await Promise.all([dial({ path }, never()), listener.accept()]);
    await ours.write(new Uint8Array([7]));
    const buffer = new Uint8Array(1);
    assertEquals([await theirs.read(buffer), buffer[0]], [1, 7]);
    ours.close();
    theirs.close();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("dial() rejects with ECONNREFUSED and says where", async () => {
  const port = freePort();
  const error = await assertRejects(() => dial({ host: "127.0.0.1", port }, never()), TcpError);
  assertEquals([error.code, error.syscall, error.address, error.port], ["ECONNREFUSED", "connect", "127.0.0.1", port]);
  assertInstanceOf(error.cause, Deno.errors.ConnectionRefused);
});

Deno.test("dial() rejects with ENOENT for a unix path that is not there", async () => {
  const path = "/nowhere/at/all";
  const error = await assertRejects(() => dial({ path }, never()), TcpError);
  assertEquals([error.code, error.syscall, error.address, error.port], ["ENOENT", "connect", path, undefined]);
});

Deno.test({
  name: "dial() rejects with EACCES without the permission",
  permissions: "none",
  async fn() {
    const error = await assertRejects(() => dial({ host: "127.0.0.1", port: 9 }, never()), TcpError);
    assertEquals(error.code, "EACCES");
    const unix = await assertRejects(() => dial({ path: "/nowhere" }, never()), TcpError);
    assertEquals(unix.code, "EACCES");
  },
});

Deno.test("dial() rejects with ECANCELED for a signal that was aborted before", async () => {
  const signal = AbortSignal.abort();
  const port = freePort();
  const error = await assertRejects(() => dial({ host: "127.0.0.1", port }, signal), TcpError);
  assertEquals([error.code, error.syscall], ["ECANCELED", "connect"]);
});

Deno.test("dial() rejects with ECANCELED when its signal is aborted while it waits", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const abort = new AbortController();
  const dialing = assertRejects(() => dial({ host: "127.0.0.1", port: listener.addr.port }, abort.signal), TcpError);
  abort.abort(new Error("mine"));
  assertEquals((await dialing).code, "ECANCELED");
});

Deno.test("dial() closes a unix connection that came after the abort", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/s`;
  try {
    using listener = Deno.listen({ transport: "unix", path });
    const abort = new AbortController();
    const dialing = assertRejects(() => dial({ path }, abort.signal), TcpError);
    abort.abort();
    assertEquals((await dialing).code, "ECANCELED");
    const theirs = await listener.accept();
    assertEquals(await theirs.read(new Uint8Array(1)), null); // nobody holds the other end
    theirs.close();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("dial() does not close a connection whose signal is aborted later", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const abort = new AbortController();
  const { port } = listener.addr;
  const [ours, theirs] = await Promise.all([dial({ host: "127.0.0.1", port }, abort.signal), listener.accept()]);
  abort.abort();
  await theirs.write(new Uint8Array([7]));
  assertEquals(await ours.read(new Uint8Array(1)), 1);
  ours.close();
  theirs.close();
});
