import { generatePrimeSync } from 'node:crypto';

/** The numbers of RFC 8017, A.1.2. */
type RsaNumbers = Readonly<Record<'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi', bigint>>;

interface OtherPrime {
  readonly r: bigint;
  readonly d: bigint;
  readonly t: bigint;
}

/** Writes an RSA key of any numbers as PKCS#1 in PEM. */
export function rsaKeyOf({ n, e, d, p, q, dp, dq, qi }: RsaNumbers, others: readonly OtherPrime[] = []): string {
  const infos = others.map((each) => sequence([each.r, each.d, each.t].map(integer)));
  const version = integer(others.length > 0 ? 1n : 0n);
  const der = sequence([
    version,
    ...[n, e, d, p, q, dp, dq, qi].map(integer),
    ...(infos.length > 0 ? [sequence(infos)] : []),
  ]);
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN RSA PRIVATE KEY-----\n${lines.join('\n')}\n-----END RSA PRIVATE KEY-----\n`;
}

/** A valid key of 2048 bits with three primes. */
export function multiPrimeKey(): string {
  const e = 65537n;
  for (;;) {
    const [p, q, r] = [683, 683, 682].map((bits) => generatePrimeSync(bits, { bigint: true })) as [
      bigint,
      bigint,
      bigint,
    ];
    const n = p * q * r;
    const order = (p - 1n) * (q - 1n) * (r - 1n);
    if (n.toString(2).length !== 2048 || order % e === 0n) continue;
    const d = inverse(e, order);
    const others = [{ r, d: d % (r - 1n), t: inverse(p * q, r) }];
    return rsaKeyOf({ n, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) }, others);
  }
}

function inverse(of: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [of % modulus, modulus, 1n, 0n];
  while (a > 1n) {
    const times = b / a;
    [a, b, x, y] = [b - times * a, a, y - times * x, x];
  }
  return ((x % modulus) + modulus) % modulus;
}

function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return tagged(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

function sequence(parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}
