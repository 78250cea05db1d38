/** The programs of the guide to scaling that need Redis or NATS. */

import { assertEquals } from "@std/assert";
import { DocumentPrograms } from "../support/document_programs.ts";
import { EngineServer } from "./rooms_service.ts";

// What stands behind a program: it waits for its engine, and ends.
const CHECK = `
if (rooms.busState === "down") await new Promise((resolve) => rooms.once("busState", resolve));
console.log("bus", rooms.busState);
Deno.exit();
`;

const ENGINES = [
  ["redis-server", "redis_rooms.ts", /redis:\/\/10\.0\.0\.5/g, "redis://127.0.0.1:"],
  ["nats-server", "nats_rooms.ts", /10\.0\.0\.5/g, "127.0.0.1:"],
] as const;

for (const [program, name, address, local] of ENGINES) {
  Deno.test(`the guide's ${name} reaches a ${program}`, async () => {
    await using programs = await DocumentPrograms.unpack("examples/guides/scaling.md");
    await using engine = new EngineServer(program);
    await engine.start();
    await programs.change(name, address, `${local}${engine.port}`);
    await programs.change(name, /$/, CHECK);
    await using service = programs.run(name, ["-A"]);
    await service.line(/^bus up$/);
    assertEquals((await service.end()).code, 0);
  });
}
