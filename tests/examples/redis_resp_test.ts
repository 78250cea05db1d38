/** The RESP codec of examples/redis, without a server. */

import { assertEquals, assertThrows } from "@std/assert";
import { verifyCodec } from "../../src/testing/mod.ts";
import { FrameError } from "../../src/framing/mod.ts";
import { type Reply, resp, RespError } from "../../examples/redis/resp.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const WIRE =
  "+OK\r\n+PONG\r\n-ERR no such command\r\n-WRONGTYPE\r\n:0\r\n:-12\r\n:123456789012\r\n$5\r\nhello\r\n$0\r\n\r\n" +
  "$-1\r\n*-1\r\n*0\r\n*3\r\n$1\r\na\r\n:1\r\n*2\r\n$-1\r\n+x\r\n$8\r\nZoë 🦕\r\n:9223372036854775807\r\n$4\r\n\r\n\r\n\r\n+\r\n";
const REPLIES: Reply[] = [
  "OK",
  "PONG",
  new RespError("ERR no such command"),
  new RespError("WRONGTYPE"),
  0,
  -12,
  123_456_789_012,
  "hello",
  "",
  null,
  null,
  [],
  ["a", 1, [null, "x"]],
  "Zoë 🦕",
  9_223_372_036_854_775_807n,
  "\r\n\r\n",
  "",
];
const wire = bytes(WIRE.replace("$8\r\nZoë", `$${bytes("Zoë 🦕").length}\r\nZoë`));

Deno.test("resp() keeps the laws of codecs", () => {
  verifyCodec(resp({ maxFrameBytes: 2_000 }), {
    messages: [["PING"], ["SET", "Zoë 🦕", 1.5], ["SET", "key", Uint8Array.of(0, 255)], ["ECHO", "x".repeat(300)]],
    wire,
    received: REPLIES,
    limit: { maxFrameBytes: 2_000, frame: (size) => bytes(`+${"x".repeat(size - 3)}\r\n`) },
  });
  verifyCodec(resp({ maxFrameBytes: 2_000 }), {
    messages: [["x"]],
    wire: bytes("$3\r\nabc\r\n"),
    received: ["abc"],
    limit: {
      maxFrameBytes: 2_000,
      frame(size) {
        const digits = size - 9 < 1_000 ? 3 : 4;
        const body = size - 5 - digits;
        return bytes(`$${String(body).padStart(digits, "0")}\r\n${"x".repeat(body)}\r\n`);
      },
    },
  });
});

Deno.test("resp() refuses a reply of nothing but errors, which would cost a hundred times its bytes", () => {
  const errors = (count: number) => bytes(`*${count}\r\n${"-\r\n".repeat(count)}`);
  const good = resp().decoder();
  for (let round = 0; round < 2; round++) {
    good.push(errors(3_000));
    assertEquals((good.next() as Reply[]).length, 3_000);
  }
  const bad = resp().decoder();
  bad.push(errors(4_097));
  assertThrows(() => bad.next(), FrameError, "more than 4096 errors in one reply");
});

Deno.test("resp() encodes commands byte for byte, into a queue, too", () => {
  const { encode, encodeInto } = resp();
  for (
    const [command, expected] of [
      [["PING"], "*1\r\n$4\r\nPING\r\n"],
      [["SET", "Zoë", 1.5], "*3\r\n$3\r\nSET\r\n$4\r\nZoë\r\n$3\r\n1.5\r\n"],
      [["SET", "k", bytes("a\r\nb")], "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n"],
      [["ECHO", "ü".repeat(100)], `*2\r\n$4\r\nECHO\r\n$200\r\n${"ü".repeat(100)}\r\n`],
      [Array(12).fill("x"), `*12\r\n${"$1\r\nx\r\n".repeat(12)}`],
    ] as const
  ) {
    assertEquals(new TextDecoder().decode(encode(command)), expected);
    const buffer = new Uint8Array(2_000);
    let written = 0;
    encodeInto?.(command, { at: 7, reserve: () => buffer, commit: (size) => void (written = size) });
    assertEquals(new TextDecoder().decode(buffer.subarray(7, 7 + written)), expected);
  }
});

Deno.test("resp() refuses what is no RESP, and says why", () => {
  for (
    const [text, why] of [
      ["?\r\n", "no kind of value"],
      ["+no end\n", "CR and LF"],
      [":1.5\r\n", "a number is"],
      [":\r\n", "a number is"],
      ["$-2\r\n", "no such length"],
      ["$1\r\nab\r\n", "a string ends with CR and LF"],
      ["*1\r\n".repeat(33), "nested deeper"],
      ["$99999999\r\n", "at most 16777216"],
      ["\r\n", "CR and LF"],
    ] as const
  ) {
    const decoder = resp().decoder();
    decoder.push(bytes(text));
    assertThrows(() => decoder.next(), FrameError, why);
    assertThrows(() => decoder.next(), FrameError, why);
    assertEquals(decoder.bufferedBytes, 0);
  }
});
