import { createHash, generateKeyPairSync } from 'node:crypto';
import { SignJWT, errors, jwtVerify } from 'jose';
import type { ClientIdentity, TokenVerifier } from '../../../src/proxy/auth/ports.ts';
import { serviceAccountGroups } from '../../../src/shared/access/permission.ts';
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

/** Claims of a token that is signed here. */
interface SignedClaims {
  readonly sub: string;
  readonly exp: number;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: { readonly name: string; readonly uid: string };
    readonly pod?: { readonly name: string; readonly uid: string };
  };
}

/** Signs and verifies service-account tokens, in place of an API server. */
export class TokenKeys {
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  /** @param now in milliseconds since the epoch. */
  verifier(audience: string, now: () => number): TokenVerifier {
    return {
      verify: async (token) => {
        try {
          const options = { audience, algorithms: ['ES256'], currentDate: new Date(now()) };
          const { payload } = await jwtVerify<SignedClaims>(token.expose(), this.#keys.publicKey, options);
          return clientOf(payload);
        } catch (error) {
          if (error instanceof errors.JOSEError) return undefined;
          throw error;
        }
      },
    };
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

function clientOf({
  sub: user,
  exp,
  'kubernetes.io': { namespace, serviceaccount, pod },
}: SignedClaims): ClientIdentity {
  return {
    user,
    account: { namespace, name: serviceaccount.name },
    identity: { uid: serviceaccount.uid, groups: serviceAccountGroups(namespace), extra: {} },
    pod: pod && { namespace, ...pod },
    expiresAtMs: exp * 1000,
  };
}

/** Pods of different names are different pods. */
export function uidOf(pod: string): string {
  const hex = createHash('sha256').update(pod).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
