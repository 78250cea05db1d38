// Keys that mean something to objects mean nothing in a message: each is a property of its own, and nothing is polluted.

import { assert, assertEquals } from "@std/assert";
import type { Codec } from "../../src/framing/codec.ts";
import { json } from "../../src/framing/json.ts";
import { ndjson } from "../../src/framing/ndjson.ts";
import { frame, messagesOf, utf8 } from "./decode.ts";

const asItIs = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;
const line = (text: string) => utf8(`${text}\n`);

const CODECS: [name: string, codec: Codec<unknown>, wire: (text: string) => Uint8Array][] = [
  ["json()", json(), frame],
  ["json() with a schema", json({ schema: asItIs }), frame],
  ["ndjson()", ndjson(), line],
  ["ndjson() with a schema", ndjson({ schema: asItIs }), line],
];

const KEYS = ["__proto__", "constructor", "prototype", "toString", "valueOf", "hasOwnProperty", "then", "0", ""];
const VALUES = ['{"admin":true}', "null", "1", '"text"', "[]"];

/** What everybody inherits, as far as a message could change it. */
function inherited(): string[][] {
  return [Object.prototype, Array.prototype, Function.prototype, String.prototype, Number.prototype].map((it) =>
    Object.entries(Object.getOwnPropertyDescriptors(it)).map(([name, { value }]) => `${name} ${typeof value}`)
  );
}

for (const [name, codec, wire] of CODECS) {
  for (const key of KEYS) {
    Deno.test(
      `${name} carries the key ${JSON.stringify(key)} as a property of its own`,
      { permissions: "none" },
      () => {
        const before = inherited();
        for (const value of VALUES) {
          const bytes = wire(`{"${key}":${value},"list":[{"${key}":${value}}]}`);
          const [message] = messagesOf(codec.decoder(), [bytes]);
          assert(typeof message === "object" && message !== null);
          assertEquals(Object.keys(message), [key, "list"]);
          const [inner] = Reflect.get(message, "list");
          for (const it of [message, inner]) {
            assertEquals(Object.getPrototypeOf(it), Object.prototype);
            assertEquals(Object.getOwnPropertyDescriptor(it, key)?.value, JSON.parse(value));
          }
          assertEquals(codec.encode(message), bytes);
        }
        assertEquals(Reflect.get({}, "admin"), undefined);
        assertEquals(inherited(), before);
      },
    );
  }
}
