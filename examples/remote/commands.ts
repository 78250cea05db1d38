/**
 * What a device runs, and nothing else:
 *
 *     {
 *       "uptime": { "program": "uptime" },
 *       "disk": { "program": "df", "args": ["-h", "--"], "more": ["/[a-z/]*"] }
 *     }
 *
 * `args` are always given. `more` has a pattern for each further argument that an operator may add; it must match all of
 * that argument. Write patterns that let no argument begin with "-", or stop options with "--".
 *
 * @module
 */

/** A command of the list. */
interface Command {
  readonly program: string;
  readonly args?: readonly string[];
  readonly more?: readonly string[];
}

/** A program with its arguments, each as the program is to see it: no shell takes them apart. */
export interface Call {
  readonly program: string;
  readonly args: readonly string[];
}

/** The allow list of a device. */
export class Commands {
  readonly #commands: ReadonlyMap<string, { readonly call: Call; readonly more: readonly RegExp[] }>;

  /** Throws for a list that is not understood. */
  constructor(list: Record<string, Command>) {
    this.#commands = new Map(
      Object.entries(list).map(([name, { program, args = [], more = [] }]) => {
        if (typeof program !== "string") throw new Error(`Command "${name}" has no program`);
        return [name, { call: { program, args }, more: more.map((pattern) => new RegExp(`^(?:${pattern})$`, "v")) }];
      }),
    );
  }

  /** Reads the list from a file. */
  static async load(path: string): Promise<Commands> {
    return new Commands(JSON.parse(await Deno.readTextFile(path)));
  }

  /** What to run. Throws an Error that says why for what is not on the list. */
  find(name: string, args: readonly string[]): Call {
    const command = this.#commands.get(name);
    if (command === undefined) throw new Error(`${name} is not on the list of this device`);
    const { call, more } = command;
    if (args.length > more.length) {
      throw new Error(`${name}: ${args.length} arguments are too many, at most ${more.length} may be given`);
    }
    for (const [i, arg] of args.entries()) {
      if (!more[i]?.test(arg)) throw new Error(`${name} does not take ${JSON.stringify(arg)}`);
    }
    return { program: call.program, args: [...call.args, ...args] };
  }
}
