/** What the commands print: messages to stdout, everything else to stderr. */

import { escapeControls, onOneLine } from "./terminal_text.ts";

/** Nobody reads our stdout any more, as behind `| head`: a reason to end, and no failure. */
export class ClosedPipe extends Error {
  override readonly name = "ClosedPipe";
}

const utf8 = new TextEncoder();

/** Standard output. A slow reader is waited for. */
export class Output {
  /** Whether people look at it: then peers' control characters are escaped. */
  readonly isTerminal: boolean = Deno.stdout.isTerminal();
  // Characters may be cut in two by chunks.
  readonly #text = new TextDecoder("utf-8", { ignoreBOM: true });
  // What two connections say at a time stays apart.
  #written: Promise<void> = Promise.resolve();

  /** A message on a line of its own. */
  async line(message: string | Uint8Array): Promise<void> {
    if (typeof message === "string") {
      return await this.#write(utf8.encode(`${this.isTerminal ? escapeControls(message) : message}\n`));
    }
    if (this.isTerminal) return await this.line(new TextDecoder().decode(message));
    const line = new Uint8Array(message.length + 1);
    line.set(message);
    line[message.length] = 0x0a;
    await this.#write(line);
  }

  /** Bytes as they come, with nothing in between. */
  async bytes(chunk: Uint8Array): Promise<void> {
    await this.#write(
      this.isTerminal ? utf8.encode(escapeControls(this.#text.decode(chunk, { stream: true }))) : chunk,
    );
  }

  #write(bytes: Uint8Array): Promise<void> {
    return this.#written = this.#written.then(() => writeAll(bytes));
  }
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new ClosedPipe();
    throw error;
  }
}

/** Tells the user something, on one line of stderr. */
export function say(text: string): void {
  sayBytes(`${onOneLine(text)}\n`);
}

/** Shows a text of ours on stderr in place of the one that was shown so before. Only where that is a terminal. */
export function showProgress(text: string): void {
  if (Deno.stderr.isTerminal()) sayBytes(`\r\x1b[K${text}`);
}

function sayBytes(text: string): void {
  try {
    const bytes = utf8.encode(text);
    for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
  } catch {
    // Nobody listens.
  }
}

/** What went wrong, in one line with its code. */
export function failureText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { message } = thrown;
  const code: unknown = Reflect.get(thrown, "code");
  return typeof code !== "string" || message.includes(code) ? message : `${message} (${code})`;
}
