import { CodedError } from '../../shared/errors.ts';
import type { Secret } from '../../shared/secret.ts';
import { isPlainEnvValue, plainEnvCharacters } from '../syntax/env-value.ts';
import type { VolumeFile } from '../publish/ports.ts';
import type { ProxyEndpoint } from './proxy-endpoint.ts';
import { proxyUrl } from './proxy-endpoint.ts';
import { trustStoreOf } from './trust-store.ts';
import { createHash } from 'node:crypto';
import script from './generated/activate.json' with { type: 'json' };

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
