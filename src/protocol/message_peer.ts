/** What requests and answers travel over: either face of a codec on a socket. */

import { invalid } from "../base/check.ts";
import type { FrameExchange } from "./frame_exchange.ts";
import { exchangeOfFramed, FramedSocket } from "./framed.ts";
import { exchangeOfProtocol, MessageProtocol } from "./message_protocol.ts";

/** A `framed` socket or a `MessageProtocol`. */
export type MessagePeer<In, Out = In> = FramedSocket<In, Out> | MessageProtocol<In, Out>;

/** What carries its messages. */
export function exchangeOf<In, Out>(peer: MessagePeer<In, Out>): FrameExchange<In, Out> {
  if (peer instanceof FramedSocket) return exchangeOfFramed(peer);
  if (peer instanceof MessageProtocol) return exchangeOfProtocol(peer);
  throw invalid("peer", "a framed socket or a MessageProtocol", peer);
}
