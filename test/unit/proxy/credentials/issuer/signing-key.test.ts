import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { jwtVerify } from 'jose';
import { signerOf } from '../../../../../src/proxy/credentials/private-key.ts';
import { Secret } from '../../../../../src/shared/secret.ts';
import { problemOf } from '../../../../support/proxy/issuer-plan.ts';
import { multiPrimeKey, rsaKeyOf } from '../../../../support/proxy/rsa-keys.ts';

const pemOf = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8'): string =>
  key.export({ type, format: 'pem' }) as string;
const parse = (pem: string): ReturnType<typeof signerOf> => signerOf(new Secret(pem), 'privateKey');
const refusal = (pem: string): string => problemOf(() => parse(pem));
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

describe('a private key that signs', () => {
  const accepted: readonly [string, string][] = [
    ['RSA in PKCS#8', pemOf(rsa)],
    ['RSA in PKCS#1', pemOf(rsa, 'pkcs1')],
    ['RSA of 4096 bits', pemOf(generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey)],
  ];
  for (const [what, pem] of accepted) {
    it(`can be ${what}`, async () => {
      const { payload } = await jwtVerify(await parse(pem)({ iss: 'me' }), createPublicKey(pem));
      assert.equal(payload.iss, 'me');
    });
  }

  const dsa = generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).privateKey;
  const refused: readonly [string, () => string, RegExp][] = [
    ['DSA, which takes seconds to parse and to sign', () => pemOf(dsa), /is not one unencrypted RSA key/],
    ...['RSA PRIVATE KEY', 'EC PRIVATE KEY'].map((label): [string, () => string, RegExp] => [
      `DSA as ${label}`,
      () => pemOf(dsa).replaceAll('PRIVATE KEY', label),
      /is not one unencrypted RSA key/,
    ]),
    ['RSA of 1024 bits', () => pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey), /has 1024 bits/],
    ['EC', () => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey), /is not one/],
    ['EC in SEC 1', () => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'sec1'), /is not one/],
    ['Ed25519', () => pemOf(generateKeyPairSync('ed25519').privateKey), /is not one/],
    ['RSA-PSS', () => pemOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey), /is not one/],
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
      assert.match(refusal(pem()), message);
      assert.match(refusal(pem()), /: use an RSA key of 2048 to 4096 bits$/);
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
    parse(rsaKeyOf(numbers));
  });
  for (const [what, changed] of crafted) {
    it(`cannot be RSA with ${what}, which makes signing slow`, () => {
      refusal(rsaKeyOf({ ...numbers, ...changed }));
    });
  }

  it('cannot be RSA with more than two primes', () => {
    refusal(multiPrimeKey());
  });

  it('shows nothing of the key in its problem', () => {
    assert.doesNotMatch(refusal(`-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----`), /CANARY/);
  });
});
