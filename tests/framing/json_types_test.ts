// What the type parameters of `json` and `ndjson` say. Where one of these is wrong the file does not compile.

import { assertEquals } from "@std/assert";
import type { Codec } from "../../src/framing/codec.ts";
import { json } from "../../src/framing/json.ts";
import { ndjson } from "../../src/framing/ndjson.ts";
import { type Equal, sameType } from "./equal.ts";

interface Request {
  id: number;
  method: string;
}
interface Answer {
  id: number;
  result: string;
}

Deno.test("json and ndjson take what is sent and what is received without a schema", { permissions: "none" }, () => {
  const both = [json<Request, Answer>(), ndjson<Request, Answer>({ maxFrameBytes: 1_000 })];
  sameType<Equal<typeof both, Codec<Request, Answer>[]>>();
  const one = [json<Request>(), ndjson<Request>()];
  sameType<Equal<typeof one, Codec<Request, Request>[]>>();
  const none = [json(), ndjson()];
  sameType<Equal<typeof none, Codec<unknown, unknown>[]>>();
  for (const codec of both) {
    const decoder = codec.decoder();
    decoder.push(codec.encode({ id: 1, method: "ping" }));
    const answer: Answer | undefined = decoder.next();
    assertEquals(answer?.id, 1);
  }
});
