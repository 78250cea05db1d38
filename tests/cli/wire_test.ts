// The codecs by name: what is typed, what is on the wire, what is shown.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Failure, UsageError } from "../../src/cli/failure.ts";
import { wireOf } from "../../src/cli/wire.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const bytes = (...values: number[]) => new Uint8Array(values);

const WIRES: [name: string, typed: string, wire: Uint8Array, shown: string][] = [
  ["lines", "zoë", utf8("zoë\n"), "zoë"],
  ["ndjson", ' {"a": [1]}', utf8('{"a":[1]}\n'), '{"a":[1]}'],
  ["json", '{"a": "\\u001b"}', bytes(0, 0, 0, 14, ...utf8('{"a":"\\u001b"}')), '{"a":"\\u001b"}'],
  ["netstring", "hi", utf8("2:hi,"), "hi"],
  ["varint", "hi", utf8("\x02hi"), "hi"],
  ["length:1", "hi", utf8("\x02hi"), "hi"],
  ["length:2", "hi", utf8("\0\x02hi"), "hi"],
  ["length:2:be", "hi", utf8("\0\x02hi"), "hi"],
  ["length:2:le", "hi", utf8("\x02\0hi"), "hi"],
  ["length:3:le", "hi", utf8("\x02\0\0hi"), "hi"],
  ["length:4:le", "hi", utf8("\x02\0\0\0hi"), "hi"],
  ["length:8", "", bytes(0, 0, 0, 0, 0, 0, 0, 0), ""],
  ["delimited:\\r\\n", "PING", utf8("PING\r\n"), "PING"],
  ["delimited:;", "a", utf8("a;"), "a"],
  ["delimited::", "a", utf8("a:"), "a"],
  ["delimited:\\0", "a", utf8("a\0"), "a"],
  ["delimited:\\xfF\\t\\\\n", "a", bytes(0x61, 0xff, 0x09, 0x5c, 0x6e), "a"],
  ["delimited:ë", "a", utf8("aë"), "a"],
  ["raw", "hi", utf8("hi"), "hi"],
];

for (const [name, typed, wire, shown] of WIRES) {
  unit(`--codec ${name} sends ${JSON.stringify(typed)} and shows it`, () => {
    const { codec, parse, show, isRaw } = wireOf(name, false);
    assertEquals([codec.encode(parse(typed)), isRaw], [wire, name === "raw"]);
    const decoder = codec.decoder();
    decoder.push(wire.slice());
    const received = show(decoder.next());
    assertEquals(typeof received === "string" ? received : new TextDecoder().decode(received), shown);
    assertEquals([decoder.next(), decoder.bufferedBytes], [undefined, 0]);
    decoder.end();
  });
}

for (const name of ["netstring", "varint", "length:2", "delimited:\\n", "raw"]) {
  unit(`--codec ${name} --hex takes and shows digits`, () => {
    const { codec, parse, show, isRaw } = wireOf(name, true);
    const message = parse(" 00ff  7F0a ".replace("0a", "0b"));
    assertEquals([message, isRaw], [bytes(0x00, 0xff, 0x7f, 0x0b), false]);
    const decoder = codec.decoder();
    decoder.push(codec.encode(message));
    assertEquals(show(decoder.next()), "00 ff 7f 0b");
    assertEquals(parse(""), bytes());
    for (const bad of ["0", "0g", "0x00", "é"]) assertThrows(() => parse(bad), Failure);
  });
}

unit("a blank line says nothing in JSON, and what is no JSON is refused", () => {
  for (const name of ["json", "ndjson"]) {
    assertEquals(wireOf(name, false).parse("  "), undefined);
    assertThrows(() => wireOf(name, false).parse("{"), SyntaxError);
  }
});

const BAD: [name: string, hex: boolean][] = [
  ["", false],
  ["line", false],
  ["lines:x", false],
  ["JSON", false],
  ["length", false],
  ["length:5", false],
  ["length:2:xx", false],
  ["length:2:le:", false],
  ["delimited", false],
  ["delimited:", false],
  ["delimited:\\q", false],
  ["delimited:\\x1", false],
  ["delimited:a\\", false],
  ["lines", true],
  ["json", true],
  ["ndjson", true],
];

for (const [name, hex] of BAD) {
  unit(`--codec ${JSON.stringify(name)}${hex ? " --hex" : ""} is wrong usage`, () => {
    const { message } = assertThrows(() => wireOf(name, hex), UsageError);
    assert(!message.includes("\n"));
  });
}
