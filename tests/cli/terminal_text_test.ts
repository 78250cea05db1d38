import { assert, assertEquals } from "@std/assert";
import { escapeControls, onOneLine } from "../../src/cli/terminal_text.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const ESCAPED: [text: string, shown: string][] = [
  ["plain text, zoë 🦕, العربية", "plain text, zoë 🦕, العربية"],
  ["\ttab and\nLF", "\ttab and\nLF"],
  ["\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"],
  ["over\rwritten", "over\\rwritten"],
  ["\0\b\v\f\x7f", "\\x00\\x08\\x0b\\x0c\\x7f"],
  ["\x9b2J\x90\x9d\x85", "\\x9b2J\\x90\\x9d\\x85"],
  ["a\u2028b\u2029c", "a\\u2028b\\u2029c"],
  [
    "\u202egnp.exe\u202c \u2066a\u2069 \u061c\u200e\u200f",
    "\\u202egnp.exe\\u202c \\u2066a\\u2069 \\u061c\\u200e\\u200f",
  ],
];

for (const [text, shown] of ESCAPED) {
  unit(`escapeControls() shows ${JSON.stringify(text)} and moves nothing`, () => {
    assertEquals(escapeControls(text), shown);
  });
}

unit("onOneLine() keeps TAB alone", () => {
  assertEquals(onOneLine("a\tb\r\nc\x1b"), "a\tb\\r\\nc\\x1b");
});

unit("no character that moves or turns anything gets through", () => {
  const all = Array.from({ length: 0x1_0000 }, (_, code) => String.fromCharCode(code)).join("");
  // Written out, because the code asks the properties of Unicode.
  // deno-lint-ignore no-control-regex -- they are what is looked for
  const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
  assert(!controls.test(escapeControls(all)));
  assert(!controls.test(onOneLine(all)));
  assert(!onOneLine(all).includes("\n"));
  const kept = all.replace(new RegExp(controls, "gu"), "");
  assert([...kept].every((character) => escapeControls(character) === character));
});
