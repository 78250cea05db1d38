/**
 * A process whose event loop is never idle, as under messages that cost much CPU: every turn takes its time, and the
 * runtime asks the kernel for what has come only once in a while, when timers are long due.
 */

/** Does nothing else for that many milliseconds. */
export function burn(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Burns `turnMs` in every turn of the event loop, after `eachTurn`; `using` ends it. */
export class BusyLoop implements Disposable {
  #next: ReturnType<typeof setImmediate> | undefined;

  constructor(turnMs: number, eachTurn: () => void = () => {}) {
    const turn = () => {
      this.#next = setImmediate(turn);
      eachTurn();
      burn(turnMs);
    };
    this.#next = setImmediate(turn);
  }

  [Symbol.dispose](): void {
    clearImmediate(this.#next);
  }
}
