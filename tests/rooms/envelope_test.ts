import { assertEquals } from "@std/assert";
import { openEnvelope, sealEnvelope } from "../../src/rooms/envelope.ts";

const bytes = (...values: number[]) => Uint8Array.of(...values);
const HEAD = {
  wire: "chat-1",
  origin: "000102030405060708090a0b0c0d0e0f",
  epoch: 1_700_000_000_000_123,
  first: 4_294_967_290,
  count: 2,
  others: [] as string[],
};

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

unit("openEnvelope() gives what sealEnvelope() was given", () => {
  for (const others of [[], ["a"], ["ü", "", "x".repeat(256)]]) {
    const payload = sealEnvelope({ ...HEAD, others }, [bytes(1, 2), bytes(3)]);
    assertEquals(openEnvelope(payload), { ...HEAD, others, frames: bytes(1, 2, 3) });
  }
});

unit("openEnvelope() reads a payload wherever it lies in its buffer", () => {
  const payload = sealEnvelope(HEAD, [bytes(9)]);
  const buffer = new Uint8Array(payload.length + 7);
  buffer.set(payload, 5);
  assertEquals(openEnvelope(buffer.subarray(5, 5 + payload.length)), { ...HEAD, frames: bytes(9) });
});

unit("openEnvelope() takes nothing that is cut off before its frames", () => {
  const payload = sealEnvelope({ ...HEAD, others: ["one", "two"] }, [bytes(1)]);
  for (let length = 0; length < payload.length; length++) {
    assertEquals(openEnvelope(payload.subarray(0, length)), undefined, `${length} bytes`);
  }
});

unit("openEnvelope() takes no other version, no empty message and no text that is none", () => {
  const payload = sealEnvelope(HEAD, [bytes(1)]);
  const changed = (at: number, value: number) => {
    const copy = payload.slice();
    copy[at] = value;
    return copy;
  };
  assertEquals(openEnvelope(changed(0, 2)), undefined);
  assertEquals(openEnvelope(changed(2, 0xff)), undefined); // not UTF-8
  assertEquals(openEnvelope(sealEnvelope({ ...HEAD, count: 0 }, [bytes(1)])), undefined);
  assertEquals(openEnvelope(sealEnvelope(HEAD, [])), undefined);
});

unit("openEnvelope() throws for no bytes whatever", () => {
  let seed = 1;
  for (let round = 0; round < 20_000; round++) {
    const junk = new Uint8Array(round % 80).map(() => (seed = (seed * 48_271) % 2_147_483_647) & 0xff);
    if (junk.length > 0) junk[0] = 1;
    openEnvelope(junk);
  }
});
