import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet } from 'jose';

/** What a provider has been told about a cluster, and about one of its service accounts. */
export interface TrustedSubject {
  readonly jwks: JSONWebKeySet;
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
}

type Mismatch = 'malformed' | 'signature' | 'issuer' | 'audience' | 'subject' | 'expired';

const ofClaims: Readonly<Record<string, Mismatch>> = { iss: 'issuer', aud: 'audience', sub: 'subject' };

/** Returns why a provider rejects a token; undefined if it accepts it. @param nowMs by the provider's clock. */
export async function mismatchOf(
  token: string,
  { jwks, issuer, audience, subject }: TrustedSubject,
  nowMs: number,
): Promise<Mismatch | undefined> {
  try {
    const options = { issuer, audience, subject, currentDate: new Date(nowMs), requiredClaims: ['exp', 'iat'] };
    await jwtVerify(token, createLocalJWKSet(jwks), options);
    return undefined;
  } catch (error) {
    if (error instanceof errors.JWTExpired) return 'expired';
    if (error instanceof errors.JWTClaimValidationFailed) return ofClaims[error.claim] ?? 'expired';
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) {
      return 'signature';
    }
    return 'malformed';
  }
}
