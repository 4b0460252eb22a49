import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { DemoVolume } from './demo-kubelet.js';

const keyId = 'demo';
const lifetimeSeconds = 1800;

/** Signs service-account tokens in place of the API server, and provides the key. */
export class DemoTokens {
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  /** Returns the JSON Web Key Set for the proxy. */
  jwks(): string {
    const key = this.#keys.publicKey.export({ format: 'jwk' });
    return JSON.stringify({ keys: [{ ...key, alg: 'ES256', kid: keyId, use: 'sig' }] });
  }

  /** Returns the JSON that the kubelet passes: a token for the pod, by audience. */
  forKubelet(pod: DemoVolume['pod']): string {
    const issuedAtSeconds = Math.floor(Date.now() / 1000);
    const expirationTimestamp = new Date((issuedAtSeconds + lifetimeSeconds) * 1000).toISOString();
    return JSON.stringify({ 'connectors-proxy': { token: this.token(pod, issuedAtSeconds), expirationTimestamp } });
  }

  /** Returns a token. @param pod whose service account the token is for. */
  token(pod: DemoVolume['pod'], issuedAtSeconds = Math.floor(Date.now() / 1000)): string {
    const claims = {
      aud: ['connectors-proxy'],
      iat: issuedAtSeconds,
      exp: issuedAtSeconds + lifetimeSeconds,
      jti: randomBytes(8).toString('hex'),
      sub: `system:serviceaccount:${pod.namespace}:${pod.serviceAccountName}`,
      'kubernetes.io': {
        namespace: pod.namespace,
        pod: { name: pod.name, uid: pod.uid },
        serviceaccount: { name: pod.serviceAccountName, uid: 'b7f0a2f4-52b5-4b7c-8b0a-5d3b7c9e1f20' },
      },
    };
    const signed = [{ alg: 'ES256', kid: keyId }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    // RFC 7518, 3.4: the two integers concatenated, not in DER.
    const key = { key: this.#keys.privateKey, dsaEncoding: 'ieee-p1363' } as const;
    return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
  }
}
