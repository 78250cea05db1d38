// Who hears that the connection failed: protocols on it, the loop that reads it, whoever has `closed`.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { on, once } from "node:events";
import { framed, type FramedSocket, MessageProtocol, type SocketError, TCPSocket } from "../../mod.ts";
import { frames, lines, ndjson } from "../../src/framing/mod.ts";
import { connectionOf } from "../../src/socket/socket_facts.ts";
import { acceptedFromNode, clientOfNode, freePort, type NodePeered } from "../support/node_peers.ts";
import { Uncaught } from "../support/uncaught.ts";
import { turn, until } from "./until.ts";

type Codes = (string | undefined)[];

/** What speaks in messages over a socket, with its own way to hear of failures. */
const PROTOCOLS: [what: string, hear: (socket: TCPSocket, heard: (error: SocketError) => void) => unknown][] = [
  ["framed()", (socket, heard) => framed(socket, lines()).on("message", () => {}).on("error", heard)],
  ["framed() that only sends", (socket, heard) => framed(socket, lines()).on("error", heard)],
  ["an attached MessageProtocol", (socket, heard) => {
    new MessageProtocol(socket).attach().onError = heard;
  }],
  ["a MessageProtocol fed by hand", (socket, heard) => {
    const protocol = new MessageProtocol(socket);
    protocol.onError = heard;
    socket.on("data", (data) => protocol.handleData(data));
  }],
  ["a MessageProtocol with an onError of its class", (socket, heard) => {
    class Mine extends MessageProtocol {
      override onError(error: SocketError): void {
        heard(error);
      }
    }
    return new Mine(socket);
  }],
  ["a MessageProtocol with an onError of its field", (socket, heard) => {
    class Mine extends MessageProtocol {
      override onError = heard;
    }
    return new Mine(socket).attach();
  }],
];
const OPEN: [what: string, open: () => Promise<NodePeered>][] = [
  ["server's socket", acceptedFromNode],
  ["client", clientOfNode],
];

/** Resets the connection and waits until all are told. */
async function reset({ socket, peer }: NodePeered): Promise<void> {
  if (peer.connecting) await once(peer, "connect");
  const closed = new Promise((resolve) => socket.on("close", resolve));
  peer.resetAndDestroy();
  await closed;
  await turn();
}

