import { createPublicKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { JSONWebKeySet, JWK } from 'jose';

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

interface BoundPod {
  readonly name: string;
  readonly uid: string;
}

interface ServiceAccountTokenRequest {
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
  readonly pod?: BoundPod;
  readonly audiences?: readonly string[];
  readonly expirationSeconds?: number;
}

interface IssuedToken {
  readonly token: string;
  /** RFC 3339, as in the status of a TokenRequest. */
  readonly expirationTimestamp: string;
}

export const issuer = 'https://kubernetes.default.svc.cluster.local';

/** Who bears which token: static ones, and service-account tokens (JWT, ES256) as the API server signs them. */
export class Identities {
  readonly #static = new Map<string, User>();
  readonly #revoked = new Set<string>();
  readonly #key: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  /** Of tokens that were signed here. */
  readonly #claims = new Map<string, Claims>();

  /** A new opaque token for the user. */
  issueStatic(name: string, groups: readonly string[] = []): string {
    const token = `static-${randomUUID()}`;
    this.#static.set(token, withStandardGroups({ name, groups }));
    return token;
  }

  issueServiceAccount(request: ServiceAccountTokenRequest): IssuedToken {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const expires = nowSeconds + (request.expirationSeconds ?? 3600);
    const { namespace, name } = request;
    const claims: Claims & Readonly<Record<string, unknown>> = {
      aud: request.audiences ?? [issuer],
      exp: expires,
      iat: nowSeconds,
      nbf: nowSeconds,
      iss: issuer,
      jti: randomUUID(),
      sub: `system:serviceaccount:${namespace}:${name}`,
      'kubernetes.io': {
        namespace,
        ...(request.pod ? { pod: { name: request.pod.name, uid: request.pod.uid } } : {}),
        serviceaccount: { name, uid: request.uid ?? randomUUID() },
      },
    };
    const content = `${base64url({ alg: 'ES256', kid: 'test' })}.${base64url(claims)}`;
    const signature = sign('sha256', Buffer.from(content), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    const token = `${content}.${signature.toString('base64url')}`;
    this.#claims.set(token, claims);
    return {
      token,
      expirationTimestamp: new Date(expires * 1000).toISOString().replace('.000', ''),
    };
  }

  /** The public keys, as the API server serves them at `/openid/v1/jwks`. */
  jwks(): JSONWebKeySet {
    const key = createPublicKey(this.#key).export({ format: 'jwk' }) as JWK;
    return { keys: [{ ...key, kid: 'test', alg: 'ES256', use: 'sig' }] };
  }

  revoke(token: string): void {
    this.#revoked.add(token);
  }

  /** The bearer's identity at the API server; undefined when the token is not valid there. */
  authenticate(token: string): User | undefined {
    if (this.#revoked.has(token)) return undefined;
    return this.#static.get(token) ?? this.#serviceAccount(token);
  }

  /** Whether the token was signed here, has not expired and is meant for the audience. */
  isValidFor(token: string, audience: string): boolean {
    const claims = this.#claims.get(token);
    return claims !== undefined && claims.aud.includes(audience) && claims.exp * 1000 > Date.now();
  }

  /** The status of a TokenReview; undefined when the token counts for none of the audiences. */
  review(token: string, audiences: readonly string[]): object | undefined {
    const accepted = audiences.filter((audience) => !this.#revoked.has(token) && this.isValidFor(token, audience));
    const claims = this.#claims.get(token);
    if (accepted.length === 0 || claims === undefined) return undefined;
    const { namespace, pod, serviceaccount } = claims['kubernetes.io'];
    const { name: username, groups } = serviceAccountUser(namespace, serviceaccount.name);
    const extra = pod && {
      'authentication.kubernetes.io/pod-name': [pod.name],
      'authentication.kubernetes.io/pod-uid': [pod.uid],
    };
    return {
      authenticated: true,
      audiences: accepted,
      user: { username, uid: serviceaccount.uid, groups, ...(extra ? { extra } : {}) },
    };
  }

  #serviceAccount(token: string): User | undefined {
    if (!this.isValidFor(token, issuer)) return undefined;
    const [, , namespace = '', name = ''] = this.#claims.get(token)?.sub.split(':') ?? [];
    return serviceAccountUser(namespace, name);
  }
}

interface Claims {
  readonly aud: readonly string[];
  readonly exp: number;
  readonly sub: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly pod?: BoundPod;
    readonly serviceaccount: { readonly name: string; readonly uid: string };
  };
}

function serviceAccountUser(namespace: string, name: string): User {
  return withStandardGroups({
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
  });
}

function withStandardGroups(user: User): User {
  return { name: user.name, groups: [...user.groups, 'system:authenticated'] };
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
