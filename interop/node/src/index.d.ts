/** A value that every language reads back alike (SPEC section 3). */
export type Core = null | boolean | number | string | Uint8Array | Date | Core[] | { [key: string]: Core };

/** What a writer takes: core values, a Map where the order of keys like "7" counts, and safe bigints. */
export type Writable =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | readonly Writable[]
  | { readonly [key: string]: Writable }
  | ReadonlyMap<string, Writable>;

export type Algorithm = "HS256" | "Ed25519" | "ES256";
export type KeyState = "pending" | "active" | "retiring" | "expired" | "revoked";

/** The closed list of SPEC section 5; `revoked` is a key's alone, as a list of sessions needs a store. */
export type Code =
  | "malformed"
  | "unknown_key"
  | "bad_signature"
  | "unsupported_version"
  | "decrypt_failed"
  | "bad_claims"
  | "not_yet_valid"
  | "expired"
  | "revoked"
  | "bad_state";

/** No session for this request; to the client all of them look the same. */
export class TokenError extends Error {
  readonly name: "TokenError";
  readonly code: Code;
  /** With `unknown_key`: what the ring says of the key, for the operator. */
  readonly keyState?: "expired" | "revoked" | null;
}

/** The developer acts: keys, context, arguments. */
export class ConfigError extends Error {
  readonly name: "ConfigError";
}

/** A state that cannot be written; `path` names the value at fault. */
export class StateError extends Error {
  readonly name: "StateError";
  readonly path: string;
}

/** One kid of a ring. Its material shows in no log. */
export interface Key {
  readonly kid: string;
  readonly algorithm: Algorithm;
  /** Unix second from which it signs. */
  readonly nbf: number;
  /** Unix second from which it no longer verifies; Infinity for never. */
  readonly exp: number;
  readonly revoked: boolean;
  readonly canMint: boolean;
}

/** An immutable set of keys. */
export class KeyRing implements Iterable<Key> {
  /**
   * Gives the ring of a JWK Set: its JSON text, or the object that such text stands for.
   * `fromStore` refuses published secrets (use it for files, the environment and stores);
   * `running` is the ring in use, which the document must not turn back.
   */
  static fromJwks(document: string | object, options?: { fromStore?: boolean; running?: KeyRing }): KeyRing;
  private constructor();
  readonly serial: number;
  /** The longest ttl in seconds that may be minted; Infinity where the document names none. */
  readonly tokenLifetime: number;
  [Symbol.iterator](): IterableIterator<Key>;
  get(kid: string): Key | undefined;
  /** Gives the key that signs at the Unix second `now`, or undefined. */
  active(now: number): Key | undefined;
  states(now: number): Record<string, KeyState>;
}

/** Dates are Unix seconds, durations seconds. */
export interface Session<State = Core> {
  state: State;
  /** 32 lower-case hex digits. */
  readonly sid: string;
  readonly subject: string | number | null;
  readonly issuedAt: number;
  readonly startedAt: number;
  readonly expiresAt: number;
  readonly ttl: number;
  readonly cap: number | null;
  readonly kid: string;
  /** The other keys that have signed tokens of the session, oldest first. */
  readonly signers: readonly string[];
  /** Seconds from its start until its subject last authenticated again; null where that is not known. */
  readonly auth: number | null;
  /** When its subject last authenticated; null without a subject too. */
  readonly authenticatedAt: number | null;
  /** The context of its token. */
  readonly context: string;
}

export interface Limits {
  /** The most seconds that a session lasts, renewals included; null for its own cap alone. */
  absoluteTimeout?: number | null;
  /** The most seconds that a session's own cap may grant; null stands for `absoluteTimeout`. */
  longest?: number | null;
}

export interface ReadOptions extends Limits {
  /** The purpose; over HTTP the cookie's name without its `__Host-` or `__Secure-`. */
  context?: string;
  /** Unix seconds; the system's clock by default. */
  now?: number;
  /** Seconds by which another clock may be ahead. */
  leeway?: number;
}

/** Returns the session that a token carries, or throws a TokenError for any other value. */
export function decode<State extends Core>(
  token: unknown,
  ring: KeyRing,
  options: ReadOptions & { fits: (state: Core) => state is State },
): Session<State>;
export function decode(
  token: unknown,
  ring: KeyRing,
  options?: ReadOptions & { fits?: (state: Core) => boolean },
): Session;

/** Gives the token of a new session. */
export function encode(
  state: Writable,
  ring: KeyRing,
  options?: {
    context?: string;
    subject?: string | number | bigint | null;
    /** The idle window in seconds, at most the ring's token_lifetime; 1800 by default, or that where it is less. */
    ttl?: number;
    /** The most seconds that the session lasts, renewals included. */
    cap?: number | null;
    now?: number;
  },
): string;

/**
 * Gives a new token of a decoded session: sid, start, idle window, cap, auth and context stay, and it names who signed before.
 * Another `context` is a ConfigError.
 */
export function renew(session: Session<Writable>, ring: KeyRing, options?: Limits & { context?: string; now?: number }): string;

/**
 * Gives the session in the cookie `name`, or throws a TokenError; undefined without such a cookie.
 * `header` is the raw Cookie header, or a list of its lines; the context is the cookie's name without its prefix.
 */
export function decodeCookie(
  header: string | readonly string[] | undefined,
  name: string,
  ring: KeyRing,
  options?: ReadOptions & { fits?: (state: Core) => boolean },
): Session | undefined;
