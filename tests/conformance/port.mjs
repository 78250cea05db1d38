// @ts-check
/** The types that scenarios, the stage and the two implementations share; nothing at run time. */

/**
 * What `net.Socket` and our `TCPSocket` have in common, as far as the scenarios use it.
 *
 * @typedef {object} Socket
 * @property {(event: any, listener: any) => unknown} on
 * @property {(event: any, listener: any) => unknown} once
 * @property {(event: any, listener: any) => unknown} off
 * @property {(port: number, host: string, listener?: () => void) => unknown} connect
 * @property {(data: string | Uint8Array, callback?: (error?: Error | null) => void) => boolean} write
 * @property {(data?: any, callback?: any) => unknown} end
 * @property {(error?: Error) => unknown} destroy
 * @property {() => void} destroySoon
 * @property {() => unknown} resetAndDestroy
 * @property {() => unknown} pause
 * @property {() => unknown} resume
 * @property {() => boolean} isPaused
 * @property {(encoding: "utf8") => unknown} setEncoding
 * @property {(timeoutMs: number, listener?: () => void) => unknown} setTimeout
 * @property {() => void} cork
 * @property {() => void} uncork
 * @property {(target: any, options?: { end?: boolean }) => unknown} pipe
 * @property {(target?: any) => unknown} unpipe
 * @property {string} readyState
 * @property {boolean} destroyed
 * @property {boolean} connecting
 * @property {boolean} pending
 * @property {boolean} allowHalfOpen
 * @property {boolean} writableEnded
 * @property {boolean} writableFinished
 * @property {boolean} writableNeedDrain
 * @property {boolean} readableEnded
 * @property {number} writableLength
 * @property {number} bytesRead
 * @property {number | undefined} bytesWritten
 */

/**
 * How a scenario wants its two ends.
 *
 * @typedef {object} Settings
 * @property {boolean} [reads] Whether the socket under test has a `data` listener from the start; true where left out.
 * @property {boolean} [allowHalfOpen] Of the socket under test; false where left out.
 * @property {boolean} [connects] Whether the two are connected before the scenario starts; true where left out. False only
 * for clients.
 * @property {boolean} [peerReads] Whether the peer reads from the start; true where left out.
 * @property {boolean} [peerAnswersEnd] Whether the peer ends when the socket under test has; true where left out.
 */

/**
 * An implementation under test. Its sockets have a high-water mark of 64 KiB, whatever its default.
 *
 * @typedef {object} Side
 * @property {(settings: Settings) => Socket} createSocket Makes a client socket that is not connected yet.
 * @property {(settings: Settings, onSocket: (socket: Socket) => void) => Promise<Listening>} listen
 */

/**
 * @typedef {object} Listening
 * @property {number} port
 * @property {() => Promise<void>} close
 */

/** @typedef {"server" | "client"} Role */

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {readonly Role[]} roles Which socket is under test: the one a server accepted, a client's, or each in turn.
 * @property {Settings} [settings]
 * @property {(stage: import("./stage.mjs").Stage) => Promise<void>} play
 */

export {};
