import { assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import { borrowStaging, returnStaging, STAGING_BYTES } from "../../src/socket/staging.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

unit("borrowStaging() gives a buffer of the one size", () => {
  const buffer = borrowStaging();
  assertEquals([buffer.length, buffer.byteOffset, buffer.buffer.byteLength], [STAGING_BYTES, 0, STAGING_BYTES]);
  returnStaging(buffer);
});

unit("borrowStaging() gives every borrower a buffer of his own", () => {
  const buffers = Array.from({ length: 300 }, borrowStaging);
  assertEquals(new Set(buffers.map((buffer) => buffer.buffer)).size, 300);
  for (const buffer of buffers) returnStaging(buffer);
});

unit("borrowStaging() gives back what was returned", () => {
  const buffer = borrowStaging();
  returnStaging(buffer);
  const again = borrowStaging();
  assertStrictEquals(again, buffer);
  returnStaging(again);
});

unit("returnStaging() keeps a bounded number of buffers", () => {
  const many = Array.from({ length: 2_000 }, borrowStaging);
  for (const buffer of many) returnStaging(buffer);
  const returned = new Set(many);
  let kept = 0;
  const borrowed: Uint8Array<ArrayBuffer>[] = [];
  for (; kept < 2_000; kept++) {
    const buffer = borrowStaging();
    borrowed.push(buffer);
    if (!returned.has(buffer)) break;
  }
  assertNotEquals(kept, 0);
  assertEquals(kept <= 1_024, true, `${kept} buffers of ${STAGING_BYTES} bytes were kept`);
  for (const buffer of borrowed) returnStaging(buffer);
});

unit("returnStaging() frees a buffer of another size", () => {
  const buffer = new Uint8Array(STAGING_BYTES * 2);
  returnStaging(buffer);
  assertEquals([buffer.buffer.detached, buffer.length], [true, 0]);
  const next = borrowStaging();
  assertEquals(next.length, STAGING_BYTES);
  returnStaging(next);
});
