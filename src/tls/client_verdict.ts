/**
 * Whether a client is who its certificate says. The runtime verifies the certificate in a full handshake only: a session
 * that is resumed brings back the certificate it began with, unverified, and all servers of a process open each other's
 * tickets. So a context remembers what it has verified itself, and believes a resumed session nothing else.
 */

/** The code of a resumed session whose certificate this context has not verified, or not lately. */
export const SESSION_UNVERIFIED = "ERR_TLS_SESSION_UNVERIFIED";

const MAX_REMEMBERED = 10_000;
const MAX_AGE_MS = 24 * 60 * 60 * 1_000;

/** What a certificate says that matters here. */
export interface Leaf {
  /** SHA-256 of the certificate. */
  readonly fingerprint256: string;
  /** Whether it is that of an authority (CA:TRUE). */
  readonly isAuthority: boolean;
  /** Whether a client may use it, for the code only: the engine decides (RFC 5280, 4.2.1.12). */
  readonly isForClients: boolean;
  /** From when on it is valid, by `Date.now()`. */
  readonly notBeforeMs: number;
  /** Until when it is valid. */
  readonly notAfterMs: number;
}

/** What a handshake has shown. */
export interface Handshake {
  /** The client's own certificate, if it has shown one. */
  readonly leaf: Leaf | undefined;
  /** Whether an earlier session was resumed. */
  readonly resumed: boolean;
  /** Whether the engine found the certificate good. */
  readonly verified: boolean;
  /** The engine's complaint, where it has one. */
  readonly error: string | undefined;
}

interface Verified {
  readonly verifiedAtMs: number;
  readonly notAfterMs: number;
}

/** The certificates that one context has verified: the latest used, forgotten after a day. */
export class VerifiedLeaves {
  readonly #leaves = new Map<string, Verified>();
  readonly #max: number;

  /** `max` is how many are remembered. */
  constructor(max = MAX_REMEMBERED) {
    this.#max = max;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#leaves.size;
  }

  /** This leaf has been verified in a full handshake now. */
  remember(leaf: Leaf, nowMs: number): void {
    this.#leaves.delete(leaf.fingerprint256);
    this.#leaves.set(leaf.fingerprint256, { verifiedAtMs: nowMs, notAfterMs: leaf.notAfterMs });
    if (this.#leaves.size <= this.#max) return;
    for (const oldest of this.#leaves.keys()) return void this.#leaves.delete(oldest);
  }

  /** Whether it was, not longer than a day ago, and is still valid. */
  vouchFor(fingerprint256: string, nowMs: number): boolean {
    const known = this.#leaves.get(fingerprint256);
    if (known === undefined) return false;
    this.#leaves.delete(fingerprint256);
    const age = nowMs - known.verifiedAtMs;
    // A clock that was set back makes the age negative: then nothing is known of it.
    if (nowMs > known.notAfterMs || age < 0 || age > MAX_AGE_MS) return false;
    this.#leaves.set(fingerprint256, known); // now the latest used
    return true;
  }
}

/**
 * The verdict: undefined if the client is authorized, else the code of what is wrong. `authorities` are the fingerprints
 * of `ca`, which are public: showing one of them proves nothing.
 */
export function judgeClient(
  handshake: Handshake,
  verified: VerifiedLeaves,
  authorities: ReadonlySet<string>,
  nowMs: number,
): string | undefined {
  const { leaf, resumed, error } = handshake;
  if (leaf === undefined) return error ?? "UNABLE_TO_GET_ISSUER_CERT";
  if (leaf.isAuthority || authorities.has(leaf.fingerprint256)) return error ?? "INVALID_PURPOSE";
  if (resumed) return verified.vouchFor(leaf.fingerprint256, nowMs) ? undefined : SESSION_UNVERIFIED;
  // The engine has looked at the dates, too, but calls most of what is wrong by one name.
  const fault = faultOf(leaf, nowMs);
  if (fault !== undefined) return fault;
  if (!handshake.verified) return leaf.isForClients ? error ?? "UNABLE_TO_VERIFY_LEAF_SIGNATURE" : "INVALID_PURPOSE";
  verified.remember(leaf, nowMs);
  return undefined;
}

/** What is wrong with a certificate whoever has signed it. A date that cannot be read is none. */
export function faultOf(leaf: Leaf, nowMs: number): string | undefined {
  if (!(nowMs <= leaf.notAfterMs)) return "CERT_HAS_EXPIRED";
  if (!(nowMs >= leaf.notBeforeMs)) return "CERT_NOT_YET_VALID";
  return undefined;
}
