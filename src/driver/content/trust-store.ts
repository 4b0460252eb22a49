import { X509Certificate } from 'node:crypto';
import { Constructed, Integer, ObjectIdentifier, OctetString, Sequence, Set as AsnSet } from 'asn1js';
import type { AsnType } from 'asn1js';
import { certificateBlocks } from '../../pem.js';

const dataOid = '1.2.840.113549.1.7.1';
const certBagOid = '1.2.840.113549.1.12.10.1.3';
const x509CertificateOid = '1.2.840.113549.1.9.22.1';
/** Without this attribute of Oracle, Java does not use a certificate as a trust anchor. */
const trustedKeyUsageOid = '2.16.840.1.113894.746875.1.1';
const anyExtendedKeyUsageOid = '2.5.29.37.0';

/** Limit of the bundle's length. Takes up to 15 ms of the driver's only thread. */
const maxLength = 65_536;

/**
 * Returns the certificates of a PEM bundle as a trust store for Java: PKCS #12 (RFC 7292) with unencrypted certificate
 * bags, and with neither a password nor a MAC. Certificates that do not parse are left out.
 * @returns undefined without a certificate, or for a bundle over the limit.
 */
export function trustStoreOf(bundle: string): Buffer | undefined {
  if (bundle.length > maxLength) return undefined;
  const bags = certificateBlocks(bundle)
    .flatMap((block) => derOf(block) ?? [])
    .map(certificateBag);
  if (bags.length === 0) return undefined;
  const contents = sequence(contentInfo(sequence(...bags)));
  return Buffer.from(sequence(new Integer({ value: 3 }), contentInfo(contents)).toBER());
}

function derOf(block: string): Buffer | undefined {
  try {
    return new X509Certificate(block).raw;
  } catch {
    return undefined;
  }
}

function certificateBag(der: Buffer): Sequence {
  const certificate = sequence(oid(x509CertificateOid), explicit(new OctetString({ valueHex: der })));
  const usage = sequence(oid(trustedKeyUsageOid), set(oid(anyExtendedKeyUsageOid)));
  return sequence(oid(certBagOid), explicit(certificate), set(usage));
}

function contentInfo(content: Sequence): Sequence {
  return sequence(oid(dataOid), explicit(new OctetString({ valueHex: content.toBER() })));
}

function sequence(...value: AsnType[]): Sequence {
  return new Sequence({ value });
}

function set(...value: AsnType[]): AsnSet {
  return new AsnSet({ value });
}

function oid(value: string): ObjectIdentifier {
  return new ObjectIdentifier({ value });
}

/** `[0] EXPLICIT` */
function explicit(value: AsnType): Constructed {
  return new Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [value] });
}
