/** A pool whose server is killed and started again under load: real processes and sockets. */

import { assert, assertEquals } from "@std/assert";
import { createPool, TcpError } from "../../tcp.ts";
import { Program } from "../examples/program.ts";
import { Asker, gone, standing } from "./pool_support.ts";
import { Uncaught, until } from "./support.ts";

Deno.test("Pool goes on after its server was killed and started again under load", async () => {
  using uncaught = new Uncaught();
  await using first = new Program("tests/fixtures/echo_program.ts");
  const port = await first.port();
  let open = 0, most = 0;
  const pool = createPool({
    port,
    host: "127.0.0.1",
    max: 5,
    acquireTimeoutMs: 60_000,
    backoff: { initialMs: 1, maxMs: 20 },
    setup(socket) {
      most = Math.max(most, ++open);
      void socket.closed.then(() => open--);
      return new Asker(socket);
    },
  });
  const outcomes = { answered: 0, failed: 0, after: 0 };
  let asked = 0, stop = false, restarted = false;
  const worker = async () => {
    while (!stop) {
      const line = `line ${asked++}`;
      try {
        assertEquals(await pool.use((asker) => asker.ask(line)), line);
        outcomes.answered++;
        if (restarted) outcomes.after++;
      } catch (error) {
        if (!(error instanceof TcpError) && (error as Error).message !== "unanswered") throw error;
        outcomes.failed++;
      }
    }
  };
  const workers = Promise.all(Array.from({ length: 20 }, worker));
  await until(() => outcomes.answered > 200);
  first.signal("SIGKILL");
  await first.end();
  await until(() => outcomes.failed > 20);
  await using second = new Program("tests/fixtures/echo_program.ts", [String(port)]);
  await second.port();
  restarted = true;
  await until(() => outcomes.after > 200);
  stop = true;
  await workers;
  assertEquals(outcomes.answered + outcomes.failed, asked);
  assert(most <= 5, `${most} at once`);
  await pool.close();
  assertEquals(standing(pool.metrics()), [0, 0, 0, 0, 0]);
  assertEquals(Object.values(gone(pool.metrics())).reduce((sum, count) => sum + count, 0), pool.metrics().created);
  assertEquals(uncaught.seen, []);
});
