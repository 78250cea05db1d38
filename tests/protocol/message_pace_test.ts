// How fast messages are delivered: not too many of one peer in a turn, nor in a second, and none to whoever does not read.

import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual, assertThrows } from "@std/assert";
import { once } from "node:events";
import {
  createServer,
  framed,
  MessageProtocol,
  type MessageRate,
  type ServerOptions,
  type TCPSocket,
} from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { connect, type TcpError } from "../../tcp.ts";
import { Peer } from "../documentation/peer.ts";
import { authority, server as pair } from "../tls/support.ts";

/** What receives lines: both faces of a codec. */
type Receive = (socket: TCPSocket, rate: MessageRate, onLine: (line: string) => void) => {
  send(line: string): boolean;
  startHeartbeat: MessageProtocol<string>["startHeartbeat"];
};

const FACES: readonly (readonly [name: string, receive: Receive])[] = [
  ["framed", (socket, rate, onLine) => {
    const peer = framed(socket, lines(), rate);
    peer.on("message", onLine);
    return peer;
  }],
  ["MessageProtocol", (socket, rate, onLine) => {
    const protocol = new MessageProtocol<string>(socket, { codec: lines(), ...rate }).attach();
    protocol.onMessage = onLine;
    return protocol;
  }],
];

function listen(onConnection: (socket: TCPSocket) => void, options: ServerOptions = {}) {
  const app = createServer("tcp", options).onConnection(onConnection).listen(0, "127.0.0.1");
  return { app, port: app.address()!.port }; // it listens
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

for (const [name, receive] of FACES) {
  Deno.test(`${name}: five messages and a FIN at once are all answered, in time and in order`, async () => {
    const times: number[] = [];
    const { app, port } = listen((socket) => {
      const peer = receive(socket, { messagesPerSecond: 50, burst: 1 }, (line) => {
        times.push(performance.now());
        peer.send(`${line}!`);
      });
    });
    await using _closed = app;
    using peer = await Peer.connect(port);
    await peer.write("one\ntwo\nthree\nfour\nfive\n");
    await peer.end();
    assertEquals(String(await peer.readToEnd()), "one!\ntwo!\nthree!\nfour!\nfive!\n");
    assertGreaterOrEqual(times[4]! - times[0]!, 75, "four times 20 ms, but for the timers' milliseconds");
    await until(() => app.connections.size === 0);
    assertEquals(app.metrics().closed.peer, 1);
  });

  Deno.test(`${name}: a burst is delivered at once, and the user's resume() lifts nothing`, async () => {
    const seen: string[] = [];
    const { app, port } = listen((socket) => {
      receive(socket, { messagesPerSecond: 0.01, burst: 3 }, (line) => {
        seen.push(line);
        socket.resume();
        queueMicrotask(() => socket.resume());
      });
    });
    await using _closed = app;
    using peer = await Peer.connect(port);
    await peer.write("one\ntwo\nthree\nfour\nfive\n");
    await until(() => seen.length === 3);
    const [socket] = app.connections;
    // What comes now is not taken: the peer has to wait.
    const flood = peer.write(new Uint8Array(20_000_000).fill(97)).catch(() => {});
    await until(() => socket!.bytesRead > 24);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    assertLessOrEqual(socket!.bytesRead, 200_000);
    assertEquals(seen, ["one", "two", "three"]);
    socket!.destroy();
    await flood;
  });

  Deno.test(`${name}: a drain answers what was accepted, however slowly`, async () => {
    let seen = 0;
    const { app, port } = listen((socket) => {
      const peer = receive(socket, { messagesPerSecond: 100, burst: 1 }, (line) => {
        seen++;
        peer.send(`${line}!`);
      });
    });
    using peer = await Peer.connect(port);
    await peer.write("one\ntwo\nthree\nfour\n");
    await until(() => seen === 1);
    const closed = app.close({ drainMs: 10_000 });
    assertEquals(String(await peer.readToEnd()), "one!\ntwo!\nthree!\nfour!\n");
    await peer.end();
    assertEquals([(await closed).ended, (await closed).forced], [1, 0]);
  });

  Deno.test(`${name}: heartbeats take no token, go on, and keep their place`, async () => {
    const { app, port } = listen((socket) => {
      const peer = receive(socket, { messagesPerSecond: 40, burst: 1 }, (line) => peer.send(`${line}!`));
      peer.startHeartbeat({
        ping: () => "ping",
        isPong: (line) => line === "pong",
        isPing: (line) => line === "ping?",
        pong: () => "pong!",
        intervalMs: 60_000,
      });
    });
    await using _closed = app;
    using peer = await Peer.connect(port);
    await peer.write("a\nping?\nping?\nb\nping?\nc\n");
    const lines: string[] = [];
    while (lines.length < 6) lines.push(await peer.readLine());
    assertEquals(lines, ["a!", "pong!", "pong!", "b!", "pong!", "c!"]);
  });

  Deno.test(`${name}: at most 256 messages of one peer are delivered in a turn`, async () => {
    let turn = 0;
    const perTurn: number[] = [];
    let counting = true;
    const count = () => {
      turn++;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    let seen = 0;
    const { app, port } = listen((socket) => {
      receive(socket, {}, () => {
        seen++;
        perTurn[turn] = (perTurn[turn] ?? 0) + 1;
      });
    });
    await using _closed = app;
    using peer = await Peer.connect(port);
    await peer.write("x\n".repeat(50_000));
    await until(() => seen === 50_000);
    counting = false;
    assertLessOrEqual(Math.max(...perTurn.filter((messages) => messages > 0)), 2 * 256);
    await peer.write("last\n");
    await until(() => seen === 50_001);
  });

  for (const tls of [false, true]) {
    const how = tls ? "TLS" : "plain";
    Deno.test(`${name}: readWhileBlocked: false takes no more from whoever does not read, until it does (${how})`, async () => {
      const answer = "x".repeat(100_000);
      let seen = 0;
      const { app, port } = listen((socket) => {
        const peer = receive(socket, {}, (line) => {
          seen++;
          peer.send(line + answer);
        });
      }, {
        limits: { readWhileBlocked: false },
        ...(tls ? { tls: { cert: pair.cert, key: pair.key } } : {}),
      });
      await using _closed = app;
      const client = await connect({
        port,
        host: tls ? "localhost" : "127.0.0.1",
        ...(tls ? { tls: { ca: authority.cert } } : {}),
      });
      const requests = Array.from({ length: 2_000 }, (_, i) => `${i}\n`);
      client.end(requests.join(""));
      await until(() => app.connections.size === 1);
      const [socket] = app.connections;
      await until(() => socket!.writableNeedDrain);
      // The kernel takes some MB ahead of the peer; the queue is what we hold.
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1));
      assertLessOrEqual(socket!.writableLength, 65_536 + answer.length + 10);
      assert(seen < 1_000, `${seen} requests were taken`);
      let bytes = 0;
      for await (const chunk of client) bytes += chunk.length;
      assertEquals(seen, requests.length);
      assertEquals(bytes, requests.reduce((sum, request) => sum + request.length + answer.length, 0));
    });
  }
}

