import { assertEquals } from "@std/assert";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer } from "../../mod.ts";
import { tell } from "../../src/telemetry/telemetry.ts";

/** What is published on the channel while `run` runs. */
function listen(run: () => void): unknown[] {
  const heard: unknown[] = [];
  const listener = (message: unknown) => void heard.push(message);
  subscribe("verb:tcp", listener);
  try {
    run();
  } finally {
    unsubscribe("verb:tcp", listener);
  }
  return heard;
}

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

unit('tell() publishes on the channel "verb:tcp"', () => {
  const event = { type: "option.unsupported", option: "x" } as const;
  assertEquals(listen(() => tell(event)), [event]);
});

unit("tell() harms nobody where nobody listens", () => tell({ type: "option.unsupported", option: "x" }));

unit("withOptions() tells once of tcp.keepAliveInitialDelay, which Deno cannot set", () => {
  const app = createServer();
  const heard = listen(() => app.withOptions({ tcp: { keepAliveInitialDelay: 5_000 } }));
  assertEquals(heard, [{ type: "option.unsupported", option: "tcp.keepAliveInitialDelay" }]);
  assertEquals(app.capabilities.keepAliveInitialDelay, false);
});

unit("createServer() tells of it, too", () => {
  const heard = listen(() => void createServer("tcp", { tcp: { keepAliveInitialDelay: 5_000 } }));
  assertEquals(heard, [{ type: "option.unsupported", option: "tcp.keepAliveInitialDelay" }]);
});

unit("withOptions() has nothing to tell of options that work, nor of a delay of 0", () => {
  const heard = listen(() => {
    createServer().withOptions({ tcp: { keepAlive: true, noDelay: false } });
    createServer().withOptions({ tcp: { keepAliveInitialDelay: 0 } });
  });
  assertEquals(heard, []);
});

unit("withOptions() tells nothing of options that it refuses", () => {
  const app = createServer();
  const heard = listen(() => {
    try {
      app.withOptions({ port: -1, tcp: { keepAliveInitialDelay: 5_000 } });
    } catch {
      // refused
    }
  });
  assertEquals(heard, []);
});
