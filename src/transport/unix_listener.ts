/**
 * Listens on a unix socket and takes away its file at the end, but nobody else's.
 *
 * The runtime removes whatever has the name that it bound, some time after `close()` and when the process ends, be it the
 * socket of a successor. So it is given a name of its own, which is gone at once, and the path is a second name for the
 * same file.
 */

import { type Listener, SystemListener } from "./listener.ts";
import type { Transport } from "./transport.ts";

/**
 * Binds at once; throws the runtime's errors. Without the permission for names beside the path, or where files cannot
 * have two names, the runtime binds the path itself, with what that means for a successor.
 */
export function openUnix(path: string): Listener {
  const listener = openBeside(path);
  return listener ?? new SystemListener(Deno.listen({ transport: "unix", path }));
}

/** Undefined where something is in the way: then binding the path itself works, or tells what. */
function openBeside(path: string): Listener | undefined {
  const name = `${path}.${crypto.randomUUID().slice(0, 8)}`;
  if (!mayBind(name)) return undefined;
  let listener: Deno.UnixListener;
  try {
    listener = Deno.listen({ transport: "unix", path: name });
  } catch {
    return undefined;
  }
  try {
    const file = Deno.lstatSync(name);
    Deno.linkSync(name, path);
    Deno.removeSync(name);
    return new UnixListener(listener, path, file);
  } catch {
    listener.close(); // the name goes with it
    return undefined;
  }
}

/** Whether nobody would have to be asked. A path that begins with NUL is the name of no file. */
function mayBind(name: string): boolean {
  if (name.startsWith("\0")) return false;
  const needed: Deno.PermissionDescriptor[] = [
    { name: "read", path: name },
    { name: "write", path: name },
    { name: "net", host: `unix:${name}` },
  ];
  try {
    return needed.every((permission) => Deno.permissions.querySync(permission).state === "granted");
  } catch {
    return false;
  }
}

/** See the module's comment. */
class UnixListener implements Listener {
  readonly addr: Deno.UnixAddr;
  readonly #listener: SystemListener;
  readonly #file: Deno.FileInfo;

  constructor(listener: Deno.UnixListener, path: string, file: Deno.FileInfo) {
    this.addr = { transport: "unix", path };
    this.#listener = new SystemListener(listener);
    this.#file = file;
  }

  accept(): Promise<Transport> {
    return this.#listener.accept();
  }

  close(): void | Promise<void> {
    this.#removeFile();
    return this.#listener.close();
  }

  ref(): void {
    this.#listener.ref();
  }

  unref(): void {
    this.#listener.unref();
  }

  #removeFile(): void {
    const { path } = this.addr;
    try {
      const { dev, ino } = Deno.lstatSync(path);
      if (dev === this.#file.dev && ino === this.#file.ino) Deno.removeSync(path);
    } catch {
      // Somebody else has removed it.
    }
  }
}
