import { X509Certificate } from 'node:crypto';
import { certificateBlocks } from '../../shared/pem.ts';
import { driverLimits } from '../limits.ts';

const dataOid = '1.2.840.113549.1.7.1';
const certBagOid = '1.2.840.113549.1.12.10.1.3';
const x509CertificateOid = '1.2.840.113549.1.9.22.1';
/** Without this attribute of Oracle, Java does not use a certificate as a trust anchor. */
const trustedKeyUsageOid = '2.16.840.1.113894.746875.1.1';
const anyExtendedKeyUsageOid = '2.5.29.37.0';

/**
 * Returns the certificates of a PEM bundle as a trust store for Java: PKCS #12 (RFC 7292) with unencrypted certificate
 * bags, and with neither a password nor a MAC. Certificates that do not parse are left out.
 * @returns undefined without a certificate, or for a bundle over the limit.
 */
export function trustStoreOf(bundle: string): Buffer | undefined {
  if (bundle.length > driverLimits.volume.trustStoreCharacters) return undefined;
  const bags = certificateBlocks(bundle)
    .flatMap((block) => derOf(block) ?? [])
    .map(certificateBag);
  if (bags.length === 0) return undefined;
  const version = der(tags.integer, Buffer.from([3]));
  return sequence(version, contentInfo(sequence(contentInfo(sequence(...bags)))));
}

function derOf(block: string): Buffer | undefined {
  try {
    return new X509Certificate(block).raw;
  } catch {
    return undefined;
  }
}

function certificateBag(certificate: Buffer): Buffer {
  const usage = sequence(oid(trustedKeyUsageOid), der(tags.set, oid(anyExtendedKeyUsageOid)));
  const bag = sequence(oid(x509CertificateOid), explicit(der(tags.octetString, certificate)));
  return sequence(oid(certBagOid), explicit(bag), der(tags.set, usage));
}

function contentInfo(content: Buffer): Buffer {
  return sequence(oid(dataOid), explicit(der(tags.octetString, content)));
}

/** X.690, 8.1.2. */
const tags = { integer: 0x02, octetString: 0x04, oid: 0x06, sequence: 0x30, set: 0x31, explicit0: 0xa0 } as const;

function sequence(...members: readonly Buffer[]): Buffer {
  return der(tags.sequence, ...members);
}

function explicit(value: Buffer): Buffer {
  return der(tags.explicit0, value);
}

/** X.690, 8.19: base 128, the first two components in one. */
function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [40 * first + second, ...rest].flatMap((component) => {
    const digits = [component & 0x7f];
    for (let left = component >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return der(tags.oid, Buffer.from(bytes));
}

/** Encodes a value in DER (X.690, 8.1.3 and 10.1). */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const digits: number[] = [];
  for (let left = content.length; left > 0; left >>>= 8) digits.unshift(left & 0xff);
  const length = content.length < 0x80 ? [content.length] : [0x80 | digits.length, ...digits];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
