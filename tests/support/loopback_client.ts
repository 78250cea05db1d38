/** Clients with loopback addresses of their own: each stands for somebody else. */

import net from "node:net";

/** One connection, over `node:net`, which can choose its own address; `using` closes it. */
export class LoopbackClient implements Disposable {
  /** What has come. */
  text = "";
  /** Resolves when the connection is over, in whatever way. */
  readonly closed: Promise<void>;
  readonly #socket: net.Socket;
  #look: (() => void) | undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.on("close", () => resolve()));
    socket.on("error", () => {/* told by `closed` */});
    socket.on("data", (data) => {
      this.text += data.toString("latin1");
      this.#look?.();
    });
    void this.closed.then(() => this.#look?.());
  }

  /** Connects from that address: 127.0.0.2, ... */
  static connect(address: string, port: number): Promise<LoopbackClient> {
    return new Promise((resolve, reject) => {
      const host = address.includes(":") ? "::1" : "127.0.0.1";
      const socket = net.connect({ port, host, localAddress: address });
      const client = new LoopbackClient(socket);
      socket.once("connect", () => resolve(client));
      socket.once("error", reject);
    });
  }

  get localPort(): number | undefined {
    return this.#socket.localPort;
  }

  write(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  end(): void {
    this.#socket.end();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Waits until that has come in all; false if the connection ended before. */
  async reads(text: string): Promise<boolean> {
    let over = false;
    void this.closed.then(() => over = true);
    while (!this.text.startsWith(text) && !over) await new Promise<void>((resolve) => this.#look = resolve);
    return this.text.startsWith(text);
  }

  /** Has something echoed; false if the connection is over. */
  async echoes(): Promise<boolean> {
    const before = this.text;
    this.write("ping");
    return await this.reads(`${before}ping`);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
