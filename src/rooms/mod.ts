/**
 * Rooms: groups of connections. A message to a room is sent to all of its members, over Redis or NATS also to those in
 * other processes.
 *
 * ```ts
 * import { createServer, MessageProtocol } from "@verb/tcp";
 * import { Rooms } from "@verb/tcp/rooms";
 *
 * type Say = { from: string; text: string };
 *
 * const rooms = new Rooms<Say>();
 * await using app = createServer();
 * app.onConnection((socket) => {
 *   const member = new MessageProtocol<Say>(socket).attach();
 *   rooms.join("lobby", member);
 *   member.onMessage = (say) => rooms.broadcast("lobby", say, { except: member });
 * });
 * app.listen(0, "127.0.0.1");
 * ```
 *
 * @module
 */

export type { BroadcastReceipt, RoomMember, SlowMemberPolicy } from "./delivery.ts";
export type { BusCounts } from "./bus_link.ts";
export { natsBus, type NatsBusOptions, type NatsConnection } from "./nats_bus.ts";
export {
  type IoRedisClient,
  type NodeRedisClient,
  redisBus,
  type RedisBusOptions,
  type RedisClient,
} from "./redis_bus.ts";
export type { BusReceiver, BusState, RoomBus } from "./room_bus.ts";
export type { RoomList, RoomPresence } from "./presence.ts";
export type { IoRedisCommands, NodeRedisCommands, RedisCommands } from "./redis_commands.ts";
export { redisPresence, type RedisPresenceOptions } from "./redis_presence.ts";
export { type BroadcastOptions, Rooms, type RoomsEvents, type RoomsMetrics, type RoomsOptions } from "./rooms.ts";
