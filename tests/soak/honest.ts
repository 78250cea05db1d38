// deno-lint-ignore-file no-console -- the report goes to the program that started this one
/**
 * Honest clients, each at an address of its own: `honest.ts PLAIN TLS`. 50 on plain TCP and 10 on TLS stay, each with one
 * request after the other, and a newcomer comes for one request every 200 ms. Says "ready" when all who stay have had an
 * answer. When its input ends they have their last answer, end, and it prints what they asked, what was answered, and how
 * long that took.
 */
import net from "node:net";
import tls from "node:tls";

const [plain = 0, secured = 0] = Deno.args.map(Number);
const PLAIN = 50;
const SECURED = 10;
const latencies: number[] = [];
const newcomersMs: number[] = [];
let [asked, answered, wrong, cut, newcomers, ready] = [0, 0, 0, 0, 0, 0];
let over = false;

/** Asks `count` times, one after the other, `everyMs` apart, and ends. */
function talk(socket: net.Socket, event: string, count: number, everyMs: number): Promise<void> {
  return new Promise((resolve) => {
    let [text, expected, askedAt] = ["", "", 0];
    let [mine, ended] = [0, false];
    const ask = () => {
      if (mine === count || over) {
        ended = true;
        return void socket.end();
      }
      expected = `${Math.random()}\n`;
      text = "";
      asked++;
      askedAt = performance.now();
      socket.write(expected);
    };
    socket.on("data", (data) => {
      text += data;
      if (text.length < expected.length) return;
      if (text !== expected) wrong++;
      answered++;
      // The first one waits for the programs to be compiled.
      if (++mine > 1 && count > 1) latencies.push(performance.now() - askedAt);
      if (mine === 1 && count > 1 && ++ready === PLAIN + SECURED) console.log(JSON.stringify("ready"));
      setTimeout(ask, everyMs);
    });
    socket.on("error", () => {/* `close` follows */});
    socket.on("close", () => {
      if (!ended) cut++;
      resolve();
    });
    socket.on(event, ask);
  });
}

const at = (localAddress: string, port: number) => ({ port, host: "127.0.0.1", localAddress });
const staying: Promise<void>[] = [];
for (let i = 0; i < PLAIN; i++) staying.push(talk(net.connect(at(`127.1.0.${1 + i}`, plain)), "connect", Infinity, 40));
for (let i = 0; i < SECURED; i++) {
  const options = { rejectUnauthorized: false, servername: "localhost" };
  const socket = tls.connect({ ...options, socket: net.connect(at(`127.1.1.${1 + i}`, secured)) });
  staying.push(talk(socket as unknown as net.Socket, "secureConnect", Infinity, 80)); // it has all that is used of one
}

void (async () => {
  for await (const _ of Deno.stdin.readable); // until whoever started it has seen enough
  over = true;
})();
while (!over) {
  const begun = performance.now();
  newcomers++;
  const address = `127.2.${Math.floor(newcomers / 250) % 250}.${1 + newcomers % 250}`;
  await talk(net.connect(at(address, plain)), "connect", 1, 0);
  newcomersMs.push(performance.now() - begun);
  await new Promise((resolve) => setTimeout(resolve, 200));
}
await Promise.all(staying);

const percentile = (values: number[], part: number) => {
  values.sort((a, b) => a - b);
  return Math.round((values[Math.floor((values.length - 1) * part)] ?? -1) * 10) / 10;
};
console.log(JSON.stringify({
  asked,
  answered,
  wrong,
  cut,
  newcomers,
  p50Ms: percentile(latencies, 0.5),
  p99Ms: percentile(latencies, 0.99),
  newcomerP50Ms: percentile(newcomersMs, 0.5),
  newcomerMaxMs: percentile(newcomersMs, 1),
}));
Deno.exit(0);
