import type { KeyObject } from 'node:crypto';
import { createPrivateKey } from 'node:crypto';
import { SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import { proxyLimits } from '../../limits.js';
import type { Secret } from '../../../shared/secret.js';
import type { SecretObject } from '../../secrets/secret-source.js';
import { ecKeyIn } from './ec-key.js';
import type { KeyProblem } from './issuer.js';
import { rsaProblem } from './rsa-parts.js';

/** Signs JSON Web Tokens. */
export interface SigningKey {
  /** The algorithm in the header: RS256 for RSA keys, which every provider accepts. */
  readonly algorithm: string;
  /** @param header further members, such as `kid`. */
  sign(claims: JWTPayload, header?: Readonly<Record<string, string>>): Promise<string>;
}

const keys = new WeakMap<SecretObject, Map<string, SigningKey | KeyProblem>>();

/** Returns the private key in PEM of a Secret, parsed once. */
export function signingKeyIn(secret: SecretObject, name: string): SigningKey | KeyProblem {
  let ofSecret = keys.get(secret);
  if (ofSecret === undefined) {
    ofSecret = new Map();
    keys.set(secret, ofSecret);
  }
  const known = ofSecret.get(name);
  if (known !== undefined) return known;
  const pem = secret.data.get(name);
  const key = pem === undefined ? { problem: `it has no ${name}`, fix: `add the key ${name}` } : parse(pem, name);
  ofSecret.set(name, key);
  return key;
}

/**
 * Parses a private key. The author of a Secret chooses it, so it is checked before OpenSSL computes with it. Signing with
 * a DSA key, or with one of crafted parts, takes seconds.
 */
export function parse(pem: Secret, name = 'privateKey'): SigningKey | KeyProblem {
  const der = derIn(pem.expose());
  if (der === undefined) return unusable(name, 'is not one unencrypted private key in PEM');
  const parsed = parsedKey(der);
  if (parsed === undefined) return unusable(name, 'is damaged or of another kind');
  const { key, algorithm } = parsed;
  if (algorithm === 'RS256') {
    const problem = rsaProblem(key);
    if (problem !== undefined) return unusable(name, problem);
  }
  return {
    algorithm,
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ typ: 'JWT', ...header, alg: algorithm }).sign(key),
  };
}

/** Written by `openssl ecparam -genkey` before the key, which names its curve too. */
const curveParameters = /^\s*-----BEGIN EC PARAMETERS-----[A-Za-z0-9+/=\s]+-----END EC PARAMETERS-----/;

const types = { '': 'pkcs8', 'RSA ': 'pkcs1', 'EC ': 'sec1' } as const;
/** Object identifiers in DER: rsaEncryption, id-ecPublicKey and id-Ed25519. */
const ecAlgorithm = '06072a8648ce3d0201';
const permittedAlgorithms = ['06092a864886f70d010101', ecAlgorithm, '06032b6570'];

interface Der {
  readonly type: (typeof types)[keyof typeof types];
  readonly bytes: Buffer;
}

/** Returns the only block of a PEM text of bounded length, unless it is a private key of an algorithm not supported. */
function derIn(text: string): Der | undefined {
  if (text.length > proxyLimits.issuedTokens.privateKeyLength) return undefined;
  const [, label, base64] =
    /^\s*-----BEGIN (RSA |EC |)PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END \1PRIVATE KEY-----\s*$/.exec(
      text.replace(curveParameters, ''),
    ) ?? [];
  if (label === undefined || base64 === undefined) return undefined;
  const type = types[label as keyof typeof types];
  const bytes = Buffer.from(base64, 'base64');
  return isPermitted(type, bytes) ? { type, bytes } : undefined;
}

/** The bytes after the version in DER: in PKCS#1 a number, in SEC 1 the key, in PKCS#8 the identifier of an algorithm. */
const contents = {
  pkcs1: /^02/,
  sec1: /^04/,
  pkcs8: new RegExp(`^30(?:[0-7].|81..)(?:${permittedAlgorithms.join('|')})`),
};

/**
 * Reports whether a key has a supported algorithm, without parsing the key: for a DSA key, parsing computes the public
 * key. OpenSSL reads PKCS#8 with any algorithm whichever format it is told, so all formats are checked.
 */
function isPermitted(type: Der['type'], der: Buffer): boolean {
  const [, content = ''] = /^30(?:[0-7].|81..|82....)02010[01](.*)$/.exec(der.toString('hex', 0, 40)) ?? [];
  return contents[type].test(content);
}

function parsedKey({ type, bytes }: Der): { readonly key: KeyObject; readonly algorithm: string } | undefined {
  if (type === 'sec1' || bytes.toString('hex', 0, 40).includes(ecAlgorithm)) return ecKeyIn(bytes);
  try {
    const key = createPrivateKey({ key: bytes, format: 'der', type });
    const { asymmetricKeyType } = key;
    const algorithm = asymmetricKeyType === 'rsa' ? 'RS256' : asymmetricKeyType === 'ed25519' ? 'EdDSA' : undefined;
    return algorithm && { key, algorithm };
  } catch {
    return undefined;
  }
}

function unusable(name: string, problem: string): KeyProblem {
  const fix = 'use an RSA key of 2048 to 4096 bits, an EC key (P-256, P-384, P-521) or an Ed25519 key';
  return { problem: `its ${name} ${problem}`, fix };
}
