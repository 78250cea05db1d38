// What one of our clients has tolerated or trusted is no proof for another, though all of a process could share sessions.

import { assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import tls from "node:tls";
import type { ClientTlsOptions, TcpServer } from "../../mod.ts";
import { makeAuthority } from "../support/certificates.ts";
import { connectTo, listen } from "./support.ts";

const otherAuthority = await makeAuthority("Other CA");
const impostor = await otherAuthority.issue("localhost");

/** Connects and stays until the server has spoken, so that its tickets have come. */
async function visit(app: TcpServer, options: ClientTlsOptions): Promise<readonly [boolean, string | undefined]> {
  const socket = await connectTo(app, { tls: { engine: "node", ...options } });
  await once(socket, "data");
  const { authorized, authorizationError } = socket;
  socket.end();
  await socket.resume().closed;
  return [authorized, authorizationError];
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  const only = { minVersion: version, maxVersion: version };
  const open = () =>
    listen({ tls: { cert: impostor.cert, key: impostor.key } }).onConnection((socket) => socket.end("welcome"));

  Deno.test(`a strict client does not believe the session of a lenient one (${version})`, async () => {
    await using app = open();
    const verdict = [false, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"] as const;
    assertEquals(await visit(app, { ...only, rejectUnauthorized: false }), verdict);
    const error = await assertRejects(() => visit(app, only), Error);
    assertEquals(Reflect.get(error, "code"), verdict[1]);
  });

  Deno.test(`a lenient client says each time what is wrong (${version})`, async () => {
    await using app = open();
    const visits = [];
    for (let i = 0; i < 3; i++) visits.push((await visit(app, { ...only, rejectUnauthorized: false }))[0]);
    assertEquals(visits, [false, false, false]);
  });

  Deno.test(`a client does not believe the session of one with another ca (${version})`, async () => {
    await using app = open();
    assertEquals(await visit(app, { ...only, ca: otherAuthority.cert }), [true, undefined]);
    await assertRejects(() => visit(app, only), Error, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });

  Deno.test(`a client does not believe the session of a lenient node:tls client beside it (${version})`, async () => {
    await using app = open();
    const { port } = app.address()!;
    for (let i = 0; i < 2; i++) {
      const socket = tls.connect({ port, servername: "localhost", rejectUnauthorized: false, ...only });
      await once(socket, "data");
      socket.destroy();
      await once(socket, "close");
    }
    await assertRejects(() => visit(app, only), Error, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });

  Deno.test(`a client's own check of the name is asked each time (${version})`, async () => {
    await using app = open();
    const asked: string[] = [];
    const checkServerIdentity = (name: string) => void asked.push(name);
    for (let i = 0; i < 3; i++) await visit(app, { ...only, ca: otherAuthority.cert, checkServerIdentity });
    assertEquals(asked, ["localhost", "localhost", "localhost"]);
  });
}
