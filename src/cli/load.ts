/** `vtcp load`: how long answers take under load. */

import { framed } from "../../mod.ts";
import { startTimer, stopTimer, type Timer } from "../base/clock.ts";
import type { LoadRequest } from "./arguments.ts";
import { dialer, inWords } from "./endpoints.ts";
import { onInterrupt } from "./interrupts.ts";
import { LoadRun } from "./load_run.ts";
import { failureText, Output, showProgress } from "./output.ts";
import { Failure, UsageError } from "./failure.ts";

const PROGRESS_MS = 1_000;

/** Measures for as long as was asked for, or until Ctrl-C, and prints the result. Throws if answers are missing. */
export async function runLoad(request: LoadRequest): Promise<void> {
  const { wire, to, connections, rate, seconds } = request;
  const frame = frameOf(request);
  const dial = await dialer(to);
  const interrupted = new AbortController();
  const { signal } = interrupted;
  const starting = Promise.all(Array.from({ length: connections }, () => dial({ signal })))
    .then((sockets) => new LoadRun({ frame, rate, seconds }, sockets.map((socket) => framed(socket, wire.codec))));
  using _hearing = onInterrupt((times) => {
    interrupted.abort(new Failure("Interrupted before there were connections"));
    starting.then((run) => times > 1 ? run.stop() : run.stopSending(), () => {}); // told below
  });
  const run = await starting;
  const stopProgress = progress(run, seconds);
  await run.over;
  stopProgress();
  await report(request, run, frame.length);
}

/** The message on the wire. */
function frameOf({ wire, message }: LoadRequest): Uint8Array {
  try {
    return wire.codec.encode(wire.parse(message));
  } catch (error) {
    throw new UsageError(`Option --message is not a message of ${wire.name}: ${failureText(error)}`);
  }
}

/** Shows every second how it goes, until the function it gives is called. */
function progress(run: LoadRun, seconds: number): () => void {
  let timer: Timer;
  const next = () => timer = startTimer(show, PROGRESS_MS);
  const show = () => {
    const { counts, latency } = run;
    const [p50, p99] = [0.5, 0.99].map((share) => latency.percentile(share).toFixed(2));
    const time = `${Math.round(run.sendingMs / 1_000)} of ${seconds} s`;
    showProgress(`${time}: ${counts.sent} sent, ${counts.answered} answered, p50 ${p50} ms, p99 ${p99} ms`);
    next();
  };
  next();
  return () => {
    stopTimer(timer);
    showProgress("");
  };
}

async function report({ wire, to: { target }, json, ...asked }: LoadRequest, run: LoadRun, bytes: number) {
  const { counts, latency, unanswered } = run;
  const share = (share: number) => round(latency.percentile(share));
  const result = {
    target: "path" in target ? target.path : inWords(target.host, target.port),
    codec: wire.name,
    messageBytes: bytes,
    connections: asked.connections,
    messagesPerSecond: asked.rate,
    seconds: round(run.sendingMs / 1_000),
    ...counts,
    unanswered,
    latencyMs: {
      mean: round(latency.meanMs),
      p50: share(0.5),
      p90: share(0.9),
      p99: share(0.99),
      p999: share(0.999),
      max: round(latency.maxMs),
    },
  };
  const { mean, p50, p90, p99, p999, max } = result.latencyMs;
  const text = `${result.target}: ${counts.sent} messages of ${bytes} bytes in ${result.seconds} s, \
${asked.connections} connections
${counts.answered} answered, ${unanswered} not, ${counts.badAnswers} bad answers, \
${counts.lostConnections} connections lost
latency in ms, from the moment at which a message was to be sent:
  mean ${mean}  p50 ${p50}  p90 ${p90}  p99 ${p99}  p99.9 ${p999}  max ${max}`;
  await new Output().line(json ? JSON.stringify(result) : text);
  const { badAnswers, lostConnections } = counts;
  if (unanswered + badAnswers + lostConnections === 0) return;
  throw new Failure(
    `${unanswered} messages not answered, ${badAnswers} bad answers, ${lostConnections} connections lost`,
  );
}

/** To three digits behind the point. */
function round(number: number): number {
  return Math.round(number * 1_000) / 1_000;
}
