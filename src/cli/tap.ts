/** `vtcp tap`: a proxy that shows every message that passes. */

import { createServer, MessageError, ServerProtocol, type TCPSocket } from "../../mod.ts";
import { wallTime } from "../base/clock.ts";
import type { FrameDecoder } from "../framing/mod.ts";
import type { ClientOptions } from "../../tcp.ts";
import type { Destination, TapRequest } from "./arguments.ts";
import { dialer, listen, listenOptions, write } from "./endpoints.ts";
import { failureText, Output, say } from "./output.ts";
import { reportConnections } from "./serve.ts";
import { onOneLine } from "./terminal_text.ts";
import type { Wire } from "./wire.ts";

/** How long peers may take to end after Ctrl-C. */
const DRAIN_MS = 2_000;

/** Runs until a signal ends it, or nobody reads what it prints. */
export async function runTap({ wire, at, to }: TapRequest): Promise<void> {
  const output = new Output();
  const unread = Promise.withResolvers<never>();
  // Waited for before a message goes on, so that it is shown in front of its answer.
  const tell = (text: string): Promise<void> => {
    const told = output.line(`${timeOfDay()} ${text}`);
    told.catch(unread.reject);
    return told;
  };

  const dial = await dialer(to);
  const tcp = { allowHalfOpen: true };
  const app = createServer<number>(ServerProtocol.TCP, { ...await listenOptions(at), tcp });
  reportConnections(app, tell);
  app.onConnection(async (down) => {
    const up = await dial({ tcp, ...proxyHeaderFor(down, to) });
    up.on("error", () => {}); // the loops have it
    try {
      await Promise.all([
        pass(down, up, new Watch(wire, `#${down.state} >`, tell)),
        pass(up, down, new Watch(wire, `#${down.state} <`, tell)),
      ]);
    } catch (error) {
      // A failure on one side is one on the other.
      up.destroy();
      throw error;
    }
  });
  say(`Listening on ${await listen(app, at.listen)}`);
  await Promise.race([app.closeOnSignals({ drainMs: DRAIN_MS }), unread.promise]);
}

/** The header that tells the target who has connected to us, if it is to be told. */
function proxyHeaderFor(down: TCPSocket, { proxyHeader }: Destination): Pick<ClientOptions, "proxyHeader"> {
  const { remoteAddress, remotePort, localAddress, localPort } = down;
  // Clients of a unix socket have no address: then the header is our own.
  if (proxyHeader === undefined || remoteAddress === undefined || localAddress === undefined) return {};
  const source = { address: remoteAddress, port: remotePort ?? 0 };
  return { proxyHeader: { ...proxyHeader, source, destination: { address: localAddress, port: localPort ?? 0 } } };
}

/** Everything from one side to the other, and then the end. */
async function pass(from: TCPSocket, to: TCPSocket, watch: Watch): Promise<void> {
  for await (const chunk of from) {
    await watch.push(chunk);
    await write(to, chunk);
  }
  await watch.end();
  to.end();
}

/** Looks at the bytes of one direction, and tells their messages. */
class Watch {
  readonly #wire: Wire;
  readonly #label: string;
  readonly #tell: (text: string) => Promise<void>;
  // Undefined once the bytes cannot be understood any more.
  #decoder: FrameDecoder<unknown> | undefined;

  constructor(wire: Wire, label: string, tell: (text: string) => Promise<void>) {
    this.#wire = wire;
    this.#label = label;
    this.#tell = tell;
    this.#decoder = wire.codec.decoder();
  }

  async push(chunk: Uint8Array): Promise<void> {
    if (this.#decoder === undefined) return await this.#tell(`${this.#label} ${chunk.length} (not decoded)`);
    this.#decoder.push(chunk);
    await this.#tellAll();
  }

  async end(): Promise<void> {
    try {
      this.#decoder?.end();
    } catch (error) {
      return await this.#tell(`${this.#label} ${this.#decoder?.bufferedBytes} (${failureText(error)})`);
    }
    await this.#tellAll();
  }

  async #tellAll(): Promise<void> {
    for (let decoder; (decoder = this.#decoder) !== undefined;) {
      const before = decoder.bufferedBytes;
      let text: string;
      try {
        const message = decoder.next();
        if (message === undefined) return;
        const shown = this.#wire.show(message);
        text = onOneLine(typeof shown === "string" ? shown : new TextDecoder().decode(shown));
      } catch (error) {
        text = `(${failureText(error)})`;
        if (!(error instanceof MessageError)) this.#decoder = undefined;
      }
      await this.#tell(`${this.#label} ${before - decoder.bufferedBytes} ${text}`);
    }
  }
}

/** The time of day here, to the millisecond. */
function timeOfDay(): string {
  const time = new Date(wallTime());
  const [hours, minutes, seconds] = [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, "0"));
  return `${hours}:${minutes}:${seconds}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}
