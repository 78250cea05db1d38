// Stands in for jsr:@std/streams where JSR cannot be reached: the official package's code, as npm has it.
// @ts-types="./types.d.ts"
export * from "npm:deno-std@1.4.0/streams/mod.js";
