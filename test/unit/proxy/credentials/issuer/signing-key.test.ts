import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { jwtVerify } from 'jose';
import { parse } from '../../../../../src/proxy/credentials/issuer/signing-key.js';
import { Secret } from '../../../../../src/shared/secret.js';
import { multiPrimeKey, rsaKeyOf } from '../../../../support/proxy/rsa-keys.js';

const pemOf = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8'): string =>
  key.export({ type, format: 'pem' }) as string;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

describe('a private key that signs', () => {
  const accepted: readonly [string, string, string][] = [
    ['RSA in PKCS#8', pemOf(rsa), 'RS256'],
    ['RSA in PKCS#1', pemOf(rsa, 'pkcs1'), 'RS256'],
    ['RSA of 4096 bits', pemOf(generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey), 'RS256'],
    ...(['P-256', 'P-384', 'P-521'] as const).flatMap((namedCurve): [string, string, string][] => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve });
      const algorithm = `ES${namedCurve === 'P-521' ? 512 : namedCurve.slice(2)}`;
      return [
        [`EC ${namedCurve} in PKCS#8`, pemOf(privateKey), algorithm],
        [`EC ${namedCurve} in SEC 1`, pemOf(privateKey, 'sec1'), algorithm],
      ];
    }),
    ['Ed25519', pemOf(generateKeyPairSync('ed25519').privateKey), 'EdDSA'],
    [
      'EC after its parameters',
      `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'sec1')}`,
      'ES256',
    ],
  ];
  for (const [what, pem, algorithm] of accepted) {
    it(`can be ${what}`, async () => {
      const key = parse(new Secret(pem));
      assert.ok(!('problem' in key), JSON.stringify(key));
      assert.equal(key.algorithm, algorithm);
      const { payload } = await jwtVerify(
        await key.sign({ iss: 'me' }),
        createPublicKey(pem.replace(/^.*PARAMETERS-----\n/s, '')),
      );
      assert.equal(payload.iss, 'me');
    });
  }

  const dsa = generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).privateKey;
  const refused: readonly [string, () => string, RegExp][] = [
    ['DSA, which takes seconds to parse and to sign', () => pemOf(dsa), /is not one unencrypted private key/],
    ...['RSA PRIVATE KEY', 'EC PRIVATE KEY'].map((label): [string, () => string, RegExp] => [
      `DSA as ${label}`,
      () => pemOf(dsa).replaceAll('PRIVATE KEY', label),
      /is not one unencrypted private key/,
    ]),
    ['RSA of 1024 bits', () => pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey), /has 1024 bits/],
    [
      'EC of another curve',
      () => pemOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey),
      /another kind/,
    ],
    [
      'EC with explicit parameters',
      () => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).privateKey),
      /is not one/,
    ],
    ['RSA-PSS', () => pemOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey), /is not one/],
    ['Ed448', () => pemOf(generateKeyPairSync('ed448').privateKey), /is not one/],
    ['X25519', () => pemOf(generateKeyPairSync('x25519').privateKey), /is not one/],
    [
      'encrypted',
      () => rsa.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string,
      /is not one/,
    ],
    ['two keys', () => pemOf(rsa) + pemOf(rsa), /is not one/],
    ['a public key', () => createPublicKey(rsa).export({ type: 'spki', format: 'pem' }) as string, /is not one/],
    ['broken', () => pemOf(rsa).replace(/\n[^\n]{20}/, '\n'), /is not one|cannot be parsed|its privateKey/],
    ['longer than 8 KiB', () => `${' '.repeat(9000)}${pemOf(rsa)}`, /is not one/],
    ['empty', () => '', /is not one/],
  ];
  for (const [what, pem, message] of refused) {
    it(`cannot be ${what}`, () => {
      const key = parse(new Secret(pem()));
      assert.ok('problem' in key, 'is accepted');
      assert.match(key.problem, message);
      assert.match(key.fix, /^use an RSA key of 2048 to 4096 bits/);
    });
  }

  const jwk = rsa.export({ format: 'jwk' });
  const part = (text: string | undefined): bigint =>
    BigInt(`0x${Buffer.from(text ?? '', 'base64url').toString('hex')}`);
  const numbers = Object.fromEntries(
    (['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'] as const).map((name) => [name, part(jwk[name])]),
  ) as Record<keyof Parameters<typeof rsaKeyOf>[0], bigint>;
  const crafted: readonly [string, Partial<typeof numbers>][] = [
    ['a huge private exponent', { d: numbers.d + (((numbers.p - 1n) * (numbers.q - 1n)) << 16000n) }],
    ['a huge exponent of a prime', { dp: numbers.dp + ((numbers.p - 1n) << 8000n) }],
    ['a huge exponent of the other prime', { dq: numbers.dq + ((numbers.q - 1n) << 8000n) }],
    ['a huge public exponent', { e: numbers.e + (numbers.p - 1n) * (numbers.q - 1n) }],
    ['a public exponent of more than 32 bits', { e: (1n << 32n) + 1n }],
    ['a huge coefficient', { qi: numbers.qi + (numbers.p << 8000n) }],
    ['primes that are not those of the modulus', { p: numbers.p + 2n }],
    ['primes of different length', { p: numbers.n, q: 1n }],
    ['an exponent that does not belong to it', { dp: numbers.dp - 2n }],
    ['a coefficient that does not belong to it', { qi: numbers.qi - 1n }],
    ['no primes', { p: 0n, q: 0n, dp: 0n, dq: 0n, qi: 0n }],
  ];
  it('is made of such parts by the test itself', () => {
    assert.ok(!('problem' in parse(new Secret(rsaKeyOf(numbers)))));
  });
  for (const [what, changed] of crafted) {
    it(`cannot be RSA with ${what}, which makes signing slow`, () => {
      const key = parse(new Secret(rsaKeyOf({ ...numbers, ...changed })));
      assert.ok('problem' in key, 'is accepted');
    });
  }

  // Node aborts the process for some of these, once OpenSSL has parsed them.
  const element = (tag: number, ...parts: readonly Buffer[]): Buffer => {
    const content = Buffer.concat(parts);
    const length = content.length < 128 ? [content.length] : [0x81, content.length];
    return Buffer.concat([Buffer.from([tag, ...length]), content]);
  };
  const version = Buffer.from('020101', 'hex');
  const p256 = Buffer.from('06082a8648ce3d030107', 'hex');
  const ecAlgorithm = element(0x30, Buffer.from('06072a8648ce3d0201', 'hex'), p256);
  const ecNumbers: readonly [string, Buffer][] = [
    ['one byte too long', Buffer.alloc(33, 0x7e)],
    ['much too long', Buffer.alloc(100, 0x7e)],
    ['zero', Buffer.alloc(32)],
    ['absent', Buffer.alloc(0)],
    ['not below the order of the curve', Buffer.alloc(32, 0xff)],
  ];
  for (const [what, number] of ecNumbers) {
    const inPkcs8 = element(0x30, version, ecAlgorithm, element(4, element(0x30, version, element(4, number))));
    const inSec1 = element(0x30, version, element(4, number), element(0xa0, p256));
    for (const [label, der] of [
      ['PRIVATE KEY', inPkcs8],
      ['EC PRIVATE KEY', inSec1],
      ['EC PRIVATE KEY', inPkcs8],
    ] as const) {
      it(`cannot be EC with a number that is ${what}, of ${der.length} bytes as ${label}`, () => {
        const pem = `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
        assert.ok('problem' in parse(new Secret(pem)), 'is accepted');
      });
    }
  }

  it('cannot be RSA with more than two primes', () => {
    const key = parse(new Secret(multiPrimeKey()));
    assert.ok('problem' in key, 'is accepted');
  });

  it('shows nothing of the key in its problem', () => {
    const key = parse(new Secret(`-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----`));
    assert.ok(!JSON.stringify(key).includes('CANARY'));
  });
});
