/** `for await (const socket of app)`: one accept per turn. */

/** Iterates over what `next` gives until that is undefined. `left` is called once nobody iterates any more, perhaps twice, and waited for. */
export function iterateConnections<T>(
  next: () => Promise<T | undefined>,
  left: () => void | Promise<void>,
): AsyncIterableIterator<T, undefined> {
  const items = generate(next, left);
  return {
    next: () => items.next(),
    return: async () => {
      await left(); // a generator that was never asked would not run its own end
      return items.return(undefined);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* generate<T>(
  next: () => Promise<T | undefined>,
  left: () => void | Promise<void>,
): AsyncGenerator<T, undefined> {
  try {
    for (let item; (item = await next()) !== undefined;) yield item;
  } finally {
    await left();
  }
}
