/**
 * A network that is always ready: what is measured on it is the library's JavaScript alone. `Deno.listen` gives a
 * listener on which connections come when asked for, so that it serves any version of the library.
 */

const ADDRESS: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 };

/** The other end of a connection, which brings bytes as fast as they are read and takes all that is written. */
export class MockWire {
  readonly localAddr = ADDRESS;
  readonly remoteAddr = ADDRESS;
  #chunk = new Uint8Array();
  // As many bytes are still to be brought, and at that place of the chunk the next of them stand.
  #left = 0;
  #at = 0;
  #expected = 0;
  #buffer: Uint8Array | undefined;
  #got: (bytes: number | null) => void = () => {};
  #over: () => void = () => {};
  #closed: () => void = () => {};

  /** Brings `chunk` so many times; resolves when the next read waits, and as many bytes have been written. */
  bring(chunk: Uint8Array<ArrayBuffer>, times: number, answerBytes: number): Promise<void> {
    this.#chunk = chunk;
    this.#left = chunk.length * times;
    this.#at = 0;
    this.#expected = answerBytes;
    const over = new Promise<void>((resolve) => this.#over = resolve);
    if (this.#buffer !== undefined) {
      const buffer = this.#buffer;
      this.#buffer = undefined;
      this.#got(this.#fill(buffer));
    }
    return over;
  }

  /** The peer ends; resolves when the connection has been closed. */
  end(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#closed = resolve);
    this.#got(null);
    return closed;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#left > 0) return Promise.resolve(this.#fill(buffer));
    this.#buffer = buffer;
    const read = new Promise<number | null>((resolve) => this.#got = resolve);
    this.#endIfOver();
    return read;
  }

  write(bytes: Uint8Array): Promise<number> {
    this.#expected -= bytes.length;
    this.#endIfOver();
    return Promise.resolve(bytes.length);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#got(null);
    this.#closed();
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}
  ref(): void {}
  unref(): void {}

  #endIfOver(): void {
    if (this.#expected <= 0 && this.#left === 0 && this.#buffer !== undefined) this.#over();
  }

  #fill(buffer: Uint8Array): number {
    const chunk = this.#chunk;
    const bytes = Math.min(buffer.length, chunk.length - this.#at);
    buffer.set(this.#at === 0 && bytes === chunk.length ? chunk : chunk.subarray(this.#at, this.#at + bytes));
    this.#at = (this.#at + bytes) % chunk.length;
    this.#left -= bytes;
    return bytes;
  }
}

/** What `listen()` of any version listens on until that is taken back. */
export class MockListener implements Disposable {
  readonly addr = ADDRESS;
  readonly #listen = Deno.listen;
  readonly #waiting: ((conn: MockWire) => void)[] = [];
  readonly #come: MockWire[] = [];

  constructor() {
    Reflect.set(Deno, "listen", () => this);
  }

  /** A connection comes. */
  connect(): MockWire {
    const wire = new MockWire();
    const accept = this.#waiting.shift();
    if (accept === undefined) this.#come.push(wire);
    else accept(wire);
    return wire;
  }

  accept(): Promise<MockWire> {
    const wire = this.#come.shift();
    return wire === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(wire);
  }

  close(): void {}
  ref(): void {}
  unref(): void {}

  [Symbol.dispose](): void {
    Reflect.set(Deno, "listen", this.#listen);
  }
}
