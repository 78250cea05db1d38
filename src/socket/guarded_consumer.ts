/** Calls whoever reads. A pipe's target is the user's code and may throw; that is a handler's failure, not a read's. */

import type { Buffer } from "node:buffer";
import type { ReadConsumer } from "./connection_ports.ts";
import type { Taken } from "./read_loop.ts";

/** Where a failure goes. */
export interface ConsumerOwner {
  handlerThrew(thrown: unknown): void;
}

/** Offers a chunk. */
export function takeGuarded(owner: ConsumerOwner, consumer: ReadConsumer, chunk: Buffer): Taken {
  try {
    return consumer.take(chunk);
  } catch (thrown) {
    owner.handlerThrew(thrown);
    return "go";
  }
}

/** Tells of the peer's FIN. */
export function endGuarded(owner: ConsumerOwner, consumer: ReadConsumer | undefined): void {
  try {
    consumer?.end();
  } catch (thrown) {
    owner.handlerThrew(thrown);
  }
}
