// deno-lint-ignore-file no-console -- a command line
/**
 * As many messages as a server answers, from one thread: `deno run --allow-net tests/bench/load.ts MODE PORT
 * [CONNECTIONS] [BYTES] [DEPTH] [SECONDS]`. MODE is `echo` (messages of so many bytes, DEPTH of them under way on each
 * connection), `raw` (the same with a length in front), `frames` (JSON pings) or `churn` (a connection for each message).
 * Being in JavaScript itself it is busy before a fast server is: compare servers by their CPU time as well.
 */

const [mode = "echo", port = "", connections = "50", bytes = "64", depth = "16", seconds = "4"] = Deno.args;
const address = { hostname: "127.0.0.1", port: Number(port) };
const body = mode === "frames"
  ? new TextEncoder().encode('{"type":"ping","timestamp":1700000000000}')
  : new Uint8Array(Number(bytes));
const message = mode === "echo" || mode === "churn" ? body : framed(body);
const under = mode === "churn" ? 1 : Number(depth);
const chunk = new Uint8Array(message.length * under);
for (let at = 0; at < chunk.length; at += message.length) chunk.set(message, at);

let answered = 0;
let over = false;

function framed(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, 4);
  return frame;
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Counts whole answers in what has come; an answer may be cut anywhere. */
function counter(): (bytes: Uint8Array) => number {
  if (mode === "echo" || mode === "churn") {
    let rest = 0;
    return (bytes) => {
      rest += bytes.length;
      const whole = Math.floor(rest / message.length);
      rest %= message.length;
      return whole;
    };
  }
  let [lengthBytes, length, left] = [0, 0, 0];
  return (bytes) => {
    let whole = 0;
    for (let at = 0; at < bytes.length;) {
      if (left > 0) {
        const part = Math.min(left, bytes.length - at);
        at += part;
        left -= part;
        if (left === 0) whole++;
        continue;
      }
      length = length * 256 + bytes[at++]!; // within
      if (++lengthBytes < 4) continue;
      [left, length, lengthBytes] = [length, 0, 0];
    }
    return whole;
  };
}

async function talk(): Promise<void> {
  const buffer = new Uint8Array(262_144);
  while (!over) {
    using conn = await Deno.connect(address);
    conn.setNoDelay(true);
    const count = counter();
    await writeAll(conn, chunk);
    for (let answers = 0; !over && (mode !== "churn" || answers === 0);) {
      const read = await conn.read(buffer);
      if (read === null) throw new Error("The server has ended a connection");
      answers = count(buffer.subarray(0, read));
      answered += answers;
      if (mode !== "churn" && answers > 0) await writeAll(conn, chunk.subarray(0, answers * message.length));
    }
  }
}

for (let count = 0; count < Number(connections); count++) void talk();
await new Promise((resolve) => setTimeout(resolve, 500)); // it begins slowly
const [before, begun] = [answered, performance.now()];
await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1_000));
const perSecond = Math.round((answered - before) * 1_000 / (performance.now() - begun));
over = true;
console.log(`${perSecond.toLocaleString("en")} a second`);
Deno.exit(0); // whatever is under way
