import type { JsonValue } from '../json.ts';
import { jsonMember, jsonStrings, jsonText } from '../json.ts';
import type { Secret } from '../secret.ts';

/**
 * The claims of a Kubernetes service-account token. They can prove a token invalid, but not valid: the signature is
 * verified by a TokenReview.
 */
export interface TokenClaims {
  /** Expiry in milliseconds since the epoch. */
  readonly expiresAtMs: number;
  readonly audiences: readonly string[];
  readonly issuer: string | undefined;
  /** Undefined for a token without `iat`. */
  readonly issuedAtMs: number | undefined;
  readonly namespace: string | undefined;
  readonly podUid: string | undefined;
  readonly serviceAccountName: string | undefined;
}

/** A compact JWS: three base64url parts, which are also safe in a URL and in a shell. */
const compactJws = /^[-\w]+\.([-\w]+)\.[-\w]*$/;

/**
 * Parses a token's claims without verifying its signature.
 * @returns undefined if it is not a JSON Web Token or has no `exp` that is a time.
 */
export function parseTokenClaims(token: Secret): TokenClaims | undefined {
  const payload = compactJws.exec(token.expose())?.[1];
  if (payload === undefined) return undefined;
  try {
    // The same decoding as the verifier's.
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as JsonValue;
    const expiresAtMs = secondsToMs(jsonMember(claims, 'exp'));
    if (expiresAtMs === undefined) return undefined;
    const audience = jsonMember(claims, 'aud');
    const kubernetes = jsonMember(claims, 'kubernetes.io');
    return {
      expiresAtMs,
      audiences: typeof audience === 'string' ? [audience] : jsonStrings(audience),
      issuer: jsonText(claims, 'iss'),
      issuedAtMs: secondsToMs(jsonMember(claims, 'iat')),
      namespace: jsonText(kubernetes, 'namespace'),
      podUid: jsonText(jsonMember(kubernetes, 'pod'), 'uid'),
      serviceAccountName: jsonText(jsonMember(kubernetes, 'serviceaccount'), 'name'),
    };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The range of Date, so that each parsed time can be formatted and compared. */
const maxTimeMs = 8.64e15;

function secondsToMs(value: JsonValue | undefined): number | undefined {
  if (typeof value !== 'number') return undefined;
  const ms = value * 1000;
  return Math.abs(ms) <= maxTimeMs ? ms : undefined;
}
