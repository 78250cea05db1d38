/** Descriptors that a connection costs, counted where the system tells. */

/**
 * How many descriptors this process holds for sockets at that local port, the listener's included; undefined where the
 * system does not tell. Counted by port, because other tests may run beside.
 */
export async function descriptorsAt(port: number): Promise<number | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const inodes = new Set<string>();
  const table = await Deno.readTextFile("/proc/self/net/tcp");
  for (const line of table.split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    const [, local] = fields;
    if (parseInt(local?.split(":")[1] ?? "", 16) === port) inodes.add(`socket:[${fields[9]}]`);
  }
  let count = 0;
  for await (const { name } of Deno.readDir("/proc/self/fd")) {
    const target = await Deno.readLink(`/proc/self/fd/${name}`).catch(() => "closed meanwhile");
    if (inodes.has(target)) count++;
  }
  return count;
}

/** Waits until there are that many, and says whether it came to that: a descriptor is free once its pending read is. */
export async function descriptorsFall(port: number, expected: number): Promise<boolean> {
  for (let i = 0; i < 1_000; i++) {
    const count = await descriptorsAt(port);
    if (count === undefined || count === expected) return true;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return false;
}
