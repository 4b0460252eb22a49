import type { KeyObject } from 'node:crypto';
import { createPrivateKey } from 'node:crypto';
import { limits } from '../../../limits/defaults.js';
import type { Secret } from '../../../secret.js';
import { rsaProblem } from './rsa-parameters.js';

/** A key that signs a JWT. */
export interface PrivateKey {
  readonly key: KeyObject;
  /** Its JWS algorithm (RFC 7518, 3.1; RFC 8037, 3.1). */
  readonly algorithm: 'RS256' | 'ES256' | 'ES384' | 'ES512' | 'EdDSA';
}

/** Why a key is unusable, as the predicate of a sentence about it, without any part of the key. */
export interface PrivateKeyProblem {
  readonly problem: string;
}

const { pemCharacters, rsaMinBits, rsaMaxBits } = limits.privateKeys;
const allowed = `RSA of ${rsaMinBits} to ${rsaMaxBits} bits, EC P-256, P-384 or P-521, or Ed25519`;
const algorithmOf: ReadonlyMap<string | undefined, PrivateKey['algorithm']> = new Map([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
  ['ed25519', 'EdDSA'],
]);
const typeOfLabel: ReadonlyMap<string, 'pkcs8' | 'pkcs1' | 'sec1'> = new Map([
  ['', 'pkcs8'],
  ['RSA ', 'pkcs1'],
  ['EC ', 'sec1'],
]);

/** The object identifiers of rsaEncryption, id-ecPublicKey and id-Ed25519, with tag and length. */
const pkcs8Algorithms: ReadonlySet<string> = new Set(['06092a864886f70d010101', '06072a8648ce3d0201', '06032b6570']);

/**
 * Reads an unencrypted private key from PEM: PKCS #8, PKCS #1 or SEC 1.
 *
 * The owner of a Secret can make a key that takes OpenSSL many seconds in the proxy's only thread: it computes the
 * public key of a DSA or DH key with any parameters as it reads it, and signs with any RSA parameters. So the algorithm
 * is checked before OpenSSL reads the key, and an RSA key's numbers before its first signature.
 */
export function readPrivateKey(pem: Secret): PrivateKey | PrivateKeyProblem {
  const text = pem.expose().trim();
  if (text.length > pemCharacters) {
    return {
      problem: `is longer than ${pemCharacters / 1024} KiB: a private key of a kind that is allowed is shorter`,
    };
  }
  const [, label, body = ''] =
    /^-----BEGIN ([A-Z ]*)PRIVATE KEY-----((?:(?!-----).)+)-----END \1PRIVATE KEY-----$/s.exec(text) ?? [];
  if (label === undefined) return { problem: 'is no private key in PEM: one block, and nothing before or after it' };
  if (label === 'ENCRYPTED ' || body.includes('ENCRYPTED')) {
    return { problem: 'is encrypted: store it without a passphrase' };
  }
  const key = /[^A-Za-z0-9+/=\s]/.test(body) ? undefined : parse(label, Buffer.from(body, 'base64'));
  if (key === undefined) return { problem: `is damaged, or of a kind that is not allowed (allowed: ${allowed})` };
  if (key.asymmetricKeyType === 'rsa') {
    const problem = rsaProblem(key);
    return problem === undefined ? { key, algorithm: 'RS256' } : { problem };
  }
  const algorithm = algorithmOf.get(key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType);
  return algorithm === undefined
    ? { problem: `has a curve that is not allowed (allowed: ${allowed})` }
    : { key, algorithm };
}

/** Returns undefined, without a call to OpenSSL if the key's algorithm is not allowed. */
function parse(label: string, der: Buffer): KeyObject | undefined {
  const type = typeOfLabel.get(label);
  if (type === undefined || (type === 'pkcs8' && !pkcs8Algorithms.has(pkcs8AlgorithmOf(der)))) return undefined;
  try {
    // From the checked bytes: in the text OpenSSL could find another key.
    return createPrivateKey({ key: der, format: 'der', type });
  } catch {
    return undefined;
  }
}

/** Returns the object identifier of a PKCS #8 key (RFC 5958, 2) in hexadecimal; empty if the DER is unusual. */
function pkcs8AlgorithmOf(der: Buffer): string {
  let at = 0;
  const opens = (): boolean => {
    if (der[at] !== 0x30) return false;
    const length = der[at + 1] ?? 0;
    at += 2 + (length > 0x80 ? length - 0x80 : 0);
    return length !== 0x80;
  };
  if (!opens() || der.toString('hex', at, at + 2) !== '0201') return '';
  at += 3;
  return opens() ? der.toString('hex', at, at + 2 + (der[at + 1] ?? 0)) : '';
}
