/**
 * Names that strangers send, as paths inside one folder. It shows what to check before a name from the network reaches
 * the disk.
 *
 * Who can write to the folder by other means could still exchange a folder for a symbolic link between the check and the
 * use. Against that helps a folder that belongs to this program alone.
 *
 * @module
 */

import { TransferError } from "./transfer_error.ts";

/** What a file is called that is not whole yet. */
export const PART_SUFFIX = ".part";

const MAX_NAME_BYTES = 1_024;
const MAX_COMPONENT_BYTES = 240; // with the suffix less than the 255 of most file systems

/**
 * Checks a name as it goes over the network: components with `/` between them, none of them empty, `.` or `..`, without
 * control characters (NUL is one), backslashes and colons (which mean something on Windows), and not that of a part.
 */
export function checkName(name: string): void {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > MAX_NAME_BYTES) throw bad(`it has ${bytes} bytes, at most ${MAX_NAME_BYTES} are allowed`);
  if (!name.isWellFormed()) throw bad("it is not Unicode");
  if (/[\p{Cc}\\:]/u.test(name)) throw bad("it has a control character, a backslash or a colon");
  if (name.startsWith("/")) throw bad("it begins with a slash");
  for (const component of name.split("/")) {
    if (component === "" || component === "." || component === "..") throw bad(`it has the component "${component}"`);
    if (new TextEncoder().encode(component).length > MAX_COMPONENT_BYTES) {
      throw bad(`it has a component of more than ${MAX_COMPONENT_BYTES} bytes`);
    }
  }
  if (name.endsWith(PART_SUFFIX)) throw bad(`"${PART_SUFFIX}" is for files that are not whole yet`);
}

/** The path of a name inside `folder`, the name `""` for the folder itself; nothing on the way is a symbolic link. */
export async function pathInside(folder: string, name: string): Promise<string> {
  if (name === "") return folder;
  checkName(name);
  let path = folder;
  for (const component of name.split("/")) {
    path = `${path}/${component}`;
    const info = await infoOf(path);
    if (info === undefined) break; // nor is there anything behind it
    if (info.isSymlink) throw new TransferError("symlink", `"${name}" leads over a symbolic link`);
  }
  return `${folder}/${name}`;
}

/** What there is at a path, without following it; undefined for nothing. */
export async function infoOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

function bad(why: string): TransferError {
  return new TransferError("bad_name", `The name is not allowed: ${why}`);
}
