import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readPrivateKey } from '../../../../../src/proxy/credential/issuer/private-key.js';
import { Secret } from '../../../../../src/secret.js';
import {
  discreteLogPem,
  indefiniteLengthPem,
  isReadByOpenSsl,
  rsaNumbersOf,
  rsaPem,
} from '../../../../support/proxy/crafted-keys.js';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

function read(pem: string): string {
  const found = readPrivateKey(new Secret(pem));
  return 'problem' in found ? found.problem : found.algorithm;
}

const notAllowed =
  'is damaged, or of a kind that is not allowed (allowed: RSA of 2048 to 4096 bits, EC P-256, P-384 or P-521, or Ed25519)';
/** OpenSSL itself refuses some of them, by its version. */
const mismatched = /^is (damaged|an RSA key whose numbers do not belong together)/;
const notPem = 'is no private key in PEM: one block, and nothing before or after it';

describe('a private key', () => {
  const ec = (namedCurve: string): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey;
  const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8'): string =>
    key.export({ type, format: 'pem' }).toString();

  const usable: readonly [string, string, string][] = [
    ['RSA in PKCS #8', pem(rsa), 'RS256'],
    ['RSA in PKCS #1', pem(rsa, 'pkcs1'), 'RS256'],
    ['RSA with CRLF', pem(rsa).replaceAll('\n', '\r\n'), 'RS256'],
    ['RSA without a line break at the end', pem(rsa).trim(), 'RS256'],
    ['RSA from its numbers', rsaPem(rsaNumbersOf(rsa)), 'RS256'],
    ['RSA of 4096 bits', pem(generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey), 'RS256'],
    [
      'RSA with exponent 3',
      pem(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).privateKey),
      'RS256',
    ],
    ['EC P-256', pem(ec('prime256v1')), 'ES256'],
    ['EC P-384 in SEC 1', pem(ec('secp384r1'), 'sec1'), 'ES384'],
    ['EC P-521', pem(ec('secp521r1')), 'ES512'],
    ['Ed25519', pem(generateKeyPairSync('ed25519').privateKey), 'EdDSA'],
  ];
  for (const [name, text, algorithm] of usable) {
    it(`is read: ${name}`, () => {
      const found = readPrivateKey(new Secret(text));
      assert.ok(!('problem' in found), 'problem' in found ? found.problem : '');
      assert.equal(found.algorithm, algorithm);
      const digest = algorithm === 'EdDSA' ? null : 'sha256';
      assert.ok(verify(digest, Buffer.from('a'), createPublicKey(text), sign(digest, Buffer.from('a'), found.key)));
    });
  }

  const { privateKey: encrypted } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' },
  });
  const legacy = rsa.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' }).toString();
  const refused: readonly [string, string, string][] = [
    ['empty', '', notPem],
    ['not PEM', 'secret', notPem],
    ['a public key', createPublicKey(rsa).export({ type: 'spki', format: 'pem' }).toString(), notPem],
    ['two keys', pem(rsa) + pem(rsa), notPem],
    [
      'parameters and a key',
      `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem(ec('P-256'), 'sec1')}`,
      notPem,
    ],
    ['encrypted PKCS #8', encrypted, 'is encrypted: store it without a passphrase'],
    ['encrypted PKCS #1', legacy, 'is encrypted: store it without a passphrase'],
    ['damaged', pem(rsa).replace('\nMII', '\nMI*'), notAllowed],
    ['cut', pem(rsa).replace(/\n[^-\n]+\n[^-\n]+\n-/, '\n-'), notAllowed],
    ['X25519', pem(generateKeyPairSync('x25519').privateKey), notAllowed],
    ['Ed448', pem(generateKeyPairSync('ed448').privateKey), notAllowed],
    ['RSA-PSS', pem(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey), notAllowed],
    ['DSA', pem(generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).privateKey), notAllowed],
    [
      'RSA of 1024 bits',
      pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey),
      'is an RSA key of 1024 bits (allowed: 2048 to 4096)',
    ],
    [
      'RSA of 4608 bits',
      pem(generateKeyPairSync('rsa', { modulusLength: 4608 }).privateKey),
      'is an RSA key of 4608 bits (allowed: 2048 to 4096)',
    ],
    [
      'EC secp256k1',
      pem(ec('secp256k1')),
      'has a curve that is not allowed (allowed: RSA of 2048 to 4096 bits, EC P-256, P-384 or P-521, or Ed25519)',
    ],
    [
      'too long',
      `-----BEGIN PRIVATE KEY-----\n${'A'.repeat(8192)}\n-----END PRIVATE KEY-----`,
      'is longer than 8 KiB: a private key of a kind that is allowed is shorter',
    ],
  ];
  for (const [name, text, problem] of refused) {
    it(`is refused: ${name}`, () => {
      assert.equal(read(text), problem);
    });
  }

  it('is refused if a number of the RSA key is another', () => {
    const jwk = rsaNumbersOf(rsa);
    const other = rsaNumbersOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
    for (const name of ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'] as const) {
      const changed = name === 'e' ? 3n : other[name];
      assert.match(read(rsaPem({ ...jwk, [name]: changed })), mismatched, name);
      assert.notEqual(read(rsaPem({ ...jwk, [name]: 0n })), 'RS256', `${name} is 0`);
      assert.notEqual(read(rsaPem({ ...jwk, [name]: jwk[name] + 1n })), 'RS256', `${name} is even or one more`);
    }
  });

  it('is refused if an exponent of the RSA key is longer than its modulus', () => {
    const jwk = rsaNumbersOf(rsa);
    const long = 1n << 12_000n;
    assert.match(read(rsaPem({ ...jwk, dp: jwk.dp + (jwk.p - 1n) * long })), mismatched);
    assert.match(read(rsaPem({ ...jwk, d: jwk.d + (jwk.p - 1n) * (jwk.q - 1n) })), mismatched);
    assert.match(read(rsaPem({ ...jwk, e: jwk.e + (jwk.p - 1n) * (jwk.q - 1n) })), mismatched);
    assert.match(read(rsaPem({ ...jwk, p: jwk.n, q: 1n })), mismatched);
  });

  it('is refused by its algorithm before OpenSSL computes with its parameters', () => {
    assert.ok(isReadByOpenSsl(discreteLogPem('dsa', 2048)));
    for (const algorithm of ['dsa', 'dh', 'dhx'] as const) {
      assert.equal(read(discreteLogPem(algorithm, 14_000)), notAllowed, algorithm);
    }
  });

  it('is refused if its algorithm is not where DER has it', () => {
    assert.ok(isReadByOpenSsl(indefiniteLengthPem(rsa)));
    assert.equal(read(indefiniteLengthPem(rsa)), notAllowed);
  });
});
