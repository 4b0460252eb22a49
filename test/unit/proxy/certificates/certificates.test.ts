import assert from 'node:assert/strict';
import { X509Certificate, generateKeyPairSync } from 'node:crypto';
import { createCa, parseCa } from '../../../../src/proxy/certificates/certificate-authority.ts';
import { LeafCertificates } from '../../../../src/proxy/certificates/leaf-certificates.ts';
import { signLeaf } from '../../../../src/proxy/certificates/x509.ts';
import { Secret } from '../../../../src/shared/secret.ts';

const clock = { now: Date.now };
const pem = createCa(clock);
const authority = parseCa(pem, 'the CA');
const hourMs = 3_600_000;

function leaf(host: string): X509Certificate {
  const validity = { notBefore: new Date(Date.now() - hourMs), notAfter: new Date(Date.now() + hourMs) };
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return new X509Certificate(signLeaf(authority.issuer, publicKey, [host], validity));
}

describe('the CA', () => {
  it('may sign certificates, and says so', () => {
    const certificate = new X509Certificate(pem.certificate);
    assert.equal(certificate.ca, true);
    assert.equal(certificate.checkIssued(certificate), true);
    assert.equal(certificate.verify(certificate.publicKey), true);
  });

  it('signs certificates for names and for addresses', () => {
    const certificate = new X509Certificate(pem.certificate);
    for (const host of ['a.example', '10.0.0.1', '::1', `${'a'.repeat(63)}.example`]) {
      const signed = leaf(host);
      assert.equal(signed.checkIssued(certificate), true);
      assert.equal(signed.verify(certificate.publicKey), true);
      assert.equal(signed.ca, false);
      const isFor = host.includes('example') ? signed.checkHost(host) : signed.checkIP(host);
      assert.equal(isFor, host);
    }
  });

  it('gives every certificate another number', () => {
    const numbers = Array.from({ length: 20 }, () => leaf('a.example').serialNumber);
    assert.equal(new Set(numbers).size, numbers.length);
  });

  it('of an operator may have an RSA key', () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const issuer = { ...authority.issuer, key: privateKey, publicKey };
    const validity = { notBefore: new Date(), notAfter: new Date(Date.now() + hourMs) };
    const signed = new X509Certificate(signLeaf(issuer, publicKey, ['a.example'], validity));
    assert.equal(signed.verify(publicKey), true);
  });

  it('is published without the private key that stands in the same file', () => {
    const key = pem.key.expose();
    for (const combined of [pem.certificate + key, key + pem.certificate]) {
      assert.equal(parseCa({ certificate: combined, key: pem.key }, 'the CA').certificate, pem.certificate);
    }
  });

  it('that cannot sign is refused, saying why', () => {
    const other = createCa(clock);
    const cases: readonly [Parameters<typeof parseCa>[0], RegExp][] = [
      [{ certificate: '', key: pem.key }, /the CA: tls\.crt or tls\.key is no PEM/],
      [{ ...pem, key: new Secret('') }, /is no PEM/],
      [{ ...pem, key: other.key }, /tls\.key does not belong to tls\.crt/],
      [{ certificate: leaf('a.example').toString(), key: pem.key }, /is not the certificate of a CA/],
    ];
    for (const [parts, message] of cases) assert.throws(() => parseCa(parts, 'the CA'), message);
  });
});

describe('the certificates for hosts', () => {
  it('are made once, again when they are old, and again for another CA', () => {
    let nowMs = Date.now();
    let current = authority;
    const leaves = new LeafCertificates(() => current, { now: () => nowMs });
    const first = leaves.contextFor('a.example');
    assert.equal(leaves.contextFor('a.example'), first);
    assert.notEqual(leaves.contextFor('b.example'), first);
    nowMs += 19 * hourMs;
    const second = leaves.contextFor('a.example');
    assert.notEqual(second, first);
    current = parseCa(createCa(clock), 'another CA');
    assert.notEqual(leaves.contextFor('a.example'), second);
  });
});
