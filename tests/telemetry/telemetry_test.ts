import { assert, assertEquals } from "@std/assert";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer, type TelemetryEvent } from "../../mod.ts";
import { Telemetry, tellUnsupported } from "../../src/telemetry/telemetry.ts";

/** What is published on the channel while `run` runs. */
function listen(run: () => void): unknown[] {
  const heard: unknown[] = [];
  const listener = (message: unknown) => {
    const { type, option, at } = message as Extract<TelemetryEvent, { type: "option.unsupported" }>;
    assert(at > 0);
    heard.push([type, option]);
  };
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

unit('tellUnsupported() publishes on the channel "verb:tcp"', () => {
  assertEquals(listen(() => tellUnsupported("x")), [["option.unsupported", "x"]]);
});

unit("tellUnsupported() harms nobody where nobody listens", () => tellUnsupported("x"));

unit("Telemetry is wanted while somebody observes or listens to the channel", () => {
  const telemetry = new Telemetry(() => {});
  assert(!telemetry.wanted);
  const stop = telemetry.observe(() => {});
  assert(telemetry.wanted);
  stop();
  assert(!telemetry.wanted);
  listen(() => assert(telemetry.wanted));
});

unit("withOptions() tells once of tcp.keepAliveInitialDelay, which Deno cannot set", () => {
  const app = createServer();
  const heard = listen(() => app.withOptions({ tcp: { keepAliveInitialDelay: 5_000 } }));
  assertEquals(heard, [["option.unsupported", "tcp.keepAliveInitialDelay"]]);
  assertEquals(app.capabilities.keepAliveInitialDelay, false);
});

unit("createServer() tells of it, too", () => {
  const heard = listen(() => void createServer("tcp", { tcp: { keepAliveInitialDelay: 5_000 } }));
  assertEquals(heard, [["option.unsupported", "tcp.keepAliveInitialDelay"]]);
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
