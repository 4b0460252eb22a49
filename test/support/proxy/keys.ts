import { createHash, generateKeyPairSync } from 'node:crypto';
import { SignJWT, exportJWK } from 'jose';
import { canary } from '../driver/tokens.ts';

export interface TokenClaims {
  readonly account?: string;
  readonly namespace?: string;
  /** Seconds from now. */
  readonly expiresIn?: number;
  readonly audience?: string;
  /** Undefined: bound to no pod. */
  readonly pod?: string | undefined;
}

/** What signs service-account tokens, and the key set that they are verified with. */
export class TokenKeys {
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  /** The content of a JWKS file. */
  async jwks(): Promise<string> {
    const key = await exportJWK(this.#keys.publicKey);
    return JSON.stringify({ keys: [{ ...key, alg: 'ES256', kid: 'test', use: 'sig' }] });
  }

  /** A token of the account `ci/builder` and its pod `ci/build-1`, unless said otherwise; the canary stands in it. */
  token(claims: TokenClaims = {}): Promise<string> {
    const { account = 'builder', namespace = 'ci', expiresIn = 1800, audience = 'connectors-proxy' } = claims;
    const pod = 'pod' in claims ? claims.pod : 'build-1';
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({
      jti: canary,
      'kubernetes.io': {
        namespace,
        serviceaccount: { name: account, uid: 'a0c6dd2b-6a3a-4b7a-9d27-0d6e2e3b3c11' },
        ...(pod === undefined ? {} : { pod: { name: pod, uid: uidOf(pod) } }),
      },
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'test' })
      .setSubject(`system:serviceaccount:${namespace}:${account}`)
      .setAudience(audience)
      .setIssuedAt(now)
      .setExpirationTime(now + expiresIn)
      .sign(this.#keys.privateKey);
  }
}

/** Pods of different names are different pods. */
export function uidOf(pod: string): string {
  const hex = createHash('sha256').update(pod).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
