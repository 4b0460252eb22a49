import { proxyLimits } from '../limits.js';
import { BoundedMap } from '../../shared/limits/bounded-map.js';
import type { Secret } from '../../shared/secret.js';

/** A token as it is cached. All times are in milliseconds since the epoch. */
export interface CachedToken {
  readonly value: Secret;
  /** From this time on it could expire in flight, so it is not used. */
  readonly usableUntilMs: number;
  /** From this time on a newer one is requested while this one is used. */
  readonly renewAtMs: number;
}

/** Tokens of token services and of issuers, shared fairly by namespace: tools choose their length, clients their number. */
export class TokenCache extends BoundedMap<CachedToken> {}

/** A token with less remaining lifetime is not used, because it could expire in flight. */
const marginMs = 10_000;

/** Returns a token that is renewed only once it cannot be used. */
export function unrenewed(value: Secret, expiresAtMs: number): CachedToken {
  const usableUntilMs = expiresAtMs - marginMs;
  return { value, usableUntilMs, renewAtMs: usableUntilMs };
}

/**
 * Returns a token that is renewed after four fifths of its life.
 * @param requestedMs when it was requested.
 */
export function renewed(value: Secret, requestedMs: number, expiresAtMs: number): CachedToken {
  const lifeMs = expiresAtMs - requestedMs;
  return {
    value,
    usableUntilMs: expiresAtMs - Math.min(marginMs, lifeMs / 10),
    renewAtMs: requestedMs + (lifeMs * 4) / 5,
  };
}

/** Reports whether a token can be sent in a header. */
export function isSendable(token: string): boolean {
  return token.length <= proxyLimits.registries.tokenLength && /^[\x21-\x7e]+$/.test(token);
}
