import { X509Certificate, createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { ConnectorRef } from '../../shared/connectors/model.ts';
import { perObject } from '../../shared/per-object.ts';
import { certificateBlocks } from '../../shared/pem.ts';
import { Secret } from '../../shared/secret.ts';
import { proxyLimits } from '../limits.ts';
import type { SecretObject } from '../secrets/secret-source.ts';
import type { ClientCertificate } from '../tool/trust.ts';
import type { KeyProblem } from './issuer/issuer.ts';
import { privateKeyIn, rsaProblem } from './private-key.ts';

interface Pair {
  readonly chain: string;
  readonly key: Secret;
  readonly validFromMs: number;
  readonly validToMs: number;
}

const { clientCertificateBytes: maxBytes, clientCertificates: maxCount } = proxyLimits.connector;

/** Returns the certificate in a Secret of type `kubernetes.io/tls`, for the tool of one Connector. */
export function clientCertificateIn(
  secret: SecretObject,
  { namespace, name }: ConnectorRef,
  nowMs: number,
): ClientCertificate | KeyProblem {
  const pair = pairIn(secret);
  if ('problem' in pair) return pair;
  const { chain, key, validFromMs, validToMs } = pair;
  if (nowMs > validToMs) return problem(`expired on ${dayOf(validToMs)}`, 'renew it');
  if (nowMs < validFromMs) return problem(`is not valid before ${dayOf(validFromMs)}`, 'wait, or use another one');
  const digest = createHash('sha256').update(chain).digest('base64');
  return { id: `${namespace}/${name} ${digest}`, chain, key };
}

/** Parsed once: the first certificate is that of the key, and others are the chain to its CA. */
const pairIn = perObject(({ data }: SecretObject): Pair | KeyProblem => {
  const blocks = certificateBlocks(data.get('tls.crt')?.expose() ?? '');
  const chain = blocks.map((block) => `${block}\n`).join('');
  if (blocks.length > maxCount || chain.length > maxBytes) {
    const limit = `has more than ${maxCount} certificates or ${maxBytes >> 10} KiB`;
    return problem(limit, 'leave only the certificate and its intermediates');
  }
  const certificates = blocks.map(parsed);
  const [first] = certificates;
  if (first === undefined || certificates.includes(undefined)) {
    return problem('is no chain of certificates in PEM', 'begin with the certificate of tls.key');
  }
  const text = data.get('tls.key')?.expose() ?? '';
  const key = privateKeyIn(text);
  const problemOfKey = key === undefined ? unreadable(text) : unsuitable(key, first);
  if (key === undefined || problemOfKey !== undefined) return problemOfKey ?? unreadable(text);
  return {
    chain,
    // Written again, so that OpenSSL reads what was checked.
    key: new Secret(key.export({ type: 'pkcs8', format: 'pem' }).toString()),
    validFromMs: Date.parse(first.validFrom),
    validToMs: Date.parse(first.validTo),
  };
});

function parsed(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}

function unreadable(text: string): KeyProblem {
  return text.includes('ENCRYPTED')
    ? { problem: 'its tls.key is encrypted', fix: 'store it without a passphrase (openssl pkey -in FILE)' }
    : {
        problem: 'its tls.key is not one key in PEM',
        fix: 'use RSA of 2048 to 4096 bits, or EC with P-256, P-384 or P-521',
      };
}

function unsuitable(key: KeyObject, certificate: X509Certificate): KeyProblem | undefined {
  const ofRsa = key.asymmetricKeyType === 'rsa' ? rsaProblem(key) : undefined;
  if (ofRsa !== undefined) return { problem: `its tls.key ${ofRsa}`, fix: 'use RSA of 2048 to 4096 bits' };
  if (certificate.checkPrivateKey(key)) return undefined;
  return {
    problem: 'its tls.key is not that of the first certificate in tls.crt',
    fix: 'put both of one pair into it',
  };
}

function problem(ofCertificate: string, fix: string): KeyProblem {
  return { problem: `its tls.crt ${ofCertificate}`, fix };
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
