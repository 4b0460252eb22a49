import { createECDH, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import type { Secret } from '../../../shared/secret.js';
import { proxyLimits } from '../../limits.js';
import type { SecretObject } from '../../secrets/secret-source.js';
import type { KeyProblem } from './issuer.js';

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

const { rsaBits, rsaExponent } = proxyLimits.issuedTokens;

/**
 * Returns why the parts of an RSA key are not those of one with two primes of equal length (RFC 8017, 3.2). OpenSSL does
 * not check them: with long exponents or many primes one signature takes seconds. The primes themselves are not tested.
 * A wrong one makes a wrong signature, but not a slow one.
 */
function rsaProblem(key: KeyObject): string | undefined {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < rsaBits.least || bits > rsaBits.most) return `has ${bits} bits`;
  const jwk = key.export({ format: 'jwk' });
  const texts = [jwk.n, jwk.e, jwk.d, jwk.p, jwk.q, jwk.dp, jwk.dq, jwk.qi];
  const parts = texts.map((text = '') => (text.length > rsaBits.most / 4 ? undefined : numberIn(text)));
  const [n, e, d, p, q, dp, dq, qi] = parts;
  const isWhole =
    n !== undefined &&
    e !== undefined &&
    d !== undefined &&
    p !== undefined &&
    q !== undefined &&
    dp !== undefined &&
    dq !== undefined &&
    qi !== undefined;
  const isSound =
    isWhole &&
    [e, p, q].every((part) => part > 2n && part % 2n === 1n) &&
    e <= rsaExponent &&
    d < n &&
    p * q === n &&
    // Primes of very different length are as slow as one long one.
    [p, q].every((prime) => Math.abs(prime.toString(2).length * 2 - bits) <= 16) &&
    dp === d % (p - 1n) &&
    dq === d % (q - 1n) &&
    (e * dp) % (p - 1n) === 1n &&
    (e * dq) % (q - 1n) === 1n &&
    qi < p &&
    (qi * q) % p === 1n;
  return isSound ? undefined : 'has parts that are not those of a usual RSA key';
}

function numberIn(base64url: string): bigint | undefined {
  const hex = Buffer.from(base64url, 'base64url').toString('hex');
  return hex === '' ? undefined : BigInt(`0x${hex}`);
}

interface Curve {
  /** Object identifier in DER. */
  readonly oid: string;
  readonly opensslName: string;
  readonly jwkName: string;
  readonly algorithm: string;
  readonly bytes: number;
}

const curves: readonly Curve[] = [
  { oid: '06082a8648ce3d030107', opensslName: 'prime256v1', jwkName: 'P-256', algorithm: 'ES256', bytes: 32 },
  { oid: '06052b81040022', opensslName: 'secp384r1', jwkName: 'P-384', algorithm: 'ES384', bytes: 48 },
  { oid: '06052b81040023', opensslName: 'secp521r1', jwkName: 'P-521', algorithm: 'ES512', bytes: 66 },
];

/** A length in DER of less than 256 bytes. Keys of these curves are not longer. */
const length = '(?:[0-7].|81..)';
const oids = curves.map(({ oid }) => oid).join('|');
/** All up to the number of the key, with its length (RFC 5915, 3). */
const sec1 = new RegExp(`^30${length}02010104(?<bytes>..)`);
const pkcs8 = new RegExp(
  `^30${length}02010[01]30${length}06072a8648ce3d0201(?<oid>${oids})04${length}30${length}02010104(?<bytes>..)`,
);
/** After the number of the key in SEC 1: its curve. */
const sec1Curve = new RegExp(`^a0..(?<oid>${oids})`);

/**
 * Returns an EC key of a permitted curve. Only the number of the key is taken from the DER, and OpenSSL computes the rest:
 * Node aborts the process for keys that OpenSSL parses and then cannot use, such as those with too long a number.
 * @returns undefined if the DER is none of a named curve, or the number is not in the range of the curve.
 */
function ecKeyIn(der: Buffer): { readonly key: KeyObject; readonly algorithm: string } | undefined {
  const hex = der.toString('hex');
  const found = pkcs8.exec(hex) ?? sec1.exec(hex);
  const [start = ''] = found ?? [];
  const end = start.length + 2 * Number.parseInt(found?.groups?.['bytes'] ?? '', 16);
  const number = hex.slice(start.length, end);
  const oid = found?.groups?.['oid'] ?? sec1Curve.exec(hex.slice(end))?.groups?.['oid'];
  const curve = curves.find((each) => each.oid === oid);
  if (curve === undefined || number.length > 2 * curve.bytes) return undefined;
  const { opensslName, jwkName, algorithm, bytes } = curve;
  const d = Buffer.from(number.padStart(2 * bytes, '0'), 'hex');
  try {
    const pair = createECDH(opensslName);
    // Throws unless the number is in the range of the curve.
    pair.setPrivateKey(d);
    const point = pair.getPublicKey().subarray(1);
    const [x, y] = [point.subarray(0, bytes), point.subarray(bytes)].map((part) => part.toString('base64url'));
    if (x === undefined || y === undefined) return undefined;
    const jwk = { kty: 'EC', crv: jwkName, d: d.toString('base64url'), x, y };
    return { key: createPrivateKey({ key: jwk, format: 'jwk' }), algorithm };
  } catch {
    return undefined;
  }
}
