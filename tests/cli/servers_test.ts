// The command line with real protocols of ours: the chat of the examples, and a server of the SMTP kind.

import { assertEquals, assertMatch } from "@std/assert";
import { createServer, framed } from "../../mod.ts";
import { delimited } from "../../src/framing/mod.ts";
import { connectChat } from "../../examples/chat/client.ts";
import { Guest, Hall } from "../examples/chat_hall.ts";
import { makeAuthority } from "../support/certificates.ts";
import { run, Vtcp } from "./vtcp.ts";

Deno.test("connect --codec json is a chat client for those who know its messages", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  await using ben = new Vtcp(["connect", `127.0.0.1:${hall.port}`, "--codec", "json"]);
  await ben.type('{"type":"login","nickname":"Ben"}\n{"type":"join_room","room":"harbour"}\n');
  await ben.stdout.match(/^\{"type":"login_success",.*\}$/m);
  await ann.expect({ type: "user_joined", nickname: "Ben" });
  await ben.type('{"type":"chat_message","message":"hello, Ann"}\n');
  await ann.expect({ type: "chat_message", from: "Ben", message: "hello, Ann" });
  ann.send({ type: "chat_message", message: "hello, Ben" });
  await ben.stdout.match(/^\{"type":"chat_message",.*"message":"hello, Ben".*\}$/m);
  await ben.endInput();
  const { code, stderr } = await ben.end();
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("tap shows what a chat client says over TLS and its server hears in the clear", async () => {
  const authority = await makeAuthority("Ours");
  const { cert, key } = await authority.issue("tap");
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/cert.pem`, cert);
  await Deno.writeTextFile(`${folder}/key.pem`, key);
  {
    await using hall = await Hall.open();
    await using tap = await Vtcp.listening(
      [
        "tap",
        "0",
        `127.0.0.1:${hall.port}`,
        "--codec=json",
        "--cert",
        `${folder}/cert.pem`,
        "--key",
        `${folder}/key.pem`,
      ],
      ["--allow-net", `--allow-read=${folder}`],
    );
    const tls = { ca: authority.cert };
    const ann = new Guest(await connectChat({ port: tap.port, host: "127.0.0.1", tls }));
    ann.send({ type: "login", nickname: "Ann" });
    await ann.expect({ type: "login_success" });
    await tap.stdout.match(/^[\d:.]{12} #1 > 37 \{"type":"login","nickname":"Ann"\}$/m);
    await tap.stdout.match(/^[\d:.]{12} #1 < \d+ \{"type":"login_success",.*\}$/m);
    await ann.leave();
    await tap.stdout.match(/#1 closed \(peer\), 37 bytes in, /);
    tap.interrupt();
    assertEquals((await tap.end()).code, 0);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("connect speaks with a server of the SMTP kind, whose greeting comes first and which ends itself", async () => {
  await using app = createServer().onConnection((socket) => {
    const peer = framed(socket, delimited({ delimiters: ["\r\n"] }));
    const say = (line: string) => peer.send(new TextEncoder().encode(line));
    say("220 mail.example ready");
    peer.on("message", (bytes) => {
      const command = new TextDecoder().decode(bytes);
      if (command.startsWith("EHLO ")) {
        say("250-mail.example");
        say("250 SIZE 1000");
      } else if (command === "QUIT") {
        say("221 bye");
        socket.end();
      } else say("500 what?");
    });
  }).listen(0, "127.0.0.1");
  const args = ["connect", `127.0.0.1:${app.address()?.port}`, "--codec", "delimited:\\r\\n"];
  const { code, stdout } = await run(args, "EHLO me\nHELP\nQUIT\n");
  assertEquals(code, 0);
  assertMatch(stdout, /^220 mail\.example ready\n250-mail\.example\n250 SIZE 1000\n500 what\?\n221 bye\n$/);
});
