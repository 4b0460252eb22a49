import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { trustStoreOf } from '../../../../src/driver/content/built-in-files.ts';
import { certificateBlocks } from '../../../../src/shared/pem.ts';
import { CertificateAuthority } from '../../../support/tls/certificate-authority.ts';

const [one, two] = [new CertificateAuthority('one').certificate, new CertificateAuthority('two').certificate];

describe('the trust store for Java', () => {
  it('has each certificate of the bundle, and nothing else of it', () => {
    const key = '-----BEGIN EC PRIVATE KEY-----\nKEYCANARY\n-----END EC PRIVATE KEY-----\n';
    const store = trustStoreOf(`# comment\n${one}${key}${two}`);
    for (const certificate of [one, two]) assert.ok(store?.includes(new X509Certificate(certificate).raw));
    assert.ok(!store?.includes('CANARY'));
    assert.ok(!store?.includes(Buffer.from('KEYCANARY', 'base64')));
  });

  it('can be read by openssl', () => {
    const input = trustStoreOf(one + two);
    assert.ok(input !== undefined);
    const args = ['pkcs12', '-nokeys', '-nomacver', '-passin', 'pass:'];
    const read = execFileSync('openssl', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
    assert.deepEqual(
      certificateBlocks(read).map((pem) => new X509Certificate(pem).subject),
      ['CN=one', 'CN=two'],
    );
  });

  it('is the same for the same bundle, so that a refresh does not change it', () => {
    assert.deepEqual(trustStoreOf(one), trustStoreOf(one));
  });

  it('leaves out what is no certificate, and is absent without one', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    assert.deepEqual(trustStoreOf(`${broken}${one}`), trustStoreOf(one));
    assert.equal(trustStoreOf(broken), undefined);
    assert.equal(trustStoreOf('PEM'), undefined);
  });

  it('is absent for a bundle that would take long', () => {
    assert.equal(trustStoreOf(one.repeat(Math.ceil(65_537 / one.length))), undefined);
  });
});
