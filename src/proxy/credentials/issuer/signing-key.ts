import { createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import { perObject } from '../../../shared/per-object.ts';
import type { Secret } from '../../../shared/secret.ts';
import { proxyLimits } from '../../limits.ts';
import type { SecretObject } from '../../secrets/secret-source.ts';
import type { KeyProblem } from './issuer.ts';

/** Signs JSON Web Tokens with RS256, which every provider accepts. */
export interface SigningKey {
  /** @param header further members, such as `kid`. */
  sign(claims: JWTPayload, header?: Readonly<Record<string, string>>): Promise<string>;
}

/** Returns the `privateKey` of a Secret, parsed once. */
export const signingKeyIn = perObject(({ data }: SecretObject): SigningKey | KeyProblem => {
  const pem = data.get('privateKey');
  return pem === undefined
    ? { problem: 'it has no privateKey', fix: 'add the key privateKey' }
    : parseSigningKey(pem, 'privateKey');
});

/**
 * Parses an RSA key. The author of a Secret chooses it, so it is checked before OpenSSL computes with it. Parsing or
 * signing with a DSA key, or with one of crafted parts, takes seconds, and Node aborts the process for some EC keys.
 */
export function parseSigningKey(pem: Secret, name: string): SigningKey | KeyProblem {
  const key = keyIn(pem.expose());
  if (key === undefined) return unusable(name, 'is not one unencrypted RSA key in PEM');
  const problem = rsaProblem(key);
  if (problem !== undefined) return unusable(name, problem);
  return {
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ typ: 'JWT', ...header, alg: 'RS256' }).sign(key),
  };
}

/**
 * The bytes before the first number in DER: in PKCS#1 the version, in PKCS#8 also the identifier of RSA. OpenSSL reads
 * PKCS#8 with any algorithm whichever format it is told, so both are checked before it parses anything.
 */
const formats = {
  pkcs1: /^3082....02010002/,
  pkcs8: /^3082....02010030(?:[0-7].|81..)06092a864886f70d010101/,
} as const;

/** Returns the only key of a PEM text of bounded length; undefined if it is no RSA key. */
function keyIn(text: string): KeyObject | undefined {
  if (text.length > proxyLimits.issuedTokens.privateKeyLength) return undefined;
  const [, label, base64 = ''] =
    /^\s*-----BEGIN (RSA |)PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END \1PRIVATE KEY-----\s*$/.exec(text) ?? [];
  const type = label === '' ? 'pkcs8' : 'pkcs1';
  const bytes = Buffer.from(base64, 'base64');
  if (label === undefined || !formats[type].test(bytes.toString('hex', 0, 40))) return undefined;
  try {
    return createPrivateKey({ key: bytes, format: 'der', type });
  } catch {
    return undefined;
  }
}

function unusable(name: string, problem: string): KeyProblem {
  return { problem: `its ${name} ${problem}`, fix: 'use an RSA key of 2048 to 4096 bits' };
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
