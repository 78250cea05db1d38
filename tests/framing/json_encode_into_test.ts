// `encodeInto` reserves room for a text before it knows its bytes: the thresholds of that, with characters of every width.

import { assert, assertEquals } from "@std/assert";
import { json } from "../../src/framing/json.ts";
import { lengthPrefixed } from "../../src/framing/length_prefixed.ts";
import { frameErrorOf, messagesOf } from "./decode.ts";
import { RecordingSink } from "./recording_sink.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const WIDTHS = [["a", 1], ["ë", 2], ["€", 3], ["🦕", 4]] as const;

// In UTF-16 units; a string has two quotes around it. 1,024 units is where the bytes are counted first, 4 KiB is where the
// write queue stops copying.
const LENGTHS = [0, 1, 41, 42, 1_021, 1_022, 1_023, 1_364, 1_365, 2_047, 4_089, 4_090, 4_091, 4_094, 16_384, 70_000];

for (const [character, width] of WIDTHS) {
  unit(`json().encodeInto() writes the bytes of encode() for texts of ${width}-byte characters`, () => {
    const codec = json();
    for (const length of LENGTHS) {
      // Odd lengths end with an ASCII character, so that every number of units comes about.
      const text = character.repeat(length / character.length) + "x".repeat(length % character.length);
      const sink = new RecordingSink();
      codec.encodeInto?.(text, sink);
      assertEquals(sink.bytes, codec.encode(text), `for ${length} units`);
      assertEquals(messagesOf(codec.decoder(), [sink.bytes]), [text]);
    }
  });

  unit(`json().encodeInto() takes texts of ${width}-byte characters up to the limit and not one more`, () => {
    for (const count of [1, 10, 340, 341, 342, 1_022, 1_023, 2_000]) {
      const text = character.repeat(count);
      const bytes = count * width + 2;
      for (const slack of [-1, 0, 1]) {
        const codec = json({ framing: lengthPrefixed({ maxFrameBytes: bytes + slack }) });
        const sink = new RecordingSink();
        if (slack < 0) {
          assertEquals(frameErrorOf(() => codec.encodeInto?.(text, sink)).frameBytes, bytes);
          assertEquals(sink.reserved, []);
        } else {
          codec.encodeInto?.(text, sink);
          assertEquals(sink.bytes, codec.encode(text), `for ${count} characters with ${slack} to spare`);
        }
      }
    }
  });
}

unit("json().encodeInto() reserves no more than three times a small text and exactly a large one", () => {
  for (const [character, width] of WIDTHS) {
    for (const count of [10, 300, 5_000]) {
      const sink = new RecordingSink();
      json().encodeInto?.(character.repeat(count), sink);
      const bytes = count * width + 2;
      const most = count > 1_024 ? bytes : 3 * (count * character.length + 2);
      assert((sink.reserved[0] ?? 0) <= 4 + most, `${sink.reserved} for ${count} of ${width} bytes`);
    }
  }
});

unit("json().encodeInto() writes lone surrogates as encode() does", () => {
  for (const text of ["\ud83e", "a\udd95", "\udd95\ud83e", "\ud83e".repeat(2_000)]) {
    const sink = new RecordingSink();
    json().encodeInto?.({ toJSON: () => text }, sink);
    assertEquals(sink.bytes, json().encode(text));
  }
});

unit("json().encodeInto() writes little-endian and short lengths, too", () => {
  for (const options of [{ endian: "little" }, { bytes: 2 }, { bytes: 2, endian: "little" }] as const) {
    const codec = json({ framing: lengthPrefixed(options) });
    const sink = new RecordingSink();
    codec.encodeInto?.("ë".repeat(700), sink);
    assertEquals(sink.bytes, codec.encode("ë".repeat(700)));
  }
});

unit("json().encodeInto() does not write a text that the length field cannot hold", () => {
  const codec = json({ framing: lengthPrefixed({ bytes: 1 }) });
  const sink = new RecordingSink();
  codec.encodeInto?.("a".repeat(253), sink);
  assertEquals(sink.bytes.length, 256);
  assertEquals(frameErrorOf(() => codec.encodeInto?.("a".repeat(254), sink)).frameBytes, 256);
  assertEquals(sink.bytes.length, 256);
});
