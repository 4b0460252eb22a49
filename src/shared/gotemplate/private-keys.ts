import { generateKeyPairSync } from 'node:crypto';

const publicKeyEncoding = { type: 'spki', format: 'pem' } as const;

/** Keys on elliptic curves, which are made at once. */
export type CurveKeyKind = 'ecdsa' | 'ed25519';

/** On the curve P-256 in SEC 1, or PKCS #8, as sprig makes them. */
export function curvePrivateKey(kind: CurveKeyKind): string {
  if (kind === 'ed25519') {
    const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const;
    return generateKeyPairSync('ed25519', { privateKeyEncoding, publicKeyEncoding }).privateKey;
  }
  const privateKeyEncoding = { type: 'sec1', format: 'pem' } as const;
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1', privateKeyEncoding, publicKeyEncoding }).privateKey;
}

/** 4096 bits, PKCS #1, as sprig makes it. */
export function rsaPrivateKey(): string {
  const privateKeyEncoding = { type: 'pkcs1', format: 'pem' } as const;
  return generateKeyPairSync('rsa', { modulusLength: 4096, privateKeyEncoding, publicKeyEncoding }).privateKey;
}

/**
 * L2048N256 in the form that OpenSSL had before PKCS #8, as sprig makes it: a sequence of 0, p, q, g, y and x. Node writes
 * no such form, so it is put together from what the two newer ones hold.
 */
export function dsaPrivateKey(): string {
  const { privateKey, publicKey } = generateKeyPairSync('dsa', {
    modulusLength: 2048,
    divisorLength: 256,
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
    publicKeyEncoding: { type: 'spki', format: 'der' },
  });
  const [version, algorithm, octets] = elements(elements(privateKey)[0]?.content);
  const [, parameters] = elements(algorithm?.content);
  const [, bits] = elements(elements(publicKey)[0]?.content);
  // A bit string starts with the number of its unused bits.
  const integers = [
    version,
    ...elements(parameters?.content),
    ...elements(bits?.content.subarray(1)),
    ...elements(octets?.content),
  ];
  const der = sequence(Buffer.concat(integers.map((integer) => integer?.whole ?? Buffer.alloc(0))));
  const lines = der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN DSA PRIVATE KEY-----\n${lines}\n-----END DSA PRIVATE KEY-----\n`;
}

/** An element of DER: a byte of type, its length, its content. */
interface Element {
  readonly whole: Buffer;
  readonly content: Buffer;
}

/** The elements that stand one after the other. Only for what OpenSSL has written: nothing is checked. */
function elements(der: Buffer = Buffer.alloc(0)): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < der.length;) {
    const first = der.readUInt8(at + 1);
    const lengthBytes = first < 0x80 ? 0 : first - 0x80;
    const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
    const start = at + 2 + lengthBytes;
    found.push({ whole: der.subarray(at, start + length), content: der.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}

/** A sequence of more than 255 bytes and less than 64 KiB. */
function sequence(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x30, 0x82, content.length >> 8, content.length & 0xff]), content]);
}
