// A server without descriptors: who says nothing makes room, as where the server is full.

import { assert, assertEquals, assertGreater } from "@std/assert";
import { LoopbackClient } from "../support/loopback_client.ts";
import { Program } from "../support/program.ts";

const SILENT = 300;
const NEWCOMERS = 20;

Deno.test("when descriptors have run out, silent connections make room for newcomers, and no more of them than needed", async () => {
  await using server = new Program("fixtures/scarce_server.ts", { descriptors: 160 });
  const port = await server.next() as number;
  const silent = await Promise.all(
    Array.from({ length: SILENT }, (_, i) => LoopbackClient.connect(`127.0.0.${2 + i % 3}`, port)),
  );
  const newcomers = [];
  for (let i = 0; i < NEWCOMERS; i++) {
    const newcomer = await LoopbackClient.connect("127.0.0.9", port);
    newcomers.push(newcomer);
    assert(await newcomer.echoes(), `newcomer ${i} is let in, though nobody leaves by itself`);
  }
  const { accepted, acceptErrors, open, shed } = await server.end() as Record<string, number>;
  for (const peer of [...silent, ...newcomers]) peer[Symbol.dispose]();
  assertEquals(accepted, SILENT + NEWCOMERS);
  assertEquals(open, SILENT + NEWCOMERS - shed!);
  assertGreater(acceptErrors!, 0);
  assertGreater(open!, 100, "nearly all descriptors are in use");
});
