// What counts as work, and that nothing of the counting stays behind.

import { Buffer } from "node:buffer";
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { countWork } from "../../src/testing/count_work.ts";

const bytes = new Uint8Array(100);
const room = new Uint8Array(1_000);
const text = "x".repeat(100);

const WORK: Record<string, [run: () => unknown, work: number]> = {
  "copying into another array": [() => room.set(bytes, 7), 100],
  "a slice": [() => room.slice(0, 100), 100],
  "moving bytes": [() => bytes.copyWithin(0, 50), 100],
  "clearing": [() => bytes.fill(0), 100],
  "a new array": [() => new Uint8Array(100), 100],
  "a copy": [() => new Uint8Array(bytes), 100],
  "spreading": [() => [...bytes].length, 100],
  "a search that finds nothing": [() => bytes.indexOf(1), 100],
  "a search from further on": [() => bytes.indexOf(1, 60), 40],
  "a search that finds": [() => bytes.indexOf(0), 1],
  "decoding": [() => new TextDecoder().decode(bytes), 100],
  "splitting text": [() => text.split("\n"), 100],
  "searching text": [() => text.indexOf("\n", 90), 10],
  "parsing": [() => JSON.parse(`"${text}"`), 102],
  "joining Buffers": [() => Buffer.concat([bytes, bytes]), 200],
  "a Buffer's text": [() => Buffer.from(bytes.buffer).toString("latin1"), 100],
  "a window": [() => new Uint8Array(room.buffer, 5, 100).subarray(5), 0],
  "a loop by hand": [() => bytes.length + bytes[0]!, 0],
};

for (const [name, [run, work]] of Object.entries(WORK)) {
  Deno.test(`countWork counts ${work} bytes for ${name}`, () => assertEquals(countWork(run), work));
}

Deno.test("countWork leaves nothing behind, not even after an error", () => {
  const owners = [
    globalThis,
    Uint8Array.prototype,
    Object.getPrototypeOf(Uint8Array.prototype),
    Buffer,
    Buffer.prototype,
    String.prototype,
    TextDecoder.prototype,
    JSON,
  ];
  const look = () => owners.map((owner) => Object.getOwnPropertyDescriptors(owner));
  const constructor = Uint8Array;
  const before = look();
  assertThrows(() => countWork(() => JSON.parse("{")), SyntaxError);
  assertStrictEquals(Uint8Array, constructor);
  assertEquals(look(), before);
});
