import { X509Certificate, createHash, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_serverAuth,
} from '@peculiar/asn1-x509';

const commonNameOid = '2.5.4.3';
const ecdsaWithSha256Oid = '1.2.840.10045.4.3.2';
const sha256WithRsaOid = '1.2.840.113549.1.1.11';
/** RFC 5280, appendix A: ub-common-name. */
const maxCommonNameLength = 64;

interface ValidityPeriod {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A CA that signs: the subject of its certificate, unchanged, and its private key (EC or RSA). */
export interface SigningCa {
  readonly name: Name;
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
}

export function distinguishedName(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName });
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: commonNameOid, value })])]);
}

/** Returns the subject of a certificate. Leaf certificates must name it as issuer, byte for byte. */
export function subjectOf(certificateDer: Buffer): Name {
  return AsnConvert.parse(certificateDer, Certificate).tbsCertificate.subject;
}

/** Returns a self-signed CA certificate, PEM. It can sign leaf certificates but no further CA. */
export function signCa(issuer: SigningCa, validity: ValidityPeriod): string {
  return signed(issuer, issuer.publicKey, issuer.name, validity, [
    extension(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 }), true),
    extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign), true),
    extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdentifier(issuer.publicKey))),
  ]);
}

/**
 * Returns a server certificate, PEM.
 * @param hosts DNS names and IP addresses; the first one is the subject.
 */
export function signLeaf(
  issuer: SigningCa,
  publicKey: KeyObject,
  hosts: readonly [string, ...string[]],
  validity: ValidityPeriod,
): string {
  const generalNames = hosts.map((host) => new GeneralName(isIP(host) === 0 ? { dNSName: host } : { iPAddress: host }));
  const authorityKey = new AuthorityKeyIdentifier({
    keyIdentifier: new KeyIdentifier(keyIdentifier(issuer.publicKey)),
  });
  // Long names exceed a common name, and an empty subject makes the alternative names critical (RFC 5280, 4.2.1.6).
  const subject = hosts[0].length > maxCommonNameLength ? new Name() : distinguishedName(hosts[0]);
  return signed(issuer, publicKey, subject, validity, [
    extension(id_ce_basicConstraints, new BasicConstraints({ cA: false }), true),
    extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.digitalSignature), true),
    extension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_serverAuth])),
    extension(id_ce_subjectAltName, new SubjectAlternativeName(generalNames), subject.length === 0),
    extension(id_ce_authorityKeyIdentifier, authorityKey),
  ]);
}

function signed(
  issuer: SigningCa,
  publicKey: KeyObject,
  subject: Name,
  validity: ValidityPeriod,
  extensions: readonly Extension[],
): string {
  const algorithm = signatureAlgorithm(issuer.key);
  const body = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialNumber(),
    signature: algorithm,
    issuer: issuer.name,
    validity: new Validity({ ...validity }),
    subject,
    subjectPublicKeyInfo: AsnConvert.parse(spkiOf(publicKey), SubjectPublicKeyInfo),
    extensions: new Extensions([...extensions]),
  });
  const signature = sign('sha256', Buffer.from(AsnConvert.serialize(body)), issuer.key);
  const certificate = new Certificate({
    tbsCertificate: body,
    signatureAlgorithm: algorithm,
    signatureValue: bytesOf(signature),
  });
  return new X509Certificate(Buffer.from(AsnConvert.serialize(certificate))).toString();
}

/**
 * Returns the signature algorithm for the key. The CA of an operator can have an RSA key.
 * @throws {TypeError} for other keys.
 */
function signatureAlgorithm(key: KeyObject): AlgorithmIdentifier {
  if (key.asymmetricKeyType === 'ec') return new AlgorithmIdentifier({ algorithm: ecdsaWithSha256Oid });
  if (key.asymmetricKeyType !== 'rsa') throw new TypeError('the key of a CA must be EC or RSA');
  return new AlgorithmIdentifier({ algorithm: sha256WithRsaOid, parameters: new Uint8Array([5, 0]).buffer });
}

/** Returns 16 random bytes: positive, without leading zeros (RFC 5280, 4.1.2.2). */
function serialNumber(): ArrayBuffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytesOf(bytes);
}

function extension(extnID: string, value: object, critical = false): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

/** Returns the key identifier of RFC 5280, 4.2.1.2, method 1. */
function keyIdentifier(key: KeyObject): ArrayBuffer {
  const { subjectPublicKey } = AsnConvert.parse(spkiOf(key), SubjectPublicKeyInfo);
  return bytesOf(createHash('sha1').update(Buffer.from(subjectPublicKey)).digest());
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

/** Copies exactly these bytes: the `buffer` of a small Buffer is a shared pool. */
function bytesOf(buffer: Buffer): ArrayBuffer {
  return Uint8Array.from(buffer).buffer;
}
