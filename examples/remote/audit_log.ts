/**
 * An audit log: one JSON value on a line for whatever anybody did or tried to do, written before it is done. What came from
 * outside is in JSON strings, so nobody can write a line of its own.
 *
 * @module
 */

/** What happened. */
export interface AuditEntry {
  readonly event: "connect" | "disconnect" | "stranger" | "run" | "exit" | "failed" | "cancel";
  /** The name in the certificate of who did it. */
  readonly by: string;
  readonly address?: string | undefined;
  /** Number of the run, unique in one life of the controller. */
  readonly run?: number;
  readonly device?: string;
  readonly command?: string;
  readonly args?: readonly string[];
  readonly code?: number;
  readonly reason?: string | undefined;
  readonly tookMs?: number;
}

/** Appends to a file. */
export class AuditLog implements Disposable {
  readonly #file: Deno.FsFile;

  /** Opens the file, or makes one that only its owner can read. */
  constructor(path: string) {
    this.#file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
  }

  /** Writes an entry; throws where the disk does not take it, and then what it is about must not happen. */
  write(entry: AuditEntry): void {
    const line = new TextEncoder().encode(`${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`);
    for (let rest = line; rest.length > 0;) rest = rest.subarray(this.#file.writeSync(rest));
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}
