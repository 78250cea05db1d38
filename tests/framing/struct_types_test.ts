// The types that `struct` makes of a description. Where one of these is wrong the file does not compile.

import { assertEquals, assertThrows } from "@std/assert";
import type { Codec } from "../../src/framing/codec.ts";
import { FrameDecoderStream } from "../../src/framing/frame_stream.ts";
import { frames } from "../../src/framing/frames.ts";
import { struct, type StructFields, type StructMessage } from "../../src/framing/struct.ts";
import { frame } from "./decode.ts";
import { type Equal, type Flat, sameType } from "./equal.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const NONE = new Uint8Array(0);
type Out<C> = C extends Codec<never, infer Message> ? Message : never;
type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

unit("struct() has numbers for short fields, bigints for fields of 64 bits, and the payload", () => {
  const all = struct({
    a: "u8",
    b: "u16",
    c: "u32",
    d: "u64",
    e: "i8",
    f: "i16",
    g: "i32",
    h: "i64",
    i: "f32",
    j: "f64",
  });
  interface Expected {
    a: number;
    b: number;
    c: number;
    d: bigint;
    e: number;
    f: number;
    g: number;
    h: bigint;
    i: number;
    j: number;
    payload: Uint8Array;
  }
  sameType<Equal<Writable<Out<typeof all>>, Flat<Expected>>>();
  sameType<Equal<Parameters<typeof all.encode>[0], Out<typeof all>>>();
  const message: Expected = { a: 1, b: 1, c: 1, d: 1n, e: 1, f: 1, g: 1, h: 1n, i: 1, j: 1, payload: NONE };
  assertEquals(all.encode(message).length, 4 + 42);
});

unit("struct() keeps the types of its fields without `as const`, and with it", () => {
  const inline = struct({ time: "u64", kind: "u8" });
  const FIELDS = { time: "u64", kind: "u8" } as const;
  const named = struct(FIELDS, { endian: "little" });
  sameType<Equal<Out<typeof inline>, Out<typeof named>>>();
  sameType<Equal<Out<typeof named>, StructMessage<typeof FIELDS>>>();
  sameType<Equal<Out<typeof inline>["time"], bigint>>();
  sameType<Equal<Out<typeof inline>["kind"], number>>();
  sameType<Equal<Out<typeof inline>["payload"], Uint8Array>>();
  assertEquals(inline.encode({ time: 1n, kind: 2, payload: NONE }).length, 4 + 9);
});

unit("struct() lets a received message be sent on", () => {
  const codec = struct({ kind: "u8", time: "i64" });
  const decoder = codec.decoder();
  const wire = codec.encode({ kind: 1, time: -1n, payload: new Uint8Array([7]) });
  decoder.push(wire.slice());
  const message = decoder.next();
  sameType<Equal<typeof message, Out<typeof codec> | undefined>>();
  if (message !== undefined) assertEquals(codec.encode(message), wire);
  assertEquals(message?.time, -1n);
});

Deno.test(
  "struct() carries its types through the streams and iterations of framing",
  { permissions: "none" },
  async () => {
    const codec = struct({ kind: "u8" });
    const wire = codec.encode({ kind: 1, payload: NONE });
    for await (const message of frames(ReadableStream.from([wire.slice()]), codec)) {
      sameType<Equal<typeof message.kind, number>>();
      assertEquals(message.kind, 1);
    }
    for await (const message of ReadableStream.from([wire.slice()]).pipeThrough(new FrameDecoderStream(codec))) {
      sameType<Equal<typeof message.kind, number>>();
      assertEquals(message.kind, 1);
    }
  },
);

unit("struct() has a number or a bigint for a field whose type is known at run time only", () => {
  for (const wide of [false, true]) {
    const codec = struct({ kind: "u8", time: wide ? "u64" : "u32" });
    sameType<Equal<Out<typeof codec>["time"], number | bigint>>();
    assertEquals(codec.encode({ kind: 1, time: wide ? 1n : 1, payload: NONE }).length, 4 + (wide ? 9 : 5));
  }
  const fields: StructFields = { kind: "u8", time: "u64" };
  const codec = struct(fields);
  sameType<Equal<Out<typeof codec>["time"], number | bigint>>();
  const decoder = codec.decoder();
  decoder.push(frame(new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 7])));
  assertEquals(decoder.next()?.time, 7n);
});

unit("struct() lets no message compile that its header cannot hold", () => {
  const codec = struct({ kind: "u8", time: "u64" });
  // @ts-expect-error -- a field is missing
  assertThrows(() => codec.encode({ kind: 1, payload: NONE }), TypeError, '"time"');
  // @ts-expect-error -- the payload is missing
  assertThrows(() => codec.encode({ kind: 1, time: 1n }), TypeError, '"payload"');
  // @ts-expect-error -- a field is unknown
  assertThrows(() => codec.encode({ kind: 1, time: 1n, size: 3, payload: NONE }), TypeError, '"size"');
  // @ts-expect-error -- 64 bits are a bigint
  assertThrows(() => codec.encode({ kind: 1, time: 1, payload: NONE }), TypeError, '"time"');
  // @ts-expect-error -- 8 bits are a number
  assertThrows(() => codec.encode({ kind: 1n, time: 1n, payload: NONE }), TypeError, '"kind"');
  // @ts-expect-error -- text is no payload
  assertThrows(() => codec.encode({ kind: 1, time: 1n, payload: "text" }), TypeError, '"payload"');
});

unit("struct() lets no description compile that it does not understand", () => {
  // @ts-expect-error -- there is no such type
  assertThrows(() => struct({ kind: "u24" }), TypeError, '"fields.kind"');
  // @ts-expect-error -- there is no such order
  assertThrows(() => struct({ kind: "u8" }, { endian: "middle" }), TypeError, '"endian"');
  // @ts-expect-error -- a framing has frames of bytes
  struct({ kind: "u8" }, { framing: struct({ kind: "u8" }) });
});