for (const [end, open] of OPEN) {
  for (const [what, hear] of PROTOCOLS) {
    Deno.test(`a ${end}'s reset reaches the error listener of ${what}, once, and nobody else`, async () => {
      using uncaught = new Uncaught();
      await using link = await open();
      const codes: Codes = [];
      hear(link.socket, ({ code }) => codes.push(code));
      if (!link.socket.isPaused() && link.socket.listenerCount("data") === 0) link.socket.resume();
      await reset(link);
      assertEquals([codes, link.errors, uncaught.codes], [["ECONNRESET"], [], []]);
    });
  }

  Deno.test(`a ${end}'s reset reaches the listeners of the socket and of framed(), each once`, async () => {
    using uncaught = new Uncaught();
    await using link = await open();
    const heard: string[] = [];
    link.socket.on("error", () => heard.push("socket"));
    framed(link.socket, lines()).on("message", () => {}).on("error", () => heard.push("framed"));
    await reset(link);
    assertEquals([heard.sort(), link.errors, uncaught.codes], [["framed", "socket"], [], []]);
  });

  Deno.test(`the error that a ${end} is destroyed with reaches framed(), before close`, async () => {
    using uncaught = new Uncaught();
    await using link = await open();
    const mine = new Error("mine");
    const heard: unknown[] = [];
    framed(link.socket, lines()).on("error", (error) => heard.push(error));
    link.socket.on("close", () => heard.push("close"));
    const closed = new Promise((resolve) => link.socket.on("close", resolve));
    link.socket.destroy(mine);
    await closed;
    assertStrictEquals(heard[0], mine);
    assertEquals([heard.length, link.errors, uncaught.codes], [2, [], []]);
  });

  Deno.test(`a frame that a ${end} cannot understand is told to framed() once`, async () => {
    using uncaught = new Uncaught();
    await using link = await open();
    const codes: Codes = [];
    framed(link.socket, lines({ fatal: true })).on("message", () => {}).on("error", ({ code }) => codes.push(code));
    const truncated = new MessageProtocol(link.socket);
    truncated.onError = ({ code }) => codes.push(`second ${code}`);
    truncated.handleData(new Uint8Array([0xff, 0xff, 0xff, 0xff])); // a length far over the limit
    await once(link.socket, "close").catch(() => {});
    await turn();
    assertEquals(codes.sort(), ["ERR_FRAME_TOO_LARGE", "second ERR_FRAME_TOO_LARGE"]);
    assertEquals([link.errors, uncaught.codes], [[], []]);
  });

  Deno.test(`once() for a message of framed() rejects with the ${end}'s reset`, async () => {
    using uncaught = new Uncaught();
    await using link = await open();
    const message = once(framed(link.socket, lines()), "message");
    const failed = assertRejects(() => message, Error, "ECONNRESET");
    await reset(link);
    await failed;
    assertEquals([link.errors, uncaught.codes], [[], []]);
  });

  Deno.test(`on() for the messages of framed() throws the ${end}'s reset`, async () => {
    using uncaught = new Uncaught();
    await using link = await open();
    const messages = on(framed(link.socket, lines()), "message");
    const failed = assertRejects(() => messages.next(), Error, "ECONNRESET");
    await reset(link);
    await failed;
    assertEquals([link.errors, uncaught.codes], [[], []]);
  });

  for (const working of [false, true]) {
    const when = working ? "in a turn of its loop" : "while it waits";
    Deno.test(`frames() over a ${end} throws its reset, ${when}, and nobody else hears it`, async () => {
      using uncaught = new Uncaught();
      await using link = await open();
      if (working) link.peer.write("{}\n");
      const loop = (async () => {
        for await (const _ of frames(link.socket, ndjson())) await reset(link);
      })();
      const failed = assertRejects(() => loop, Error, "ECONNRESET");
      if (!working) await reset(link);
      await failed;
      assertEquals([link.errors, uncaught.codes], [[], []]);
    });
  }

  Deno.test(`closed of a ${end}, handed out, is told of its reset, and nothing is uncaught`, async () => {
    using uncaught = new Uncaught();
    await using link = await open();
    const { closed } = link.socket;
    link.socket.resume();
    await reset(link);
    const { reason, error } = await closed;
    assertEquals([reason, error && "code" in error && error.code], ["reset", "ECONNRESET"]);
    // A server's operator hears what no listener has heard, whoever waits for the end.
    const toServer = end === "client" ? [] : ["ECONNRESET"];
    assertEquals([link.errors.map(({ code }) => code), uncaught.codes], [toServer, []]);
  });

  Deno.test(`closed of a ${end} that was asked for after the end changes nothing`, async () => {
    using uncaught = new Uncaught();
    await using link = await open();
    link.socket.resume();
    await reset(link);
    assertEquals((await link.socket.closed).reason, "reset");
    assertEquals([...link.errors.map(({ code }) => code), ...uncaught.codes], ["ECONNRESET"]);
  });

  Deno.test(`a ${end}'s reset that no listener of a protocol hears goes where it goes without the protocol`, async () => {
    using uncaught = new Uncaught();
    await using link = await open();
    framed(link.socket, lines()).on("message", () => {});
    new MessageProtocol(link.socket);
    await reset(link);
    assertEquals([...link.errors.map(({ code }) => code), ...uncaught.codes], ["ECONNRESET"]);
  });

  Deno.test(`what a handler of a ${end} throws is no failure that framed() is told`, async () => {
    using uncaught = new Uncaught();
    await using link = await open();
    const heard: unknown[] = [];
    framed(link.socket, lines()).on("message", () => {
      throw new Error("a handler's");
    }).on("error", (error) => heard.push(error));
    link.peer.write("hello\n");
    await until(() => link.errors.length + uncaught.errors.length > 0);
    assertEquals([heard, [...link.errors, ...uncaught.errors].map(({ message }) => message)], [[], ["a handler's"]]);
  });

  for (const kind of ["throws", "rejects"]) {
    Deno.test(`an error listener of framed() on a ${end} that ${kind} is a handler's failure`, async () => {
      using uncaught = new Uncaught();
      const rejections: unknown[] = [];
      const hear = (event: PromiseRejectionEvent) => {
        event.preventDefault();
        rejections.push(event.reason);
      };
      addEventListener("unhandledrejection", hear);
      await using link = await open();
      framed(link.socket, lines()).on("message", () => {}).on(
        "error",
        kind === "throws"
          ? () => {
            throw new Error("a listener's");
          }
          : async () => {
            await turn();
            throw new Error("a listener's");
          },
      );
      await reset(link);
      await until(() => link.errors.length + uncaught.errors.length + rejections.length > 0);
      removeEventListener("unhandledrejection", hear);
      assertEquals([...link.errors, ...uncaught.errors].map(({ message }) => message), ["a listener's"]);
    });
  }

  Deno.test(`framed() that has handed over with takeRest() is not told of the ${end}'s reset any more`, async () => {
    using uncaught = new Uncaught();
    await using link = await open();
    const heard: string[] = [];
    const text = framed(link.socket, lines()).on("message", () => {}).on("error", () => heard.push("text"));
    const head = text.takeRest();
    framed(link.socket, ndjson(), { head }).on("message", () => {}).on("error", () => heard.push("json"));
    await reset(link);
    assertEquals([heard, link.errors, uncaught.codes], [["json"], [], []]);
  });
}

