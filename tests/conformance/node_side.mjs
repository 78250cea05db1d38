// @ts-check
/** The real `node:net` as the implementation under test. */

import net from "node:net";

const HIGH_WATER_MARK_BYTES = 65_536;

/** @type {import("./port.mjs").Side} */
export const nodeSide = {
  createSocket({ allowHalfOpen = false }) {
    const options = { allowHalfOpen, highWaterMark: HIGH_WATER_MARK_BYTES };
    return new net.Socket(options);
  },

  async listen({ allowHalfOpen = false }, onSocket) {
    const server = net.createServer({ allowHalfOpen, highWaterMark: HIGH_WATER_MARK_BYTES }, onSocket);
    await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The server does not listen");
    return {
      port: address.port,
      close: () => new Promise((resolve) => server.close(() => resolve())),
    };
  },
};
