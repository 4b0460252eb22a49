import assert from 'node:assert/strict';
import { certificateBlocks, certificatesOnly } from '../../../src/shared/pem.ts';

const pem = (body: string, kind = 'CERTIFICATE'): string => `-----BEGIN ${kind}-----\n${body}\n-----END ${kind}-----`;
const [one, two] = [pem('MIIBone'), pem('MIIBtwo')];
const key = pem('MHcCAQEEKEY', 'EC PRIVATE KEY');

describe('the certificates of a PEM bundle', () => {
  it('are its certificates as they are written, of every kind that OpenSSL reads', () => {
    const kinds = ['CERTIFICATE', 'TRUSTED CERTIFICATE', 'X509 CERTIFICATE'].map((kind) => pem('MII\r\nB', kind));
    assert.deepEqual(certificateBlocks(`# ours\n${kinds.join('\n# another\n')}\n`), kinds);
    assert.deepEqual(certificateBlocks(one + two), [one, two]);
    assert.deepEqual(certificateBlocks('any text'), []);
  });

  const begin = '-----BEGIN CERTIFICATE-----';
  const end = '-----END CERTIFICATE-----';
  const hiding: readonly [string, string][] = [
    ['before them', key + one + two],
    ['after them', `${one}\n${two}\n${key}`],
    ['between them, without line breaks', one + key + two],
    ['behind a certificate that has no end', `${begin}\nMIIB\n${key}\n${one}\n${two}`],
    ['inside a certificate', `${begin}\n${key}\n${end}\n${one}\n${two}`],
    [
      'behind a certificate with the end of another kind',
      `${pem('MIIB').replace('-END ', '-END X509 ')}${key}${one}${two}`,
    ],
  ];
  for (const [where, bundle] of hiding) {
    it(`are all that is taken when a private key stands ${where}`, () => {
      assert.deepEqual(certificateBlocks(bundle), [one, two]);
    });
  }

  it('are the whole bundle where it holds nothing else, and one below the other where it does', () => {
    for (const bundle of [one, `${one}\r\n${two}`, `${one}\n\n${two}\n`])
      assert.equal(certificatesOnly(bundle), bundle);
    assert.equal(certificatesOnly(`# ours\n${one} ${key}${two}`), `${one}\n${two}\n`);
    for (const none of ['', ' \n', key, 'any text']) assert.equal(certificatesOnly(none), '');
  });

  it('are found in a time that grows as the length of the bundle', () => {
    // Quadratic work would take minutes.
    for (const text of [begin.repeat(40_000), `${begin}\n`.repeat(40_000) + end, begin + 'A'.repeat(1 << 20)]) {
      certificateBlocks(text);
    }
    assert.equal(certificateBlocks(`${one}\n`.repeat(20_000)).length, 20_000);
  });
});
