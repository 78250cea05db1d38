/** A server with the preset `hardened`, honest clients, and attackers, in processes of their own. */

import { Program } from "../support/program.ts";

/** What the honest clients saw. */
export interface HonestReport {
  readonly asked: number;
  readonly answered: number;
  readonly wrong: number;
  /** Connections that ended before their client had ended them. */
  readonly cut: number;
  readonly newcomers: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly newcomerP50Ms: number;
  readonly newcomerMaxMs: number;
}

/** What the servers said of themselves at one time; counts that are 0 are left out. */
export interface Sample {
  /** Of each server: each has a budget of its own. */
  readonly heldBytes: readonly number[];
  readonly queuedBytes?: number;
  readonly open?: number;
  readonly preparing?: number;
  readonly accepted?: number;
  readonly acceptErrors?: number;
  readonly closed: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Record<string, number>>;
  readonly tables: Readonly<Record<string, number>>;
  readonly sockets: number;
  readonly handshakes: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly rss: number;
}

/** An attack, or several at once. */
export interface Scenario {
  /** The kinds that attack, by the process that they come from. */
  readonly attackers: readonly (readonly string[])[];
  /** As many descriptors as the server may have. */
  readonly descriptors: number;
  /** Whether everything has happened that the scenario is about; `made` counts the attackers' connections. */
  complete(made: Readonly<Record<string, number>>, last: Sample, all: readonly Sample[]): boolean;
}

/** What came of it. */
export interface Outcome {
  readonly atRest: HonestReport;
  readonly attacked: HonestReport;
  readonly made: Readonly<Record<string, number>>;
  /** Every 100 ms from the attack's beginning to its end. */
  readonly samples: readonly Sample[];
  /** What the servers said when the honest clients had been there by themselves, and when everybody had left. */
  readonly before: Sample;
  readonly last: Sample;
}

/** As much more memory in use as before is nothing. */
export const LEFT_BYTES = 16 * 2 ** 20;
// A sample is taken every 100 ms.
const SAMPLES_TO_GIVE_BACK = 50;

/** Lets the honest clients talk by themselves, and then under attack, for so many seconds at least. */
export async function underAttack(scenario: Scenario, restSeconds: number, seconds: number): Promise<Outcome> {
  await using target = new Program("soak/target.ts", {
    flags: ["--v8-flags=--expose-gc"],
    descriptors: scenario.descriptors,
  });
  const { ports } = await target.next() as { ports: number[] };
  const latest = () => target.said.at(-1) as Sample;
  const talk = async (during: () => Promise<void>): Promise<HonestReport> => {
    await using honest = new Program("soak/honest.ts", { args: ports.slice(0, 2) });
    await honest.next();
    await during();
    return await honest.end() as HonestReport;
  };

  const atRest = await talk(() => pass(restSeconds));
  await target.until(() => isEmpty(latest()));
  const before = latest();

  await using attackers = new AsyncDisposableStack();
  const programs: Program[] = [];
  const begun = target.said.length;
  const made = () => Object.assign({}, ...programs.map(({ said }) => said.at(-1))) as Record<string, number>;
  const attacked = await talk(async () => {
    for (const kinds of scenario.attackers) {
      programs.push(attackers.use(new Program("soak/attackers.ts", { args: [...ports, ...kinds] })));
    }
    await pass(seconds);
    await target.until(() => scenario.complete(made(), latest(), target.said.slice(begun) as Sample[]));
  });
  const samples = target.said.slice(begun) as Sample[];
  await attackers.disposeAsync();
  await target.until(() => isEmpty(latest()));
  // What was collected is given back by and by.
  const empty = target.said.length;
  const isGivenBack = () => latest().heapUsed + latest().external - before.heapUsed - before.external < LEFT_BYTES;
  await target.until(() => isGivenBack() || target.said.length > empty + SAMPLES_TO_GIVE_BACK);
  return { atRest, attacked, made: made(), samples, before, last: await target.end() as Sample };
}

/** Whether everybody has left, and nothing is left of them. */
function isEmpty({ open, preparing, heldBytes, tables }: Sample): boolean {
  return open === undefined && preparing === undefined && heldBytes.every((bytes) => bytes === 0) &&
    Object.keys(tables).length === 0;
}

function pass(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}
