import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  BasicConstraints,
  Certificate,
  Extension,
  Extensions,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import { distinguishedName } from '../../../../src/proxy/certificates/x509.ts';

const rsaWithSha256 = new AlgorithmIdentifier({
  algorithm: '1.2.840.113549.1.1.11',
  parameters: new Uint8Array([5, 0]).buffer,
});

export interface ChainOptions {
  /** Certificates, that of the server and the root included. */
  readonly count: number;
  readonly rsaBits: number;
  readonly exponent: bigint;
}

/** The most that OpenSSL verifies in one handshake. */
export const slowestChain: ChainOptions = { count: 22, rsaBits: 16_384, exponent: 2n ** 64n - 1n };

/**
 * A chain whose keys and signatures are random numbers. To find that no signature fits, a client computes as much as for
 * one that fits.
 */
export function slowChain({ count, rsaBits, exponent }: ChainOptions): { readonly cert: string; readonly key: string } {
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = Array.from({ length: count }, (_each, at) => distinguishedName(`c${at}`));
  const certificates = names.map((subject, at) => {
    const issuer = names[at + 1] ?? subject;
    const subjectPublicKeyInfo = at === 0 ? spkiOf(leaf.publicKey) : spkiOf(rsaKey(rsaBits, exponent));
    const tbsCertificate = new TBSCertificate({
      ...{ version: Version.v3, serialNumber: bytesOf(Buffer.from([at + 1])), signature: rsaWithSha256 },
      ...{ issuer, subject, subjectPublicKeyInfo },
      validity: new Validity({
        notBefore: new Date(Date.now() - 86_400_000),
        notAfter: new Date(Date.now() + 86_400_000),
      }),
      extensions: new Extensions([
        new Extension({
          extnID: '2.5.29.19',
          critical: true,
          extnValue: new OctetString(AsnConvert.serialize(new BasicConstraints({ cA: at > 0 }))),
        }),
      ]),
    });
    const signatureValue = bytesOf(smallerThanModulus(rsaBits));
    return pemOf(
      AsnConvert.serialize(new Certificate({ tbsCertificate, signatureAlgorithm: rsaWithSha256, signatureValue })),
    );
  });
  return { cert: certificates.join(''), key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

function spkiOf(key: KeyObject | Buffer): SubjectPublicKeyInfo {
  const bytes = Buffer.isBuffer(key) ? key : key.export({ type: 'spki', format: 'der' });
  return AsnConvert.parse(bytes, SubjectPublicKeyInfo);
}

/** A public key whose modulus is any odd number. */
function rsaKey(bits: number, exponent: bigint): Buffer {
  const modulus = randomBytes(bits / 8);
  modulus[0] = 0xff;
  modulus[modulus.length - 1] = 0xff;
  const hex = exponent.toString(16);
  const publicKey = der(0x30, integer(modulus), integer(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')));
  const algorithm = der(0x30, Buffer.from('06092a864886f70d010101', 'hex'), Buffer.from([5, 0]));
  return der(0x30, algorithm, der(0x03, Buffer.from([0]), publicKey));
}

function smallerThanModulus(bits: number): Buffer {
  const bytes = randomBytes(bits / 8);
  bytes[0] = 0x7f;
  return bytes;
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const hex = content.length.toString(16);
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const head = content.length < 0x80 ? [tag, content.length] : [tag, 0x80 | length.length, ...length];
  return Buffer.concat([Buffer.from(head), content]);
}

function bytesOf(buffer: Buffer): ArrayBuffer {
  return Uint8Array.from(buffer).buffer;
}

function pemOf(bytes: ArrayBuffer): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
