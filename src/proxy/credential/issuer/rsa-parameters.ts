import type { KeyObject } from 'node:crypto';
import { limits } from '../../../limits/defaults.js';

const { rsaMinBits, rsaMaxBits } = limits.privateKeys;
/** The largest public exponent. Every signature is verified with it before OpenSSL returns it. */
const maxExponent = 0xffff_ffffn;
/** By how many bits a prime can be longer than half of the modulus. */
const primeSlackBits = 8;

/**
 * Returns why an RSA key (RFC 8017, 3.2) must not sign, as the predicate of a sentence; undefined if it can. The time
 * of a signature grows with the cube of the numbers' length, and OpenSSL accepts numbers of any length, related or not.
 */
export function rsaProblem(key: KeyObject): string | undefined {
  const jwk = key.export({ format: 'jwk' });
  const n = numberOf(jwk.n);
  const bits = bitsOf(n);
  if (bits < rsaMinBits || bits > rsaMaxBits) {
    return `is an RSA key of ${bits} bits (allowed: ${rsaMinBits} to ${rsaMaxBits})`;
  }
  const e = numberOf(jwk.e);
  const d = numberOf(jwk.d);
  const p = numberOf(jwk.p);
  const q = numberOf(jwk.q);
  const dp = numberOf(jwk.dp);
  const dq = numberOf(jwk.dq);
  const qi = numberOf(jwk.qi);
  const hasLengths = [p, q].every((prime) => prime > 2n && bitsOf(prime) <= bits / 2 + primeSlackBits);
  // With these relations every exponent is smaller than its modulus, and every modulus is odd.
  const isConsistent =
    hasLengths &&
    e > 2n &&
    e <= maxExponent &&
    n % 2n === 1n &&
    p * q === n &&
    d < n &&
    dp === d % (p - 1n) &&
    dq === d % (q - 1n) &&
    (e * dp) % (p - 1n) === 1n &&
    (e * dq) % (q - 1n) === 1n &&
    qi < p &&
    (q * qi) % p === 1n;
  return isConsistent ? undefined : 'is an RSA key whose numbers do not belong together: make a new key';
}

function numberOf(text: string | undefined): bigint {
  return BigInt(`0x0${Buffer.from(text ?? '', 'base64url').toString('hex')}`);
}

function bitsOf(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}
