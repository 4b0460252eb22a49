import { randomBytes } from 'node:crypto';

/** Stands in the signature of every token, so that a token that leaks anywhere can be found by it. */
export const canary = 'CANARY-7f3a91c2';

export const audience = 'connectors-proxy';

export interface TokenOwner {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccountName: string;
}

interface TokenOptions {
  /** Seconds from now. */
  readonly expiresIn?: number;
  readonly audience?: string;
}

/** A token bound to a pod, with the claims that the API server puts in; nobody accepts its signature. */
export function tokenFor(owner: TokenOwner, options: TokenOptions = {}): string {
  const issuedAt = Math.floor(Date.now() / 1000);
  const claims = {
    aud: [options.audience ?? audience],
    iat: issuedAt,
    exp: issuedAt + (options.expiresIn ?? 1800),
    jti: randomBytes(8).toString('hex'),
    iss: 'https://kubernetes.default.svc',
    sub: `system:serviceaccount:${owner.namespace}:${owner.serviceAccountName}`,
    'kubernetes.io': {
      namespace: owner.namespace,
      pod: { name: owner.name, uid: owner.uid },
      serviceaccount: { name: owner.serviceAccountName, uid: 'a0c6dd2b-6a3a-4b7a-9d27-0d6e2e3b3c11' },
    },
  };
  const signature = `${canary}${randomBytes(32).toString('base64url')}`;
  return [encode({ alg: 'RS256', kid: 'test' }), encode(claims), signature].join('.');
}

/** What the kubelet puts under `csi.storage.k8s.io/serviceAccount.tokens`. */
export function kubeletTokens(token: string, tokenAudience = audience): string {
  return JSON.stringify({ [tokenAudience]: { token, expirationTimestamp: '2031-01-01T00:00:00Z' } });
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
