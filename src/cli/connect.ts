/** `vtcp connect`: stdin to a server, and what it says to stdout. */

import { frames, lines } from "../framing/mod.ts";
import { startBackgroundTimer } from "../base/clock.ts";
import type { TCPSocket } from "../../tcp.ts";
import type { ConnectRequest } from "./arguments.ts";
import { dialer, write } from "./endpoints.ts";
import { Failure } from "./failure.ts";
import { onInterrupt } from "./interrupts.ts";
import { failureText, Output, say } from "./output.ts";
import type { Wire } from "./wire.ts";

/** How long the server may take to end its side after Ctrl-C. */
const GOODBYE_MS = 2_000;

/** Runs until the server has ended, or both sides have. */
export async function runConnect({ wire, to }: ConnectRequest): Promise<void> {
  const dial = await dialer(to);
  const interrupted = new AbortController();
  const dialing = dial({ signal: interrupted.signal });
  using _hearing = onInterrupt((times) => {
    interrupted.abort(new Failure("Interrupted before there was a connection"));
    dialing.then((socket) => leave(socket, times), () => {}); // told below
  });
  const socket = await dialing;
  socket.on("error", () => {}); // `closed` has it
  const sending = send(socket, wire).then(() => socket.end());
  const failed = new Promise<never>((_, reject) => sending.catch(reject));
  await Promise.race([receive(socket, wire, new Output()), failed]);
  const { error } = await socket.closed;
  if (error !== undefined) throw error;
}

/** Ends in order at the first Ctrl-C, as far as the server lets us, and at once at the second. */
function leave(socket: TCPSocket, times: number): void {
  if (times > 1) return void socket.destroy();
  socket.end();
  startBackgroundTimer(() => socket.destroy(), GOODBYE_MS);
}

/** Shows what comes until the server ends. */
async function receive(socket: TCPSocket, wire: Wire, output: Output): Promise<void> {
  const onInvalid = (error: Error) => say(`A bad message: ${failureText(error)}`);
  for await (const message of frames(socket, wire.codec, { onInvalid })) {
    const shown = wire.show(message);
    if (wire.isRaw && typeof shown !== "string") await output.bytes(shown);
    else await output.line(shown);
  }
}

/** Sends what is typed until it ends. */
async function send(socket: TCPSocket, wire: Wire): Promise<void> {
  const input = Deno.stdin.readable;
  if (wire.isRaw) {
    for await (const chunk of input) await write(socket, chunk);
    return;
  }
  let count = 0;
  for await (const line of frames(input, lines())) {
    count++;
    const frame = frameOf(line, count, wire);
    if (frame !== undefined) await write(socket, frame);
  }
}

/** The frame of a typed line. At a keyboard one may try again; anywhere else what is wrong is a failure. */
function frameOf(line: string, number: number, wire: Wire): Uint8Array | undefined {
  try {
    const message = wire.parse(line);
    return message === undefined ? undefined : wire.codec.encode(message);
  } catch (error) {
    const text = `Line ${number} of the input is not a message of ${wire.name}: ${failureText(error)}`;
    if (!Deno.stdin.isTerminal()) throw new Failure(text, { cause: error });
    say(text);
    return undefined;
  }
}
