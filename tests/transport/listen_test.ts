import { assert, assertEquals, assertThrows } from "@std/assert";
import { TcpError } from "../../src/base/errors.ts";
import { canReusePort, listen } from "../../src/transport/listen.ts";

const onPort = (port: number, hostname = "127.0.0.1") => ({ hostname, port, backlog: 511, reusePort: false });

Deno.test("listen() binds at once to a port of the kernel's choice", async () => {
  const listener = listen(onPort(0));
  const { addr } = listener;
  assert("port" in addr && addr.port > 0);
  const [ours, theirs] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: addr.port }),
    listener.accept(),
  ]);
  assertEquals(ours.localAddr, theirs.remoteAddr);
  ours.close();
  theirs.close();
  listener.close();
});

Deno.test("listen() throws EADDRINUSE and says where", () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const error = assertThrows(() => listen(onPort(port)), TcpError);
  assertEquals([error.code, error.syscall, error.address, error.port], ["EADDRINUSE", "listen", "127.0.0.1", port]);
});

Deno.test("listen() throws EADDRNOTAVAIL for an address that is not ours", () => {
  const error = assertThrows(() => listen(onPort(0, "192.0.2.1")), TcpError);
  assertEquals([error.code, error.address, error.port], ["EADDRNOTAVAIL", "192.0.2.1", 0]);
});

Deno.test("listen() throws ENOENT for a unix path without its directory", () => {
  const path = "/nowhere/at/all";
  const error = assertThrows(() => listen({ path }), TcpError);
  assertEquals([error.code, error.address, error.port], ["ENOENT", path, undefined]);
});

Deno.test("listen() throws EADDRINUSE for a unix path that is taken, and its close() frees it", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/s`;
  try {
    const first = listen({ path });
    assertEquals(assertThrows(() => listen({ path }), TcpError).code, "EADDRINUSE");
    first.close();
    listen({ path }).close();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test({
  name: "listen() throws EACCES without the permission",
  permissions: "none",
  fn: () => assertEquals(assertThrows(() => listen(onPort(0)), TcpError).code, "EACCES"),
});

Deno.test({
  name: "canReusePort() says whether the runtime has the flag, and two listeners can share a port if so",
  permissions: { net: ["127.0.0.1"] },
  fn() {
    assertEquals(canReusePort(), "listenDatagram" in Deno);
    if (!canReusePort()) return;
    const first = listen({ ...onPort(0), reusePort: true });
    assert("port" in first.addr);
    listen({ ...onPort(first.addr.port), reusePort: true }).close();
    first.close();
  },
});
