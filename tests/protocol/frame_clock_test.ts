/** What MessageProtocol tells the deadlines about frames. */

import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { MessageProtocol } from "../../mod.ts";
import { DeadlineWatch } from "../../src/socket/deadlines.ts";
import { connectionOf } from "../../src/socket/socket_facts.ts";
import { frame } from "../documentation/peer.ts";
import { link } from "./linked.ts";

async function open() {
  const linked = await link({ deadlines: { frameMs: 60_000 } });
  const protocol = new MessageProtocol(linked.socket);
  const { frameClock } = connectionOf(linked.socket);
  assertInstanceOf(frameClock, DeadlineWatch);
  return { linked, protocol, frameClock };
}

Deno.test("a frame that is not whole is owed, until its last byte has come", async () => {
  const { linked, protocol, frameClock } = await open();
  await using _ = linked;
  const whole = frame({ number: 1 });
  protocol.handleData(whole.subarray(0, 5));
  assert(frameClock.frameBegunAt > 0);
  protocol.handleData(whole.subarray(5));
  assertEquals(frameClock.frameBegunAt, 0);
});

Deno.test("a handler that throws does not leave the peer owing a frame that has come", async () => {
  const { linked, protocol, frameClock } = await open();
  await using _ = linked;
  protocol.onMessage = () => {
    throw new Error("not today");
  };
  const whole = frame({ number: 1 });
  protocol.handleData(whole.subarray(0, 5));
  const rest = new Uint8Array([...whole.subarray(5), ...whole]);
  assertThrows(() => protocol.handleData(rest), Error, "not today");
  assertEquals(frameClock.frameBegunAt, 0, "what is left over is ours to decode");
});

Deno.test("a handler that destroys the socket leaves no clock running", async () => {
  const { linked, protocol, frameClock } = await open();
  await using _ = linked;
  protocol.onMessage = () => void linked.socket.destroy();
  const whole = frame({ number: 1 });
  protocol.handleData(new Uint8Array([...whole, ...whole.subarray(0, 5)]));
  assertEquals(frameClock.frameBegunAt, 0);
});
