import { createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** The numbers of an RSA key (RFC 8017, A.1.2). */
export interface RsaNumbers {
  readonly n: bigint;
  readonly e: bigint;
  readonly d: bigint;
  readonly p: bigint;
  readonly q: bigint;
  readonly dp: bigint;
  readonly dq: bigint;
  readonly qi: bigint;
}

export function rsaNumbersOf(key: KeyObject): RsaNumbers {
  const { n, e, d, p, q, dp, dq, qi } = key.export({ format: 'jwk' });
  const number = (text = ''): bigint => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`);
  return {
    n: number(n),
    e: number(e),
    d: number(d),
    p: number(p),
    q: number(q),
    dp: number(dp),
    dq: number(dq),
    qi: number(qi),
  };
}

/** Returns PKCS #1 with any numbers, which OpenSSL reads whether they belong together or not. */
export function rsaPem({ n, e, d, p, q, dp, dq, qi }: RsaNumbers): string {
  return pemOf('RSA PRIVATE KEY', der(0x30, ...[0n, n, e, d, p, q, dp, dq, qi].map(integer)));
}

/** Returns a PKCS #8 key of an algorithm of discrete logarithms, which has the parameters p, q and g. */
export function discreteLogPem(algorithm: 'dsa' | 'dh' | 'dhx', bits: number): string {
  const identifiers = {
    dsa: [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01],
    dh: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x03, 0x01],
    dhx: [0x2a, 0x86, 0x48, 0xce, 0x3e, 0x02, 0x01],
  };
  const p = (1n << BigInt(bits)) + 1n;
  const parameters = { dsa: [p, p - 2n, 3n], dh: [p, 3n], dhx: [p, 3n, p - 2n] }[algorithm];
  const identifier = der(0x06, Buffer.from(identifiers[algorithm]));
  const privateKey = der(0x04, integer(p - 4n));
  return pemOf(
    'PRIVATE KEY',
    der(0x30, integer(0n), der(0x30, identifier, der(0x30, ...parameters.map(integer))), privateKey),
  );
}

/** Returns the same PKCS #8 key with an outer sequence of indefinite length, which is BER but not DER. */
export function indefiniteLengthPem(key: KeyObject): string {
  const whole = key.export({ type: 'pkcs8', format: 'der' });
  return pemOf('PRIVATE KEY', Buffer.concat([Buffer.from([0x30, 0x80]), whole.subarray(4), Buffer.from([0, 0])]));
}

/** Reports whether OpenSSL reads a key. */
export function isReadByOpenSsl(pem: string): boolean {
  try {
    createPrivateKey(pem);
    return true;
  } catch {
    return false;
  }
}

function pemOf(label: string, key: Buffer): string {
  const lines = key.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  return der(0x02, Buffer.from(`${hex.length % 2 === 1 ? '0' : '00'}${hex}`, 'hex'));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
