/**
 * The files in a folder and in all folders in it.
 *
 * @module
 */

import type { Entry } from "./messages.ts";
import { infoOf, PART_SUFFIX } from "./safe_path.ts";

/** A file that was found. */
export interface Found extends Entry {
  /** Where it is here; `name` is what it is called over the network. */
  readonly path: string;
}

/** How to walk. */
export interface WalkOptions {
  /** Whether files count that are not whole yet. */
  parts?: boolean;
  /** Told what is neither a file nor a folder, a symbolic link for example: none of them is followed or given. */
  leftOut?: (name: string) => void;
}

/** The files at `path`, a folder or a file, which is called `name` over the network. */
export async function* walk(path: string, name: string, options: WalkOptions = {}): AsyncGenerator<Found> {
  const info = await infoOf(path);
  if (info === undefined) return; // somebody has removed it meanwhile
  if (info.isDirectory) {
    const names = (await Array.fromAsync(Deno.readDir(path), (entry) => entry.name)).sort();
    for (const inside of names) yield* walk(`${path}/${inside}`, name === "" ? inside : `${name}/${inside}`, options);
  } else if (!info.isFile) {
    options.leftOut?.(name);
  } else if (options.parts || !path.endsWith(PART_SUFFIX)) {
    yield { path, name, size: info.size };
  }
}
