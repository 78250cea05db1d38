/**
 * For tests of your own servers, clients and protocols: a network in memory whose time a test moves, a pair of connected
 * sockets, and a check of the laws of codecs.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createServer } from "@verb/tcp";
 * import { createNetwork } from "@verb/tcp/testing";
 *
 * await using network = createNetwork();
 * const port = network.listen(createServer().onConnection((socket) => socket.end("hello")));
 * const client = await network.connect(port);
 * for await (const chunk of client) assertEquals(String(chunk), "hello");
 * ```
 *
 * @module
 */

export { createNetwork, Network, type NetworkClientOptions, type NetworkOptions } from "./network.ts";
export type { NetworkLink } from "./network_link.ts";
export { socketPair } from "./socket_pair.ts";

export { CodecLawError, verifyCodec, type VerifyCodecOptions } from "./verify_codec.ts";
