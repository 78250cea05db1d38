// The fuzzer finds nothing in our decoders in a while, and finds decoders that are broken.

import { assertEquals, assertMatch } from "@std/assert";
import { sampleCodec, sampleFrame } from "../testing/sample_codec.ts";
import { BYTE_BREACHES, END_BREACHES } from "../testing/broken_decoders.ts";
import { BAD_BREACHES, judgingCodec } from "../testing/broken_frames.ts";
import { type Failure, Fuzzer, type Subject, type Target } from "./fuzz_decoders.ts";
import { TARGETS } from "./targets.ts";

const BATCHES = 24;

function firstFailure(targets: readonly Target[], seed: number, batches = BATCHES): Failure | undefined {
  const fuzzer = new Fuzzer(targets, seed);
  for (let i = 0; i < batches; i++) {
    const failure = fuzzer.runBatch();
    if (failure !== undefined) return failure;
  }
  return undefined;
}

for (const target of TARGETS) {
  Deno.test(`the fuzzer finds nothing wrong with ${target.name}`, () => {
    const failure = firstFailure([target], 1);
    assertEquals(failure, undefined, failure?.what);
  });
}

/** A codec, beside some frames of the sample's. */
function targetOf(codec: Subject["codec"]): Target {
  const wire = new Uint8Array(
    [[], [7], [0xff], [8, 9], [1, 2, 3], []].flatMap((body) => [...sampleFrame(new Uint8Array(body))]),
  );
  return { name: "sample", make: () => ({ codec, wire, maxBufferedBytes: 201 }) };
}

Deno.test("the fuzzer finds nothing wrong with decoders from elsewhere that are right", () => {
  for (const codec of [sampleCodec(), judgingCodec]) assertEquals(firstFailure([targetOf(codec)], 1), undefined);
});

/** Wrong, but the same however the bytes are cut: that takes one who knows the messages, as `verifyCodec` does. */
const CONSISTENT = [
  "takes the buffer of a chunk for the chunk",
  "hands out the same buffer for each message",
  "does not decode what it encoded",
  "gives a message twice",
  "loses a whole message when the next one is cut off",
  "takes a bad frame for the end of the stream",
  "leaves a bad frame out in silence",
];

for (const { what, codec } of [...BYTE_BREACHES, ...END_BREACHES, ...BAD_BREACHES]) {
  if (CONSISTENT.includes(what)) continue;
  Deno.test(`the fuzzer finds a decoder that ${what}, and finds it again`, () => {
    const target = targetOf(codec);
    const failure = firstFailure([target], 1);
    const again = failure && firstFailure([target], failure.seed, 1);
    assertEquals(again, failure);
    assertMatch(again?.what ?? "nothing", /: /);
  });
}

Deno.test("the fuzzer says how many cases each codec had", () => {
  const fuzzer = new Fuzzer(TARGETS, 1);
  fuzzer.runBatch();
  assertEquals([...fuzzer.cases], TARGETS.map(({ name }) => [name, 32]));
});

async function runTask(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "fuzz", ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: out ?? "", stderr: error ?? "" };
}

Deno.test("deno task fuzz runs the codec and the seed that it is given", async () => {
  const { code, stdout, stderr } = await runTask("--seconds", "0", "--codec", "netstrings", "--seed", "7");
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "netstrings: 32 cases\nseed 7\n", stderr: "" });
});

Deno.test("deno task fuzz refuses a codec that it does not know", async () => {
  const { code, stderr } = await runTask("--codec", "morse");
  assertEquals(code, 2);
  assertMatch(stderr, /^--codec must be one of lengthPrefixed, lines, .*\ndeno task fuzz \[--seconds 10\]/);
});
