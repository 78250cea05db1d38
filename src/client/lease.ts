/** What a pool hands out: a connection for one user at a time. */

/** A connection that is yours until you release it; disposing one that was not released destroys it. */
export interface Lease<T> extends Disposable {
  /** What the pool's `setup` returned, or the socket. Do not use it after the release. */
  readonly value: T;
  /**
   * Returns it to the pool. A connection that is closed, or was left with unread bytes, listeners or a claimed read
   * side, is destroyed instead of being lent again. Only the first call counts.
   */
  release(): void;
  /** Destroys the connection, for example after a failure that leaves its state unknown. */
  destroy(error?: Error): void;
}

/** How a lease ends: `error` is what `destroy` was called with. */
export type LeaseEnd<T> = (lease: HeldLease<T>, how: "release" | "destroy", error: Error | undefined) => void;

/** A lease as the pool sees it. */
export class HeldLease<T> implements Lease<T> {
  readonly value: T;
  /** Since when it is held, by `now()` of the clock. */
  readonly since: number;
  /** Where it was acquired, if leaks are looked for. */
  readonly stack: string | undefined;
  /** It was told as a leak. */
  leaked = false;
  #end: LeaseEnd<T> | undefined;

  constructor(value: T, since: number, stack: string | undefined, end: LeaseEnd<T>) {
    this.value = value;
    this.since = since;
    this.stack = stack;
    this.#end = end;
  }

  release(): void {
    this.#finish("release", undefined);
  }

  destroy(error?: Error): void {
    this.#finish("destroy", error);
  }

  [Symbol.dispose](): void {
    this.destroy();
  }

  #finish(how: "release" | "destroy", error: Error | undefined): void {
    const end = this.#end;
    this.#end = undefined;
    end?.(this, how, error);
  }
}
