// `delimited` with random delimiters over few letters, so that they overlap themselves and each other.

import fc from "npm:fast-check@4.9.0";
import { delimited } from "../../../src/framing/mod.ts";
import { CASES, type Cases, checkCases, messagesOf, utf8 } from "./cases.ts";

const DELIMITERS = fc.array(fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 4,
});
const TEXT = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 5 });

/** The least code that splits: at each place the longest delimiter, if any. What is left at the end is no message. */
function splitAt(delimiters: readonly string[], text: string): { messages: string[]; consumed: string } {
  const longestFirst = delimiters.toSorted((a, b) => b.length - a.length);
  const messages: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length;) {
    const found = longestFirst.find((delimiter) => text.startsWith(delimiter, at));
    if (found === undefined) at++;
    else {
      messages.push(text.slice(from, at));
      at = from = at + found.length;
    }
  }
  return { messages, consumed: text.slice(0, from) };
}

Deno.test("delimited keeps the laws for streams of anything, and splits like the least code that could", () => {
  const values = fc.record({ delimiters: DELIMITERS, texts: messagesOf(TEXT) });
  checkCases(values, 0.6 * CASES, (cases, { delimiters, texts }) => {
    // Long enough for as many messages as are counted.
    const stream = texts.map((text) => text + delimiters[0]).join("c") + delimiters[0];
    const { messages, consumed } = splitAt(delimiters, stream);
    cases.verify({ codec: delimited({ delimiters }), messages: messages.map(utf8), wire: utf8(consumed) });
  });
});

/** Of the messages those that can be sent; what is refused has a delimiter in it or might be taken for one. */
function verifySent(cases: Cases, delimiters: string[], texts: string[], spareBytes: number): void {
  const maxFrameBytes = 5 + spareBytes;
  const codec = delimited({ delimiters, maxFrameBytes });
  const messages = texts.map(utf8).filter((message) => {
    try {
      return codec.encode(message);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return false;
    }
  });
  if (messages.length === 0) return;
  // The largest that there is of a size.
  const longest = delimiters.reduce((a, b) => b.length > a.length ? b : a);
  const frame = (bytes: number) => utf8("c".repeat(bytes) + longest);
  const invalid = [frame(maxFrameBytes + 1 + spareBytes)];
  cases.verify({ codec, messages, invalid, limit: { maxFrameBytes, frame } });
}

Deno.test("delimited keeps the laws for whatever it lets one send", () => {
  const values = fc.record({
    delimiters: DELIMITERS,
    texts: messagesOf(TEXT),
    spareBytes: fc.nat(3),
  });
  checkCases(values, 0.4 * CASES, (cases, { delimiters, texts, spareBytes }) => {
    verifySent(cases, delimiters, texts, spareBytes);
  });
});
