import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

interface CertificateRequest {
  readonly commonName: string;
  /** Kubernetes reads the organizations of a client certificate as groups. */
  readonly organizations?: readonly string[];
  /** DNS names and IPv4 addresses of the subject alternative name. */
  readonly hosts?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Its keys; new ones of P-256 unless given. */
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
}

const dayMs = 86_400_000;

/**
 * A certificate authority in memory (ECDSA P-256, RFC 5280): node can read X.509 but not write it, and tests should
 * neither need an openssl binary nor carry keys that expire one day.
 */
export class CertificateAuthority {
  /** PEM. */
  readonly certificate: string;
  readonly #name: string;
  readonly #key: KeyObject;

  /** @param parent the authority that signs its certificate; itself unless given. */
  constructor(name = 'connectors-csi test authority', parent?: CertificateAuthority) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#name = name;
    this.#key = privateKey;
    this.certificate = (parent ?? this).#sign({ commonName: name }, publicKey, [
      extension('2.5.29.19', sequence(boolean(true)), true),
      extension('2.5.29.15', der(0x03, Buffer.from([0x01, 0x06])), true),
    ]);
  }

  issue(request: CertificateRequest): KeyPair {
    const { publicKey, privateKey } = request.keys ?? generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = (request.hosts ?? []).map(generalName);
    const extensions = [extension('2.5.29.19', sequence(), true)];
    if (names.length > 0) extensions.push(extension('2.5.29.17', sequence(...names)));
    return {
      certificate: this.#sign(request, publicKey, extensions),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  }

  #sign(request: CertificateRequest, publicKey: KeyObject, extensions: readonly Buffer[]): string {
    const notBefore = request.notBefore ?? new Date(Date.now() - dayMs);
    const notAfter = request.notAfter ?? new Date(Date.now() + 365 * dayMs);
    const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
    const body = sequence(
      der(0xa0, integer(Buffer.from([2]))),
      integer(Buffer.concat([Buffer.from([0x01]), randomBytes(8)])),
      algorithm,
      distinguishedName(this.#name, []),
      sequence(time(notBefore), time(notAfter)),
      distinguishedName(request.commonName, request.organizations ?? []),
      publicKey.export({ type: 'spki', format: 'der' }),
      der(0xa3, sequence(...extensions)),
    );
    const signature = sign('sha256', body, this.#key);
    const certificate = sequence(body, algorithm, der(0x03, Buffer.from([0]), signature));
    const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  }
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const hex = content.length.toString(16);
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const integer = (bytes: Buffer): Buffer => der(0x02, bytes);
const boolean = (value: boolean): Buffer => der(0x01, Buffer.from([value ? 0xff : 0]));

function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

function distinguishedName(commonName: string, organizations: readonly string[]): Buffer {
  const attribute = (oid: string, value: string): Buffer =>
    der(0x31, sequence(objectIdentifier(oid), der(0x0c, Buffer.from(value))));
  return sequence(
    ...organizations.map((organization) => attribute('2.5.4.10', organization)),
    attribute('2.5.4.3', commonName),
  );
}

/** UTCTime; it ends with the year 2049, which is enough for a test. */
function time(date: Date): Buffer {
  return der(
    0x17,
    Buffer.from(
      `${date
        .toISOString()
        .replaceAll(/[-:T]|\.\d+/g, '')
        .slice(2, 14)}Z`,
    ),
  );
}

function extension(oid: string, value: Buffer, critical = false): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), der(0x04, value));
}

function generalName(host: string): Buffer {
  return isIP(host) === 4 ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host));
}
