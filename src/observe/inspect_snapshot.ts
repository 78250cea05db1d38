/** What one message of the live page says, and the samples that its plots are made of. */

import { printable } from "../base/check.ts";
import { asError } from "../base/errors.ts";
import { wallTime } from "../base/clock.ts";
import type { TcpServer } from "../server/server.ts";
import type { ServerAddress } from "../server/server_types.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import type { ServerMetrics } from "../telemetry/metrics.ts";
import { ConnectionRanking, type ConnectionRanks } from "./connection_ranking.ts";
import { type Trouble, Troubles } from "./inspect_trouble.ts";
import { Top } from "./top.ts";

/** The part of `Rooms` that the page uses. */
export interface InspectedRooms {
  /** The rooms that have members in this process. */
  names(): string[];
  /** How many members a room has in this process. */
  size(name: string): number;
  /** Rooms and members in this process. */
  metrics(): { readonly rooms: number; readonly members: number };
  /** Whether the engine behind the bus is reachable. */
  readonly busState?: string;
}

/** Rooms as the page shows them. */
interface RoomsRow {
  readonly label: string;
  readonly rooms: number;
  readonly members: number;
  readonly busState: string;
  readonly largest: readonly { readonly name: string; readonly members: number }[];
}

/** A moment of the plots: counts since the start, and gauges. */
export interface Sample {
  readonly at: number;
  readonly [count: string]: number;
}

/** What one message says. */
export interface Snapshot {
  /** Tells one run of a server from the next: its counts begin again. */
  readonly run: number;
  readonly at: number;
  readonly name: string;
  readonly address: string;
  readonly state: "listening" | "draining" | "stopped";
  readonly metrics: ServerMetrics;
  readonly connections: ConnectionRanks;
  readonly rooms: readonly RoomsRow[];
  readonly troubles: readonly Trouble[];
}

const MAX_ROOMS = 12;

/** Looks at one server. */
export class Inspection {
  readonly #app: TcpServer;
  readonly #name: string;
  readonly #rooms: readonly (readonly [label: string, rooms: InspectedRooms])[];
  readonly #ranking = new ConnectionRanking();
  readonly #run = wallTime();
  readonly #troubles = new Troubles();
  #stopObserving: (() => void) | undefined;

  constructor(app: TcpServer, name: string, rooms: readonly (readonly [string, InspectedRooms])[]) {
    this.#app = app;
    this.#name = name;
    this.#rooms = rooms;
  }

  /** What is to be seen now. From the first look on it hears of trouble, too. */
  look(): Snapshot {
    const app = this.#app;
    this.#stopObserving ??= app.observe((event) => this.#troubles.take(event));
    const address = app.address<ServerAddress | string>();
    const connections = this.#ranking.look(app.connections as Iterable<TCPSocket>);
    return {
      run: this.#run,
      at: wallTime(),
      name: this.#name,
      address: address === null ? "" : typeof address === "string" ? address : hostAndPort(address),
      state: app.ready ? "listening" : app.listening || connections.total > 0 ? "draining" : "stopped",
      metrics: app.metrics(),
      connections,
      rooms: this.#rooms.map(([label, rooms]) => roomsRow(label, rooms)),
      troubles: this.#troubles.latest,
    };
  }

  /** Nobody looks any more. */
  forget(): void {
    this.#stopObserving?.();
    this.#stopObserving = undefined;
    this.#ranking.forget();
  }
}

/** The numbers of a message that are plotted. */
export function sampleOf({ at, metrics }: Snapshot): Sample {
  const { closed, dropped, ...others } = metrics;
  const numbers = Object.entries(others).filter(([, value]) => typeof value === "number");
  return { ...Object.fromEntries(numbers), at, closed: sum(closed), dropped: sum(dropped) };
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function hostAndPort({ address, port }: ServerAddress): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** Whatever rooms of somebody's own do, the page goes on. */
function roomsRow(label: string, rooms: InspectedRooms): RoomsRow {
  try {
    const top = new Top<{ name: string; members: number }>(MAX_ROOMS);
    let index = 0;
    for (const name of rooms.names()) {
      const members = rooms.size(name);
      top.offer({ name, members }, members, index--); // of equal ones the older
    }
    const { rooms: count, members } = rooms.metrics();
    const largest = top.take().map(({ name, members }) => ({ name: printable(name), members }));
    return { label, rooms: count, members, busState: printable(rooms.busState ?? "up"), largest };
  } catch (thrown) {
    return {
      label: `${label}: ${printable(asError(thrown).message)}`,
      rooms: 0,
      members: 0,
      busState: "down",
      largest: [],
    };
  }
}
