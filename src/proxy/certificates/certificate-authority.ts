import { X509Certificate, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CodedError, orCodedError } from '../../shared/errors.ts';
import type { Clock } from '../../shared/clock.ts';
import { certificatesOnly } from '../../shared/pem.ts';
import { Secret } from '../../shared/secret.ts';
import type { SigningCa } from './x509.ts';
import { distinguishedName, signCa, subjectOf } from './x509.ts';

const dayMs = 86_400_000;
/** Ten years: every volume has the certificate, and the CA is replaced only if its Secret is deleted. */
const validForMs = 3650 * dayMs;

/** Certificate and key of a CA in PEM, as in a Secret of type `kubernetes.io/tls`. */
interface CaPem {
  readonly certificate: string;
  readonly key: Secret;
}

/** The CA whose certificate is in every volume. Pods with a volume trust every certificate that it signs. */
export interface CertificateAuthority {
  /** PEM, certificates only, including intermediates of an operator's CA. It is published. */
  readonly certificate: string;
  readonly issuer: SigningCa;
  /** Expiry in milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** The source of the CA. */
export interface CaSource {
  /**
   * Returns the current CA: the same object until the CA changes.
   * @throws {CodedError} while there is none.
   */
  current(): CertificateAuthority;
}

/** Returns why there is no CA; undefined if there is one. */
export function caProblem(ca: CaSource): string | undefined {
  const found = orCodedError(() => ca.current());
  return found instanceof CodedError ? found.message : undefined;
}

/** Creates an ECDSA P-256 CA. */
export function createCa(clock: Clock): CaPem {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name: distinguishedName('Connectors proxy CA'), key: privateKey, publicKey };
  const nowMs = clock.now();
  return {
    certificate: signCa(issuer, { notBefore: new Date(nowMs - dayMs), notAfter: new Date(nowMs + validForMs) }),
    key: new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
  };
}

/**
 * Parses a CA.
 * @param source name for messages, such as `secret connectors-system/connectors-proxy-ca`.
 * @throws {CodedError} FAILED_PRECONDITION if it cannot sign certificates.
 */
export function parseCa({ certificate: bundle, key }: CaPem, source: string): CertificateAuthority {
  // Some tools write certificate and private key to one file, and the result is published.
  const certificate = certificatesOnly(bundle);
  const unusable = (problem: string, cause?: unknown): CodedError =>
    new CodedError('FAILED_PRECONDITION', `${source}: ${problem}`, { cause });
  let parsed: X509Certificate;
  let privateKey: KeyObject;
  try {
    parsed = new X509Certificate(certificate);
    privateKey = createPrivateKey(key.expose());
  } catch (error) {
    throw unusable('tls.crt or tls.key is no PEM of a certificate or a private key', error);
  }
  if (!parsed.ca) throw unusable('tls.crt is not the certificate of a CA');
  if (!parsed.checkPrivateKey(privateKey)) throw unusable('tls.key does not belong to tls.crt');
  if (privateKey.asymmetricKeyType !== 'ec' && privateKey.asymmetricKeyType !== 'rsa') {
    throw unusable('tls.key must be an EC or RSA key');
  }
  return {
    certificate,
    issuer: { name: subjectOf(parsed.raw), key: privateKey, publicKey: createPublicKey(privateKey) },
    expiresAtMs: new Date(parsed.validTo).getTime(),
  };
}
