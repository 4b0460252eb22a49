import type { JsonValue } from '../../shared/json.ts';
import { jsonIn, jsonItems, jsonMember } from '../../shared/json.ts';
import type { Secret } from '../../shared/secret.ts';

export interface TokenClaims {
  /** Expiry in milliseconds since the epoch. */
  readonly expiresAtMs: number;
  readonly audiences: readonly string[];
}

/**
 * Parses expiry and audiences of a token without checking its signature. They can prove a token invalid, but not valid.
 * @returns undefined for a token that is not a JWT or has no expiry.
 */
export function tokenClaims(token: Secret): TokenClaims | undefined {
  const payload = token.expose().split('.')[1] ?? '';
  const claims = jsonIn(Buffer.from(payload, 'base64url').toString());
  const expires = jsonMember(claims, 'exp');
  if (typeof expires !== 'bigint' && typeof expires !== 'number') return undefined;
  return { expiresAtMs: Number(expires) * 1000, audiences: audiencesIn(jsonMember(claims, 'aud')) };
}

function audiencesIn(value: JsonValue | undefined): readonly string[] {
  if (typeof value === 'string') return [value];
  return jsonItems(value).filter((each) => typeof each === 'string');
}
