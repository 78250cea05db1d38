/** Where the messages of a socket go. */

import type { MessageError } from "../base/errors.ts";
import type { CloseReceipt } from "../telemetry/close_receipt.ts";

/** Who receives. The user's code is behind it, so it may throw, and may be async. */
export interface FrameReceiver<Out> {
  onMessage(message: Out): unknown;
  /** A `MessageError`, behind which the stream goes on, or the failure that has destroyed the socket. */
  onError(error: Error): unknown;
}

/** Takes messages before the receiver hears of them: requests and answers. */
export interface MessageTaker<Out> {
  /** Whether it took the message. */
  takes(message: Out): boolean;
  /** Whether the bad message was its. */
  takesError(error: MessageError): boolean;
  /** The socket connects again; the receipt is that of the connection before. */
  beginAfresh(former: CloseReceipt): void;
}
