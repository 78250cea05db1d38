/**
 * What rooms say to each other over a bus: who says it, where it stands in its order, and the frames as they go to members.
 *
 *     version 1 | wire: length 1, UTF-8 | origin 16 | epoch 8 | first 4 | count 4 | others: count 1, (length 2, UTF-8)* | frames
 *
 * Numbers are big-endian. `first` is the number of the first message in that origin's order for the room, `count` how many
 * there are. `others` are rooms that the same messages went to before this one: who is in one of them has them already.
 */

const VERSION = 1;
const ORIGIN_BYTES = 16;
const FIXED_BYTES = 2 + ORIGIN_BYTES + 8 + 4 + 4 + 1;
/** The most rooms that one broadcast may go to, where there is a bus. */
export const MAX_ROOMS_A_BROADCAST = 255;

/** What is said of the frames of one payload. */
export interface Envelope {
  readonly wire: string;
  /** 16 random bytes of the process, in hexadecimal. */
  readonly origin: string;
  /** When the origin began to count the messages of the room: a larger one is a new beginning. */
  readonly epoch: number;
  readonly first: number;
  readonly count: number;
  readonly others: readonly string[];
}

/** A payload, taken apart. `frames` is a window on it. */
export interface OpenedEnvelope extends Envelope {
  readonly frames: Uint8Array;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Makes a payload. */
export function sealEnvelope(envelope: Envelope, frames: readonly Uint8Array[]): Uint8Array {
  const wire = encoder.encode(envelope.wire);
  const others = envelope.others.map((name) => encoder.encode(name));
  const frameBytes = frames.reduce((sum, { length }) => sum + length, 0);
  const headBytes = FIXED_BYTES + wire.length + others.reduce((sum, { length }) => sum + 2 + length, 0);
  const payload = new Uint8Array(headBytes + frameBytes);
  const view = new DataView(payload.buffer);
  payload[0] = VERSION;
  payload[1] = wire.length;
  payload.set(wire, 2);
  let at = 2 + wire.length;
  payload.set(Uint8Array.fromHex(envelope.origin), at);
  at += ORIGIN_BYTES;
  view.setBigUint64(at, BigInt(envelope.epoch));
  view.setUint32(at + 8, envelope.first);
  view.setUint32(at + 12, envelope.count);
  payload[at + 16] = others.length;
  at += 17;
  for (const name of others) {
    view.setUint16(at, name.length);
    payload.set(name, at + 2);
    at += 2 + name.length;
  }
  for (const frame of frames) {
    payload.set(frame, at);
    at += frame.length;
  }
  return payload;
}

/** Takes a payload apart; undefined for what is none of ours, or damaged. Anybody may have written it. */
export function openEnvelope(payload: Uint8Array): OpenedEnvelope | undefined {
  if (payload.length < FIXED_BYTES || payload[0] !== VERSION) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const wireBytes = payload[1]!; // there are FIXED_BYTES
  let at = 2 + wireBytes + ORIGIN_BYTES;
  if (payload.length < FIXED_BYTES + wireBytes) return undefined;
  const wire = textOf(payload.subarray(2, 2 + wireBytes));
  const origin = payload.subarray(2 + wireBytes, at).toHex();
  const epoch = Number(view.getBigUint64(at));
  const first = view.getUint32(at + 8);
  const count = view.getUint32(at + 12);
  const othersCount = payload[at + 16]!; // as above
  at += 17;
  const others: string[] = [];
  while (others.length < othersCount) {
    if (at + 2 > payload.length) return undefined;
    const length = view.getUint16(at);
    at += 2;
    const name = at + length <= payload.length ? textOf(payload.subarray(at, at + length)) : undefined;
    if (name === undefined) return undefined;
    others.push(name);
    at += length;
  }
  const frames = payload.subarray(at);
  if (wire === undefined || count === 0 || frames.length === 0 || !Number.isSafeInteger(epoch)) return undefined;
  return { wire, origin, epoch, first, count, others, frames };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined; // no UTF-8, so not ours
  }
}
