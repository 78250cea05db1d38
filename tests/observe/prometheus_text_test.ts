import { assertEquals } from "@std/assert";
import { createServer } from "../../mod.ts";
import { prometheusText } from "../../src/observe/mod.ts";

const unit = (name: string, fn: () => void) => Deno.test({ name, permissions: "none", fn });
const nothing = createServer().metrics();

/** The lines that begin so. */
function linesOf(text: string, begin: string): string[] {
  return text.split("\n").filter((line) => line.startsWith(begin));
}

unit("prometheusText() says of each family what it is, once, however many servers there are", () => {
  const text = prometheusText({ one: nothing, other: nothing });
  const types = linesOf(text, "# TYPE ");
  assertEquals(types.length, new Set(types).size);
  assertEquals(linesOf(text, "# HELP ").length, types.length);
  assertEquals(linesOf(text, "verb_tcp_connections_open"), [
    'verb_tcp_connections_open{server="one"} 0',
    'verb_tcp_connections_open{server="other"} 0',
  ]);
});

unit("prometheusText() names reasons by labels, and every reason from the beginning", () => {
  const text = prometheusText({ chat: { ...nothing, closed: { ...nothing.closed, "deadline:idle": 3 } } });
  const closed = linesOf(text, "verb_tcp_connections_closed_total{");
  assertEquals(closed.length, Object.keys(nothing.closed).length);
  assertEquals(closed.filter((line) => !line.endsWith(" 0")), [
    'verb_tcp_connections_closed_total{server="chat",reason="deadline:idle"} 3',
  ]);
});

unit("prometheusText() cumulates histograms, in seconds, up to +Inf", () => {
  const openMs = { count: 6, sumMs: 61_500, buckets: { 10: 1, 100: 2, Infinity: 3 } };
  const text = prometheusText({ chat: { ...nothing, openMs } });
  assertEquals(linesOf(text, "verb_tcp_connection_duration_seconds"), [
    'verb_tcp_connection_duration_seconds_bucket{server="chat",le="0.01"} 1',
    'verb_tcp_connection_duration_seconds_bucket{server="chat",le="0.1"} 3',
    'verb_tcp_connection_duration_seconds_bucket{server="chat",le="+Inf"} 6',
    'verb_tcp_connection_duration_seconds_sum{server="chat"} 61.5',
    'verb_tcp_connection_duration_seconds_count{server="chat"} 6',
  ]);
});

unit("prometheusText() escapes the names of servers", () => {
  const text = prometheusText({ 'a"b\\c\nd': nothing });
  assertEquals(linesOf(text, "verb_tcp_connections_open"), ['verb_tcp_connections_open{server="a\\"b\\\\c\\nd"} 0']);
});

unit("prometheusText() of no server has no values", () => {
  assertEquals(prometheusText({}).split("\n").filter((line) => line !== "" && !line.startsWith("# ")), []);
});
