// deno-lint-ignore-file no-console -- the samples go to the program that started this one
/**
 * The server under attack: plain, TLS and behind PROXY headers, all with the preset `hardened`, and with shorter waits, so
 * that an hour's worth of them fits into some seconds. Prints its ports, then every 100 ms what its metrics and tables say,
 * until its input ends.
 */
import { createServer, hardened, MessageProtocol, type ServerOptions, type TcpServer } from "../../mod.ts";
import { load } from "../../src/base/read_proof.ts";
import { lines } from "../../src/framing/mod.ts";
import { Gate } from "../../src/server/gate.ts";
import { server as pair } from "../tls/support.ts";

// The runtime sets up its signals a moment after its start, and panics if there is no descriptor left for them by then.
Deno.addSignalListener("SIGUSR1", () => {});

const ANSWER = "x".repeat(100_000);
const WAITS: ServerOptions = {
  deadlines: {
    firstByteMs: 3_000,
    handshakeMs: 4_000,
    proxyMs: 3_000,
    idleMs: 8_000,
    rate: { bytesPerSecond: 500, graceMs: 3_000 },
  },
};

// Nobody else may look into the tables.
const gates = new Set<Gate>();
const { setRules } = Gate.prototype;
Gate.prototype.setRules = function (...rules): boolean {
  gates.add(this);
  return setRules.apply(this, rules);
};

function listen(options: ServerOptions): TcpServer {
  const app = createServer().withOptions(hardened).withOptions(WAITS).withOptions(options);
  app.onConnection((socket) => {
    const protocol = new MessageProtocol<string>(socket, { codec: lines() }).attach();
    protocol.onMessage = (line) => void protocol.send(line === "big" ? ANSWER : line);
    protocol.onError = () => {};
  });
  app.onError(() => {}); // what is done to peers that deserve it
  return app.listen(0, "127.0.0.1", 4_096);
}

const apps = [
  listen({}),
  listen({ tls: { cert: pair.cert, key: pair.key } }),
  listen({ proxyProtocol: { trusted: ["127.0.0.0/8"], others: "refuse" } }),
];
console.log(JSON.stringify({ ports: apps.map((app) => app.address()?.port) }));

function counted(records: readonly Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const record of records) {
    for (const [name, count] of Object.entries(record)) if (count > 0) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}

// Without a descriptor left the runtime cannot ask for it, and says 0.
let rss = 0;

function sample() {
  const all = apps.map((app) => app.metrics());
  // When nobody is there, only what is kept counts.
  if (all.every(({ open, preparing }) => open + preparing === 0)) (globalThis as { gc?: () => void }).gc?.();
  const memory = Deno.memoryUsage();
  const { heapUsed, external } = memory;
  rss = memory.rss || rss;
  return {
    heldBytes: all.map(({ heldBytes }) => heldBytes),
    ...counted(all.map(({ open, preparing, accepted, acceptErrors, queuedBytes }) => {
      return { open, preparing, accepted, acceptErrors, queuedBytes };
    })),
    closed: counted(all.map(({ closed }) => closed)),
    dropped: counted(all.map(({ dropped }) => dropped)),
    tables: counted([...gates].map(({ sizes }) => sizes)),
    sockets: load.sockets,
    handshakes: load.handshakes,
    heapUsed,
    external,
    rss,
  };
}

const sampler = setInterval(() => console.log(JSON.stringify(sample())), 100);
for await (const _ of Deno.stdin.readable); // until whoever started it has seen enough
clearInterval(sampler);
for (const app of apps) app.destroy();
