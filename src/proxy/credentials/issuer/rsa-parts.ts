import type { KeyObject } from 'node:crypto';
import { proxyLimits } from '../../limits.js';

const { rsaBits, rsaExponent } = proxyLimits.issuedTokens;

/**
 * Returns why the parts of an RSA key are not those of one with two primes of equal length (RFC 8017, 3.2). OpenSSL does
 * not check them: with long exponents or many primes one signature takes seconds. The primes themselves are not tested.
 * A wrong one makes a wrong signature, but not a slow one.
 */
export function rsaProblem(key: KeyObject): string | undefined {
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
