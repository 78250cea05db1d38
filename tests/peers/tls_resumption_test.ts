// Sessions resumed by OpenSSL: a ticket brings back a certificate, not a proof.

import { assertEquals } from "@std/assert";
import type { TcpServer, TCPSocket, TlsOptions } from "../../mod.ts";
import { makeAuthority, type Pair } from "../support/certificates.ts";
import { authority, client, listen, server, strict } from "../tls/support.ts";

/** What a server says of a client. */
type Verdict = readonly [authorized: boolean, error: string | undefined];

/** Sessions and certificates of one client, in files. */
interface Client extends AsyncDisposable {
  /** Connects, and says how that went: `"resumed"`, `"full"`, or `"refused"` without a byte of an answer. */
  connect(app: TcpServer): Promise<"resumed" | "full" | "refused">;
}

async function openssl(version: "-tls1_2" | "-tls1_3", pair: Pair | undefined): Promise<Client> {
  const directory = await Deno.makeTempDir();
  const file = (name: string) => `${directory}/${name}`;
  if (pair !== undefined) {
    await Deno.writeTextFile(file("cert.pem"), pair.cert);
    await Deno.writeTextFile(file("key.pem"), pair.key);
  }
  const certificate = pair === undefined ? [] : ["-cert", file("cert.pem"), "-key", file("key.pem")];
  let session: string[] = [];
  return {
    async connect(app) {
      const child = new Deno.Command("openssl", {
        args: [
          ...["s_client", "-connect", `127.0.0.1:${app.address()!.port}`, "-servername", "localhost", version],
          ...certificate,
          ...session,
          ...["-sess_out", file("session.pem")],
        ],
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const writer = child.stdin.getWriter();
      let output = "";
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        output += text;
        // The server speaks first: then the tickets are here, too.
        if (output.includes("WELCOME")) await writer.close().catch(() => {});
      }
      await writer.close().catch(() => {});
      await child.status;
      if (!output.includes("WELCOME")) return "refused";
      session = ["-sess_in", file("session.pem")];
      return /^Reused, /m.test(output) ? "resumed" : "full";
    },
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

/** A server that notes what it thinks of its clients. */
function judging(tls: TlsOptions): { app: TcpServer; verdicts: Verdict[] } {
  const verdicts: Verdict[] = [];
  const app = listen({ tls }).onConnection((socket: TCPSocket) => {
    verdicts.push([socket.authorized, socket.authorizationError]);
    socket.resume();
    socket.write("WELCOME\n");
  });
  return { app, verdicts };
}

const lenient = { ...strict, rejectUnauthorized: false };
const stranger = await (await makeAuthority("Other CA")).issue("stranger", { use: "client" });

for (const version of ["-tls1_2", "-tls1_3"] as const) {
  Deno.test(`an honest resumption stays authorized (${version})`, async () => {
    const { app, verdicts } = judging(strict);
    await using _ = app;
    await using peer = await openssl(version, client);
    assertEquals([await peer.connect(app), await peer.connect(app)], ["full", "resumed"]);
    assertEquals(verdicts, [[true, undefined], [true, undefined]]);
  });

  Deno.test(`a ticket of a lenient server opens no strict one (${version})`, async () => {
    const soft = judging(lenient);
    const hard = judging(strict);
    await using _ = soft.app;
    await using __ = hard.app;
    await using peer = await openssl(version, stranger);
    assertEquals([await peer.connect(soft.app), await peer.connect(hard.app)], ["full", "refused"]);
    assertEquals(soft.verdicts, [[false, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]]);
    assertEquals(hard.verdicts, []);
  });

  Deno.test(`a tolerated certificate is not authorized when its session is resumed (${version})`, async () => {
    const { app, verdicts } = judging(lenient);
    await using _ = app;
    await using peer = await openssl(version, stranger);
    assertEquals([await peer.connect(app), await peer.connect(app)], ["full", "resumed"]);
    assertEquals(verdicts, [[false, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"], [false, "ERR_TLS_SESSION_UNVERIFIED"]]);
  });

  Deno.test(`a ticket of a server that asks nobody opens no strict one (${version})`, async () => {
    const open = judging({ cert: server.cert, key: server.key });
    const hard = judging(strict);
    await using _ = open.app;
    await using __ = hard.app;
    await using peer = await openssl(version, client);
    assertEquals([await peer.connect(open.app), await peer.connect(hard.app)], ["full", "refused"]);
    assertEquals(hard.verdicts, []);
  });

  Deno.test(`a session from before a reload with another ca is not authorized (${version})`, async () => {
    const { app, verdicts } = judging(lenient);
    await using _ = app;
    await using peer = await openssl(version, client);
    assertEquals(await peer.connect(app), "full");
    app.reloadTls({ ca: (await makeAuthority("Next CA")).cert });
    assertEquals(await peer.connect(app), "resumed");
    assertEquals(verdicts, [[true, undefined], [false, "ERR_TLS_SESSION_UNVERIFIED"]]);
  });
}

Deno.test("an X.509 v1 root in ca is refused at listen()", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const run = async (...args: string[]) => {
      const { success } = await new Deno.Command("openssl", { args, cwd: directory, stdout: "null", stderr: "null" })
        .output();
      assertEquals(success, true);
    };
    await run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem");
    await run("req", "-new", "-key", "key.pem", "-subj", "/CN=Old Root", "-out", "request.pem");
    await run("x509", "-req", "-in", "request.pem", "-signkey", "key.pem", "-out", "root.pem");
    const ca = await Deno.readTextFile(`${directory}/root.pem`);
    let message = "";
    try {
      await listen({ tls: { ...strict, ca: [authority.cert, ca] } }).close();
    } catch (error) {
      message = String(error);
    }
    assertEquals(message.slice(0, 66), 'TypeError: Option "tls.ca" must hold X.509 version 3 certificates;');
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
