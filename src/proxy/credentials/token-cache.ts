import { proxyLimits } from '../limits.ts';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import type { Secret } from '../../shared/secret.ts';

/** A token as it is cached. All times are in milliseconds since the epoch. */
export interface CachedToken {
  readonly value: Secret;
  /** From this time on it could expire in flight, so it is not used. */
  readonly usableUntilMs: number;
  /** From this time on, an issuer's newer one is requested while this one is used. */
  readonly renewAtMs: number;
}

/** Tokens of token services and of issuers, shared fairly by namespace: tools choose their length, clients their number. */
export class TokenCache extends BoundedMap<CachedToken> {}

/** A token with less remaining lifetime is not used, because it could expire in flight. */
const marginMs = 10_000;

/** @param requestedMs when it was requested. */
export function cachedToken(value: Secret, requestedMs: number, expiresAtMs: number): CachedToken {
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
