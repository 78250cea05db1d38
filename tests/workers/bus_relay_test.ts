import { assertEquals } from "@std/assert";
import { BusRelay } from "../../src/workers/bus_relay.ts";
import type { ToWorker } from "../../src/workers/messages.ts";

/** A worker that keeps what it is sent. */
class Worker {
  readonly got: ToWorker[] = [];
  send(message: ToWorker): void {
    this.got.push(message);
  }
}

const payload = new Uint8Array([1]);

Deno.test("BusRelay: of two buses in one worker, the one that ends leaves the other its channel", () => {
  const relay = new BusRelay();
  const [one, other] = [new Worker(), new Worker()];
  const subscribe = (on: boolean) => relay.receive(one, { type: "busSubscribe", id: 1, channel: "a", on });
  subscribe(true);
  subscribe(true);
  subscribe(false);
  relay.receive(other, { type: "busPublish", id: 2, channel: "a", payload });
  assertEquals(one.got.at(-1), { type: "bus", channel: "a", payload });
  assertEquals(other.got, [{ type: "busDone", id: 2, reached: 1 }]);
  subscribe(false);
  relay.receive(other, { type: "busPublish", id: 3, channel: "a", payload });
  assertEquals(other.got.at(-1), { type: "busDone", id: 3, reached: 0 });
});

Deno.test("BusRelay forgets a worker that is gone", () => {
  const relay = new BusRelay();
  const [one, other] = [new Worker(), new Worker()];
  relay.receive(one, { type: "busSubscribe", id: 1, channel: "a", on: true });
  relay.forget(one);
  relay.receive(other, { type: "busPublish", id: 2, channel: "a", payload });
  assertEquals([one.got.length, other.got], [1, [{ type: "busDone", id: 2, reached: 0 }]]);
});
