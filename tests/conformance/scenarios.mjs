// @ts-check
/** The table: every scenario in which the order of a socket's events is compared with the real `node:net`. */

import { breaking } from "./scenarios/breaking.mjs";
import { connecting } from "./scenarios/connecting.mjs";
import { ending } from "./scenarios/ending.mjs";
import { late } from "./scenarios/late.mjs";
import { leaving } from "./scenarios/leaving.mjs";
import { reading } from "./scenarios/reading.mjs";
import { reconnecting } from "./scenarios/reconnecting.mjs";
import { writing } from "./scenarios/writing.mjs";

/** @type {readonly import("./port.mjs").Scenario[]} */
export const SCENARIOS = [
  ...connecting,
  ...reconnecting,
  ...ending,
  ...breaking,
  ...late,
  ...leaving,
  ...writing,
  ...reading,
];
