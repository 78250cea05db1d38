/** Calls back with 1 at the first Ctrl-C, with 2 at the second, ...; the process goes on. Disposing ends it. */
export function onInterrupt(heard: (times: number) => void): Disposable {
  let times = 0;
  const listener = () => heard(++times);
  Deno.addSignalListener("SIGINT", listener);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGINT", listener) };
}
