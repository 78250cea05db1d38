// `lines` with both ends of line, strict and not, any text and any bytes.

import { concat } from "@std/bytes";
import fc from "npm:fast-check@4.9.0";
import { lines } from "../../../src/framing/mod.ts";
import { CASES, checkCases, messagesOf, utf8 } from "./cases.ts";

const LONGEST_LINE_BYTES = 8;

// Characters of one to four bytes, and those that stand near line ends or that decoders like to eat.
const LINE = fc.string({ unit: fc.constantFrom("a", "é", "€", "🦕", "\r", "\0", "\ufeff", "\u2028"), maxLength: 2 })
  .filter((line) => !line.endsWith("\r"));

const NO_UTF8 = fc.constantFrom([0xff], [0xc3], [0x80], [0xf0, 0x9f, 0xa6], [0x61, 0xed, 0xa0, 0x80], [
  0xc0,
  0xaf,
  0x62,
]);

Deno.test("lines keeps the laws with any options and text", () => {
  const options = fc.record({ eol: fc.constantFrom("\n", "\r\n"), fatal: fc.boolean() });
  const values = fc.record({ options, messages: messagesOf(LINE), bad: NO_UTF8, spareBytes: fc.nat(3) });
  checkCases(values, 0.6 * CASES, (cases, { options, messages, bad, spareBytes }) => {
    const maxFrameBytes = LONGEST_LINE_BYTES + spareBytes;
    const overlong = utf8("x".repeat(maxFrameBytes + 1 + spareBytes) + options.eol);
    const invalid = [options.fatal ? concat([new Uint8Array(bad), utf8(options.eol)]) : overlong];
    const frame = (bytes: number) => utf8("x".repeat(bytes) + options.eol);
    const codec = lines({ ...options, maxFrameBytes });
    cases.verify({ codec, messages, invalid, limit: { maxFrameBytes, frame } });
  });
});

Deno.test("lines keeps the laws for a mixture of ends, and for a last line without one", () => {
  const values = fc.record({ lines: messagesOf(LINE), ends: messagesOf(fc.constantFrom("\n", "\r\n")), last: LINE });
  checkCases(values, 0.2 * CASES, (cases, { lines: messages, ends, last }) => {
    const ended = messages.map((line, i) => `${line}${ends[i]}`);
    const all = last === "" ? messages : [...messages, last];
    cases.verify({ codec: lines(), messages: all, wire: utf8([...ended, last].join("")) });
  });
});

Deno.test("lines keeps the laws for bytes that are no UTF-8, which are read as U+FFFD", () => {
  const bytes = fc.array(fc.constantFrom(0x61, 0x80, 0xbf, 0xc3, 0xe2, 0x82, 0xf0, 0x9f, 0xff, 0x0d), { maxLength: 4 });
  const line = bytes.map((bytes) => new Uint8Array(bytes)).filter((bytes) => bytes.at(-1) !== 0x0d);
  checkCases(messagesOf(line), 0.2 * CASES, (cases, sent) => {
    const messages = sent.map((bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
    cases.verify({ codec: lines(), messages, wire: concat(sent.flatMap((bytes) => [bytes, utf8("\n")])) });
  });
});