for (
  const [what, hear] of [
    [
      "framed()",
      (socket: TCPSocket, heard: (error: SocketError) => void): FramedSocket<string> =>
        framed(socket, lines()).on("error", heard),
    ],
    ["a MessageProtocol", (socket: TCPSocket, heard: (error: SocketError) => void): MessageProtocol => {
      const protocol = new MessageProtocol(socket);
      protocol.onError = heard;
      return protocol;
    }],
  ] as const
) {
  Deno.test(`${what} on a client that is refused hears it`, async () => {
    using uncaught = new Uncaught();
    const codes: Codes = [];
    const socket = new TCPSocket();
    hear(socket, ({ code }) => codes.push(code));
    socket.connect(freePort(), "127.0.0.1");
    await new Promise((resolve) => socket.on("close", resolve));
    await turn();
    assertEquals([codes, uncaught.codes], [["ECONNREFUSED"], []]);
  });
}

Deno.test("protocols that only send, made for each message, are not kept", async () => {
  await using link = await clientOfNode();
  for (let i = 0; i < 1_000; i++) new MessageProtocol(link.socket).send({ i });
  assertEquals(connectionOf(link.socket).companions, undefined);
});

Deno.test("onError of a MessageProtocol is a property of it once assigned, and does nothing before", () => {
  const protocol = new MessageProtocol(new TCPSocket());
  assertEquals([Object.keys(protocol).includes("onError"), protocol.onError(new Error("nobody's"))], [
    false,
    undefined,
  ]);
  const mine = () => {};
  protocol.onError = mine;
  assertStrictEquals(protocol.onError, mine);
  assertEquals(Object.keys(protocol).includes("onError"), true);
});

Deno.test("a drain's own look at closed is nobody's: onError hears of a reset meanwhile", async () => {
  await using link = await acceptedFromNode();
  link.socket.on("data", () => {});
  if (link.peer.connecting) await once(link.peer, "connect");
  const closing = link.app.close();
  await once(link.peer.resume(), "end");
  link.peer.resetAndDestroy();
  await closing;
  assertEquals(link.errors.map(({ code }) => code), ["ECONNRESET"]);
});
