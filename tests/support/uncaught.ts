/** Errors that nobody catches, as a test hears of them: they end neither the program nor the test then. */

/** From now on, until it is disposed of. */
export class Uncaught implements Disposable {
  /** What came so far. */
  readonly errors: (Error & { code?: string })[] = [];
  #waiting: PromiseWithResolvers<Error & { code?: string }> | undefined;
  readonly #hear = (event: ErrorEvent) => {
    event.preventDefault();
    this.errors.push(event.error);
    this.#waiting?.resolve(event.error);
  };

  constructor() {
    addEventListener("error", this.#hear);
  }

  /** Their codes. */
  get codes(): (string | undefined)[] {
    return this.errors.map(({ code }) => code);
  }

  /** The first one. */
  async first(): Promise<Error & { code?: string }> {
    this.#waiting ??= Promise.withResolvers();
    return this.errors[0] ?? await this.#waiting.promise;
  }

  [Symbol.dispose](): void {
    removeEventListener("error", this.#hear);
  }
}
