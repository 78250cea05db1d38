// What lies between accept and announcement, with steps that the test ends when it likes.

import { assertEquals } from "@std/assert";
import { type ConnectionSource, Preparation, type PreparationStep } from "../../src/server/preparation.ts";
import type { Listener } from "../../src/transport/listener.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";

/** A listener that has peers without end, and counts those that were taken. */
class Flood implements Listener {
  readonly addr: Deno.Addr = { transport: "tcp", hostname: "127.0.0.1", port: 1 };
  readonly accepted: Transport[] = [];
  #closed = false;

  accept(): Promise<Transport> {
    if (this.#closed) return Promise.reject(new Deno.errors.BadResource("closed"));
    const [near] = memoryPair();
    this.accepted.push(near);
    return Promise.resolve(near);
  }

  close(): void {
    this.#closed = true;
  }
}

/** A step of which each run ends when the test says so. */
function makeStep() {
  const runs: PromiseWithResolvers<Transport>[] = [];
  const step: PreparationStep = {
    prepare() {
      const run = Promise.withResolvers<Transport>();
      runs.push(run);
      return run.promise;
    },
    deadline: { option: "deadlines.proxyMs", reason: "deadline:proxy", ms: Infinity },
    reasonOf: () => "protocol",
    event: "proxyError",
  };
  return { step, runs };
}

function prepare(steps: readonly PreparationStep[], max: number, shed?: (source: ConnectionSource) => void) {
  const flood = new Flood();
  const told: unknown[] = [];
  let inside = 0;
  const source: Preparation = new Preparation(flood, steps, {
    maxHandshakes: max,
    admit: () => undefined,
    acceptFailed: () => false,
    background: false,
    sheds: shed !== undefined,
    shedPreparing: () => shed?.(source),
    entered: () => ++inside > 0,
    prepared: () => true,
    left: () => void inside--,
    failed: (error, reason, _transport, event) => told.push([error.message, reason, event]),
  });
  return { flood, source, told, inside: () => inside };
}

/** Lets everything happen that is due now. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Takes connections until the source is closed. */
async function takeAll(source: ConnectionSource): Promise<Transport[]> {
  const taken: Transport[] = [];
  for (let transport; (transport = await source.accept()) !== undefined;) {
    source.taken();
    taken.push(transport);
  }
  return taken;
}

async function isClosed(transport: Transport): Promise<boolean> {
  return await transport.write(new Uint8Array(1)).then(
    () => false,
    (error) => error instanceof Deno.errors.BadResource,
  );
}

Deno.test("no more are accepted than may be prepared at a time, all steps together", async () => {
  const [first, second] = [makeStep(), makeStep()];
  const { flood, source } = prepare([first.step, second.step], 3);
  const taking = takeAll(source);
  await settle();
  const counts = [flood.accepted.length];
  first.runs[0]?.resolve(flood.accepted[0]!); // three were accepted
  await settle();
  counts.push(flood.accepted.length);
  second.runs[0]?.resolve(flood.accepted[0]!); // as above
  await settle();
  counts.push(flood.accepted.length);
  first.runs[1]?.reject(new Error("bad"));
  await settle();
  counts.push(flood.accepted.length);
  assertEquals(counts, [3, 3, 4, 5]);
  source.close();
  assertEquals((await taking).length, 1);
});

Deno.test("what a step makes too late is closed, and not announced", async () => {
  const { step, runs } = makeStep();
  const { flood, source, told, inside } = prepare([step], 1);
  const taking = takeAll(source);
  await settle();
  source.close();
  const [made] = memoryPair();
  runs[0]?.resolve(made);
  await settle();
  assertEquals([await taking, await isClosed(made), await isClosed(flood.accepted[0]!)], [[], true, true]); // one came
  assertEquals([told, inside()], [
    [["The server was closed before the connection was ready", "shutdown", undefined]],
    0,
  ]);
});

Deno.test("no connection is forgotten that is between two steps when the server closes", async () => {
  for (let ticks = 0; ticks < 8; ticks++) {
    const [first, second] = [makeStep(), makeStep()];
    const { source, told, inside } = prepare([first.step, second.step], 1);
    const taking = takeAll(source);
    await settle();
    const [made] = memoryPair();
    first.runs[0]?.resolve(made);
    for (let i = 0; i < ticks; i++) await undefined;
    source.close();
    await settle();
    assertEquals([await taking, told.length, inside(), source.size], [[], 1, 0, 0], `${ticks} ticks`);
    assertEquals(await isClosed(made), true, `${ticks} ticks`);
  }
});

Deno.test("a connection for which others make room is found by whoever closes the server meanwhile", async () => {
  const found: number[] = [];
  const { flood, source, told, inside } = prepare([makeStep().step], 1, (source) => {
    found.push([...source.preparing()].length);
    source.close();
  });
  assertEquals(await takeAll(source), []);
  assertEquals([found, told.length, inside(), source.size], [[2], 2, 0, 0]);
  for (const transport of flood.accepted) assertEquals(await isClosed(transport), true);
});

Deno.test("a connection that was accepted in the turn of the close is closed and not prepared", async () => {
  const arrival = Promise.withResolvers<Transport>();
  let closed = 0;
  const [near] = memoryPair();
  const close = near.close.bind(near);
  near.close = () => {
    closed++;
    close();
  };
  const listener: Listener = {
    addr: { transport: "tcp", hostname: "127.0.0.1", port: 1 },
    accept: () => arrival.promise,
    close: () => {},
  };
  const { step, runs } = makeStep();
  let entered = 0;
  const source = new Preparation(listener, [step], {
    maxHandshakes: 10,
    admit: () => undefined,
    acceptFailed: () => false,
    background: false,
    sheds: false,
    shedPreparing: () => {},
    entered: () => ++entered > 0,
    prepared: () => true,
    left: () => {},
    failed: () => {},
  });
  const accepted = source.accept();
  await Promise.resolve();
  arrival.resolve(near);
  await arrival.promise; // the accept has succeeded, but nobody has looked yet
  source.close();
  assertEquals(await accepted, undefined);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([closed, entered, runs.length, source.size], [1, 0, 0, 0]);
});
