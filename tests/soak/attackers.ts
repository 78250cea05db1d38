// deno-lint-ignore-file no-console -- how far they have come goes to the program that started this one
/**
 * Attackers: `attackers.ts PLAIN TLS PROXY KIND...`, until they are killed. Each kind comes from addresses of its own, and
 * what the server ends begins anew, so that the attack does not tire. Prints how many connections of each kind were made,
 * every 100 ms.
 */
import net from "node:net";

const [plain = 0, secured = 0, proxied = 0] = Deno.args.slice(0, 3).map(Number);

interface Attack {
  /** They come from 127.0.`net`.1 and on, so many addresses. */
  readonly net: number;
  readonly addresses: number;
  /** How many at a time, and to which ports in turn. */
  readonly count: number;
  readonly ports: readonly number[];
  /** How long each waits until it comes again. */
  readonly waitMs: number;
  /** Does the harm. */
  readonly act: (socket: net.Socket) => void;
}

/** Writes that every so many milliseconds. */
function drip(socket: net.Socket, text: string, ms: number): void {
  const timer = setInterval(() => socket.write(text), ms);
  socket.on("close", () => clearInterval(timer));
}

const say = (data: string | Uint8Array) => (socket: net.Socket) => void socket.write(data);
const garbage = crypto.getRandomValues(new Uint8Array(20_000));
const oversize = new Uint8Array(1_200_000).fill(97);
const unfinished = oversize.subarray(0, 1_000_000);
const asking = "big\n".repeat(5_000);
const all = [plain, secured, proxied];

const attacks: Record<string, Attack> = {
  // A letter every two seconds of a line that never ends.
  slowLoris: { net: 10, addresses: 10, count: 1_000, ports: [plain], waitMs: 500, act: (it) => drip(it, "x", 2_000) },
  vanish: { net: 11, addresses: 4, count: 60, ports: all, waitMs: 150, act: (it) => it.destroy() },
  oversize: { net: 12, addresses: 5, count: 20, ports: [plain], waitMs: 200, act: say(oversize) },
  garbage: { net: 13, addresses: 5, count: 60, ports: all, waitMs: 200, act: say(garbage) },
  mute: { net: 14, addresses: 5, count: 200, ports: [plain], waitMs: 500, act: () => {} },
  // One word, and then nothing for ever.
  zombie: { net: 15, addresses: 5, count: 200, ports: [plain], waitMs: 500, act: say("hello\n") },
  flood: { net: 16, addresses: 1, count: 150, ports: [plain], waitMs: 50, act: say("hello\n") },
  // They do nothing wrong, and are many: against the descriptors.
  greedy: { net: 17, addresses: 3, count: 3_000, ports: [plain], waitMs: 5_000, act: greet },
  neverRead: {
    net: 19,
    addresses: 3,
    count: 30,
    ports: [plain],
    waitMs: 500,
    act(socket) {
      socket.pause().write(asking);
      setTimeout(() => socket.destroy(), 6_000); // it does not see that it was ended
    },
  },
  unfinished: { net: 20, addresses: 10, count: 500, ports: [plain], waitMs: 500, act: say(unfinished) },
  // The beginning of a header, letter by letter.
  proxyDrip: { net: 21, addresses: 5, count: 200, ports: [proxied], waitMs: 500, act: dripHeader },
  // A record that is announced and does not come.
  tlsStall: {
    net: 22,
    addresses: 5,
    count: 200,
    ports: [secured],
    waitMs: 500,
    act: say(Uint8Array.of(22, 3, 1, 2, 0, 1)),
  },
};

/** Says something at once, and then now and then. */
function greet(socket: net.Socket): void {
  socket.write("hi\n");
  drip(socket, "hi\n", 5_000);
}

function dripHeader(socket: net.Socket): void {
  const header = "PROXY TCP4 192.0.2.1 192.0.2.2 1111";
  let at = 0;
  const timer = setInterval(() => socket.write(header.charAt(at++ % header.length)), 500);
  socket.on("close", () => clearInterval(timer));
}

const made: Record<string, number> = {};

/** The `i`-th of a kind: a connection, again and again. */
function come(name: string, attack: Attack, i: number): void {
  const { net: third, addresses, ports, waitMs, act } = attack;
  const port = ports[i % ports.length] ?? 0; // there is one
  const localAddress = `127.0.${third}.${1 + i % addresses}`;
  const socket = net.connect({ port, host: "127.0.0.1", localAddress });
  socket.on("error", () => {/* `close` follows */});
  socket.on("connect", () => {
    made[name] = (made[name] ?? 0) + 1;
    if (name !== "neverRead") socket.resume();
    act(socket);
  });
  socket.on("close", () => setTimeout(() => come(name, attack, i), waitMs));
}

for (const name of Deno.args.slice(3)) {
  const attack = attacks[name];
  if (attack === undefined) throw new Error(`There is no attack "${name}"`);
  for (let i = 0; i < attack.count; i++) setTimeout(() => come(name, attack, i), Math.random() * 1_000);
}
setInterval(() => console.log(JSON.stringify(made)), 100);
