import { CodedError } from '../../shared/errors.ts';
import type { Secret } from '../../shared/secret.ts';
import { isPlainEnvValue, plainEnvCharacters } from '../syntax/env-value.ts';
import type { VolumeFile } from '../publish/ports.ts';
import type { ProxyEndpoint } from './proxy-endpoint.ts';
import { proxyUrl } from './proxy-endpoint.ts';
import { createHash, X509Certificate } from 'node:crypto';
import script from './generated/activate.json' with { type: 'json' };
import { certificateBlocks } from '../../shared/pem.ts';
import { driverLimits } from '../limits.ts';

interface BuiltInInput {
  readonly volumeId: string;
  readonly endpoint: ProxyEndpoint | undefined;
  readonly token: Secret;
  /** PEM; if undefined, the volume has none of the CA files. */
  readonly caBundle: string | undefined;
  /** Value of `no_proxy`. */
  readonly noProxy: string;
}

/**
 * Returns the built-in files (docs/volumes.md, "Files"), byte for byte. Files without a value are absent: without a proxy
 * or without a CA.
 */
export function builtInFiles({ volumeId, endpoint, token, caBundle, noProxy }: BuiltInInput): readonly VolumeFile[] {
  const files: VolumeFile[] = [textFile('context.token', token.expose())];
  if (endpoint !== undefined) {
    const url = proxyUrl(endpoint, token);
    files.push(
      textFile('.env', envFile({ http_proxy: url, https_proxy: url, no_proxy: noProxy })),
      textFile('http.proxy', url),
      textFile('https.proxy', url),
      textFile('connector.status.proxyAddress', endpoint.address.url),
      textFile('activate', activateFile({ volumeId, noProxy })),
    );
  }
  if (caBundle !== undefined) {
    // `ca.cert` is the deprecated name of `ca.crt`.
    const { bytes: content, trustStore } = bundleOf(caBundle);
    for (const name of ['context.proxy.caCert', 'ca.crt', 'ca.cert']) files.push({ name, content });
    if (trustStore !== undefined) files.push({ name: 'truststore.p12', content: trustStore });
  }
  return files;
}

interface CaBundle {
  readonly text: string;
  readonly bytes: Buffer;
  readonly trustStore: Buffer | undefined;
}

let lastBundle: CaBundle | undefined;

/** Returns the same bytes for the same bundle: it can be long, and the volumes of a node mostly have the same one. */
function bundleOf(text: string): CaBundle {
  if (lastBundle?.text !== text) lastBundle = { text, bytes: Buffer.from(text), trustStore: trustStoreOf(text) };
  return lastBundle;
}

function textFile(name: string, text: string): VolumeFile {
  return { name, content: Buffer.from(text) };
}

/**
 * Returns `key=value` lines that POSIX shells, `docker --env-file`, `kubectl --from-env-file` and dotenv readers
 * interpret equally. They have no quotes and no `export`, so a value with a character that any of them interprets is
 * rejected.
 */
function envFile(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => {
      if (!isPlainEnvValue(value)) {
        const message = `.env: the value of ${name} has a character that a shell would interpret; ${plainEnvCharacters}`;
        throw new CodedError('FAILED_PRECONDITION', message);
      }
      return `${name}=${value}\n`;
    })
    .join('');
}

interface ActivateInput {
  /** Identifies the volume among those of its pod. */
  readonly volumeId: string;
  /** Value of `no_proxy`; plain (see isPlainEnvValue). */
  readonly noProxy: string;
}

/** Returns the built-in file `activate`: activate.sh with its parameters. It has no secret. */
export function activateFile({ volumeId, noProxy }: ActivateInput): string {
  const values: Readonly<Record<string, string>> = {
    mark: createHash('sha256').update(volumeId).digest('hex').slice(0, 16),
    noProxy,
    nonProxyHosts: nonProxyHosts(noProxy),
  };
  return script.replaceAll(/@([a-zA-Z]+)@/g, (text, name: string) => values[name] ?? text);
}

/** Converts `no_proxy` to a beginning of Java's `http.nonProxyHosts`, which has neither ports nor networks. */
function nonProxyHosts(noProxy: string): string {
  return noProxy
    .split(',')
    .filter((entry) => entry !== '' && !entry.includes('/'))
    .map((entry) => {
      if (entry.includes('::')) return entry.startsWith('[') ? entry : `[${entry}]`;
      return entry.replace(/:\d+$/, '').replace(/^\./, '*.');
    })
    .map((entry) => `${entry}|`)
    .join('');
}

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
