import { CertificateAuthority } from '../tls/certificate-authority.ts';
import type { KeyPair } from '../tls/certificate-authority.ts';

export type CertificateChoice = 'valid' | 'expired' | 'not-yet-valid' | 'wrong-host' | 'unknown-authority';

const hourMs = 3_600_000;

/** A certificate for the test server that is good, or wrong in one way. */
export function serverCertificate(authority: CertificateAuthority, choice: CertificateChoice): KeyPair {
  const issuer = choice === 'unknown-authority' ? new CertificateAuthority('somebody else') : authority;
  return issuer.issue({
    commonName: 'kube-apiserver',
    hosts: choice === 'wrong-host' ? ['elsewhere.example'] : ['127.0.0.1', 'localhost', 'kubernetes.default.svc'],
    ...(choice === 'expired' ? { notAfter: new Date(Date.now() - hourMs) } : {}),
    ...(choice === 'not-yet-valid' ? { notBefore: new Date(Date.now() + hourMs) } : {}),
  });
}