Deno.test("readWhileBlocked: false holds back data listeners, too", async () => {
  let read = 0;
  const { app, port } = listen((socket) => {
    socket.on("data", (data) => {
      read += data.length;
      for (let i = 0; i < data.length; i++) socket.write(new Uint8Array(20_000));
    });
  }, { limits: { readWhileBlocked: false } });
  await using _closed = app;
  const client = await connect({ port, host: "127.0.0.1" });
  client.write(new Uint8Array(400));
  await until(() => app.connections.size === 1);
  const [socket] = app.connections;
  await until(() => socket!.writableNeedDrain);
  const before = read;
  client.write(new Uint8Array(400));
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(read, before);
  client.resume();
  await until(() => read === 800);
  client.destroy();
  await once(client, "close");
});

const WRONG: readonly (readonly [options: unknown, kind: typeof TypeError, words: string, code: string])[] = [
  [{ messagesPerSecond: 0 }, RangeError, '"messagesPerSecond" must be a number above 0; it is 0', "ERR_OUT_OF_RANGE"],
  [{ messagesPerSecond: -1 }, RangeError, "it is -1", "ERR_OUT_OF_RANGE"],
  [{ messagesPerSecond: "5" }, TypeError, 'it is "5"', "ERR_INVALID_ARG_TYPE"],
  [{ messagesPerSecond: 5, burst: 0 }, RangeError, '"burst" must be an integer from 1', "ERR_OUT_OF_RANGE"],
  [{ burst: 5 }, TypeError, '"burst" belongs to "messagesPerSecond"', "ERR_INCOMPATIBLE_OPTION_PAIR"],
];

for (const [options, kind, words, code] of WRONG) {
  Deno.test(`both faces refuse ${JSON.stringify(options)}`, async () => {
    const { app, port } = listen(() => {});
    await using _closed = app;
    await using socket = await connect({ port, host: "127.0.0.1" });
    for (
      const make of [
        () => framed(socket, lines(), options as MessageRate),
        () => new MessageProtocol(socket, options as MessageRate),
      ]
    ) {
      const error = assertThrows(make, kind, words);
      assertEquals((error as TcpError).code, code);
    }
  });
}
