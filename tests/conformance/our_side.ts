/** Our own sockets as the implementation under test. */

import { createServer, ServerProtocol, TCPSocket } from "../../mod.ts";
import type { Listening, Settings, Side, Socket } from "./port.mjs";

/** {@link TCPSocket} and `createServer`. */
export const ourSide: Side = {
  createSocket({ allowHalfOpen = false }: Settings): Socket {
    return new TCPSocket({ tcp: { allowHalfOpen } });
  },

  listen({ allowHalfOpen = false }: Settings, onSocket: (socket: Socket) => void): Promise<Listening> {
    const app = createServer(ServerProtocol.TCP, { tcp: { allowHalfOpen } });
    app.onConnection(onSocket);
    app.listen(0, "127.0.0.1");
    const address = app.address();
    if (address === null) throw new Error("The server does not listen");
    return Promise.resolve({ port: address.port, close: async () => void await app.destroy().close() });
  },
};
