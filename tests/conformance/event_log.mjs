// @ts-check
/** What happened to the socket under test, in order, and waiting for more of it. */

/** @typedef {{ what: string, holds: () => boolean, resolve: () => void }} Wait */

/** The log of one performance. */
export class EventLog {
  /** @type {string[]} What happened, in order. */
  log = [];

  #dataBytes = 0;
  #readBytes = 0;
  /** @type {Wait[]} */
  #waits = [];

  // ---- noting ----

  /** @param {string} entry */
  note(entry) {
    this.#dataBytes = 0;
    this.log.push(entry);
    this.look();
  }

  /**
   * How bytes are cut into chunks is nobody's promise, so chunks that follow each other are noted as one; text is noted as
   * it comes.
   *
   * @param {Uint8Array | string} chunk
   */
  noteData = (chunk) => {
    this.#readBytes += chunk.length;
    if (typeof chunk === "string") return this.note(`data ${JSON.stringify(chunk)}`);
    const bytes = this.#dataBytes + chunk.length;
    if (this.#dataBytes > 0) this.log.pop();
    this.note(`data ${bytes}`);
    this.#dataBytes = bytes;
  };

  /**
   * A callback that notes its call.
   *
   * @param {string} label
   * @returns {(error?: Error | null) => void}
   */
  callback(label) {
    return (error) => this.note(`callback ${label}${error ? ` ${describe(error)}` : ""}`);
  }

  /**
   * As `callback`, where the versions of Node agree about failure or success but not about the code.
   *
   * @param {string} label
   * @returns {(error?: Error | null) => void}
   */
  outcome(label) {
    return (error) => this.note(`callback ${label} ${error ? "failed" : "succeeded"}`);
  }

  // ---- waiting ----

  /**
   * Until `entry` has been noted `times` times since the beginning.
   *
   * @param {string} entry
   */
  noted(entry, times = 1) {
    return this.when(`${times} of "${entry}"`, () => this.log.filter((one) => one === entry).length >= times);
  }

  /**
   * Until the socket under test was given that many bytes in all.
   *
   * @param {number} bytes
   */
  got(bytes) {
    return this.when(`${bytes} bytes`, () => this.#readBytes >= bytes);
  }

  /** Until `close`, and the turn after it in which nothing may come. */
  async closed() {
    await this.when("close", () => this.log.some((one) => one.startsWith("close ")));
    await turn();
  }

  /**
   * Long enough for something to come that should not. It can only miss a mistake, never blame what is right.
   *
   * @param {number} ms
   */
  async quiet(ms) {
    const before = this.log.length;
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (this.log.length === before) this.note("quiet");
  }

  /**
   * @param {string} what
   * @param {() => boolean} holds
   * @returns {Promise<void>}
   */
  when(what, holds) {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waits.push({ what, holds, resolve: () => resolve() });
    });
  }

  /** What is being waited for. */
  get waits() {
    return this.#waits.map(({ what }) => what).join(" and ");
  }

  /** Something moved: whoever waits for what holds now goes on. */
  look() {
    const due = this.#waits.filter(({ holds }) => holds());
    if (due.length === 0) return;
    this.#waits = this.#waits.filter((wait) => !due.includes(wait));
    for (const { resolve } of due) resolve();
  }
}

/**
 * An error's code, or its message where it has none.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function describe(error) {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && error.code !== undefined ? String(error.code) : error.message;
}

/** One turn of the event loop. */
export function turn() {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
