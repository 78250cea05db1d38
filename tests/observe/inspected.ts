/** The live page as a viewer gets it, without a browser. */

import type { InspectHandler } from "../../src/observe/mod.ts";
import type { ServerMetrics } from "../../mod.ts";

/** What is read of a message. */
export interface Message {
  readonly at: number;
  readonly name: string;
  readonly address: string;
  readonly state: string;
  readonly metrics: ServerMetrics;
  readonly connections: {
    readonly total: number;
    readonly busiest: readonly Row[];
    readonly fullest: readonly Row[];
  };
  readonly rooms: readonly {
    readonly label: string;
    readonly rooms: number;
    readonly members: number;
    readonly busState: string;
    readonly largest: readonly { readonly name: string; readonly members: number }[];
  }[];
  readonly troubles: readonly {
    readonly what: string;
    readonly code: string;
    readonly peer: string;
    readonly count: number;
  }[];
  readonly viewers: { readonly now: number; readonly max: number };
  readonly samples: readonly { readonly at: number; readonly accepted: number; readonly closed: number }[];
}

/** What is read of a connection. */
export interface Row {
  readonly id: number;
  readonly peer: string;
  readonly readRate?: number;
  readonly writeRate?: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly queuedBytes: number;
  readonly unreadBytes: number;
  readonly state: string;
  readonly blocked: boolean;
  readonly tls: boolean;
}

/** A viewer of the messages; `using` makes it leave. */
export class Viewer implements AsyncDisposable {
  readonly #events: ReadableStreamDefaultReader<string>;
  #text = "";

  /** Reads what a response brings. */
  constructor(response: Response) {
    if (response.body === null) throw new Error(`No body, status ${response.status}`);
    this.#events = response.body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next message; undefined at the end. */
  async next(): Promise<Message | undefined> {
    while (!this.#text.includes("\n\n")) {
      const { done, value } = await this.#events.read();
      if (done) return undefined;
      this.#text += value;
    }
    const end = this.#text.indexOf("\n\n");
    const event = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 2);
    if (!/^data: .*$/.test(event)) throw new Error(`No message: ${event}`);
    return JSON.parse(event.slice(6));
  }

  /** The next message that is as wanted. */
  async until(wanted: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const message = await this.next();
      if (message === undefined) throw new Error("The messages ended");
      if (wanted(message)) return message;
    }
  }

  /** Leaves. */
  async leave(): Promise<void> {
    await this.#events.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave();
  }
}

/** A request as a browser of this machine makes it, with these headers on top. */
export function requestOf(headers: Record<string, string> = {}, url = "http://127.0.0.1:9000/"): Request {
  return new Request(url, { headers });
}

/** A request for the messages. */
export function feedRequest(headers: Record<string, string> = {}, url?: string): Request {
  return requestOf({ accept: "text/event-stream", ...headers }, url);
}

/** A viewer that asks the handler itself. */
export function view(inspect: InspectHandler): Viewer {
  return new Viewer(inspect(feedRequest()));
}
