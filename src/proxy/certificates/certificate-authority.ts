import { X509Certificate, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CodedError } from '../../errors.js';
import type { Clock } from '../../clock.js';
import { certificatesOnly } from '../../pem.js';
import { Secret } from '../../secret.js';
import type { Issuer } from './x509.js';
import { nameOf, signCa, subjectOf } from './x509.js';

const dayMs = 86_400_000;
/** Ten years: every volume carries the certificate, and only deleting its Secret makes another one. */
const validForMs = 3650 * dayMs;

/** The certificate and key of a CA as a Secret of type `kubernetes.io/tls` holds them, PEM. */
export interface CaPem {
  readonly certificate: string;
  readonly key: Secret;
}

/** The CA whose certificate is in every volume: what it signs, pods with a volume trust. */
export interface CertificateAuthority {
  /** PEM, certificates only; with the intermediates, where an operator's CA has some. It is published. */
  readonly certificate: string;
  readonly issuer: Issuer;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** Where the CA comes from. */
export interface CaSource {
  /** The CA as it is now; the same object as long as it is the same. @throws {CodedError} while there is none. */
  current(): CertificateAuthority;
}

/** Makes an ECDSA P-256 CA. */
export function createCa(clock: Clock): CaPem {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name: nameOf('Connectors proxy CA'), key: privateKey, publicKey };
  const nowMs = clock.now();
  return {
    certificate: signCa(issuer, { notBefore: new Date(nowMs - dayMs), notAfter: new Date(nowMs + validForMs) }),
    key: new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
  };
}

/**
 * Reads a CA.
 * @param source how messages call the place, such as `secret connectors-system/connectors-proxy-ca`.
 * @throws {CodedError} FAILED_PRECONDITION when it cannot sign certificates.
 */
export function parseCa({ certificate: bundle, key }: CaPem, source: string): CertificateAuthority {
  // Some tools keep certificate and private key in one file.
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
