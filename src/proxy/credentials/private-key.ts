import { createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { proxyLimits } from '../limits.ts';
import { SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import { orThrow } from '../../shared/errors.ts';
import { parsedOnce } from '../../shared/per-object.ts';
import type { Secret } from '../../shared/secret.ts';
import type { SecretObject } from '../secrets/secret-source.ts';
import { unusableSecret } from '../secrets/secret-source.ts';

/** Named curves: P-256, P-384 and P-521. */
const curve = '(?:06082a8648ce3d030107|06052b8104002[23])';

/**
 * By label of the PEM block, the bytes before the first number in DER: in PKCS#1 the version, in SEC 1 the version, the
 * number and the curve, in PKCS#8 the identifier of RSA or of EC with a curve. OpenSSL reads PKCS#8 with any algorithm
 * whichever format it is told, so all are checked before it parses anything.
 */
const formats = {
  'RSA ': { type: 'pkcs1', begin: /^3082....02010002/ },
  'EC ': {
    type: 'sec1',
    begin: new RegExp(`^30(?:[0-7].|81..)02010104(?:20.{64}|30.{96}|42.{132})a00[7a]${curve}`),
  },
  '': {
    type: 'pkcs8',
    begin: new RegExp(
      `^30(?:82....02010030(?:[0-7].|81..)06092a864886f70d010101|(?:[0-7].|81..)020100301[03]06072a8648ce3d0201${curve})`,
    ),
  },
} as const;

const block =
  /^\s*(?:-----BEGIN EC PARAMETERS-----[A-Za-z0-9+/=\s]+-----END EC PARAMETERS-----\s*)?-----BEGIN (RSA |EC |)PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END \1PRIVATE KEY-----\s*$/;

/**
 * Returns the only key of a PEM text, RSA or EC; undefined if there is none. The author of a Secret chooses it, so it is
 * checked before OpenSSL computes with it. Parsing or signing with a DSA key, or with one of crafted parts, takes
 * seconds, and Node aborts the process for some EC keys.
 */
export function privateKeyIn(text: string): KeyObject | undefined {
  if (text.length > proxyLimits.issuedTokens.privateKeyLength) return undefined;
  const [, label, base64 = ''] = block.exec(text) ?? [];
  if (label === undefined) return undefined;
  const { type, begin } = formats[label as keyof typeof formats];
  const bytes = Buffer.from(base64, 'base64');
  if (!begin.test(bytes.toString('hex', 0, 100))) return undefined;
  try {
    return createPrivateKey({ key: bytes, format: 'der', type });
  } catch {
    return undefined;
  }
}

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
  // No sound key has a part that is 0.
  const parts = texts.map((text = '') => (text.length > rsaBits.most / 4 ? 0n : numberIn(text)));
  const [n = 0n, e = 0n, d = 0n, p = 0n, q = 0n, dp = 0n, dq = 0n, qi = 0n] = parts;
  const isSound =
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

function numberIn(base64url: string): bigint {
  return BigInt(`0x0${Buffer.from(base64url, 'base64url').toString('hex')}`);
}

/**
 * Signs a JSON Web Token with RS256, which every provider accepts.
 * @param header further members, such as `kid`.
 */
export type Signer = (claims: JWTPayload, header?: Readonly<Record<string, string>>) => Promise<string>;

const parsed = parsedOnce(({ data }: SecretObject): Signer => {
  const pem = data.get('privateKey');
  if (pem === undefined) throw unusableSecret('it has no privateKey', 'add the key privateKey');
  return signerOf(pem, 'privateKey');
});

/** Returns the signer with the `privateKey` of a Secret, parsed once. @throws {CodedError} */
export function signerIn(secret: SecretObject): Signer {
  return orThrow(parsed(secret));
}

/** Returns the signer with an RSA key. @throws {CodedError} */
export function signerOf(pem: Secret, name: string): Signer {
  const key = privateKeyIn(pem.expose());
  const problem = key?.asymmetricKeyType === 'rsa' ? rsaProblem(key) : 'is not one unencrypted RSA key in PEM';
  if (key === undefined || problem !== undefined) {
    throw unusableSecret(`its ${name} ${problem ?? ''}`, 'use an RSA key of 2048 to 4096 bits');
  }
  return (claims, header = {}) =>
    new SignJWT(claims).setProtectedHeader({ typ: 'JWT', ...header, alg: 'RS256' }).sign(key);
}
