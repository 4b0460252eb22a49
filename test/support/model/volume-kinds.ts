import { activateFile } from '../../../src/driver/content/built-in-files.ts';
import { addressOf, caBundle, classOf, toolConf, versionIn } from './sources.ts';
import type { ConnectorName, SourceName, Versions } from './sources.ts';
import type { VersionedSources } from './versioned-sources.ts';

/** What the files of one revision were made from. */
export interface Shown {
  readonly token: string;
  readonly versions: Readonly<Partial<Versions>>;
}

export interface VolumeKind {
  readonly connectors: readonly ConnectorName[];
  /** Whether it has the file of its last connector's class. */
  readonly hasTool: boolean;
}

/** One connector; one with a file of its class; two, whose proxy is that of the last one's class. */
export const volumeKinds: readonly VolumeKind[] = [
  { connectors: ['harbor'], hasTool: false },
  { connectors: ['quay'], hasTool: true },
  { connectors: ['quay', 'git'], hasTool: true },
];

export function attributesOf({ connectors, hasTool }: VolumeKind): Readonly<Record<string, string>> {
  return { connectors: connectors.join(','), ...(hasTool ? { 'configuration.names': 'tool' } : {}) };
}

/** Connectors and classes that must exist. */
export function neededBy({ connectors }: VolumeKind): readonly Exclude<SourceName, 'ca'>[] {
  return [...new Set(connectors.flatMap((name) => [name, classOf[name]]))];
}

/** Whether all that it needs is there. */
export function isMountable(kind: VolumeKind, sources: VersionedSources): boolean {
  const areThere = neededBy(kind).every((name) => sources.exists(name));
  return areThere && (kind.connectors.length === 1 || sources.allowsSeveral);
}

/** What its files were made from. @throws when they are not all there, or not of one state each. */
export function shownBy(kind: VolumeKind, files: Readonly<Record<string, string>>): Shown {
  const last = lastOf(kind);
  const tool = files['tool.conf'];
  const shown = {
    token: files['context.token'] ?? '',
    versions: {
      ca: versionIn(files['ca.crt'], 'ca'),
      [last]: versionIn(tool ?? files['connector.status.proxyAddress'], last),
      ...(kind.hasTool ? { [classOf[last]]: versionIn(tool, classOf[last]) } : {}),
    },
  };
  const expected = filesOf(kind, shown);
  const names = Object.keys(expected).sort().join(' ');
  if (Object.keys(files).sort().join(' ') !== names) {
    throw new Error(`files ${Object.keys(files).sort().join(' ')} in place of ${names}`);
  }
  for (const [name, text] of Object.entries(expected)) {
    if (comparable(name, files[name] ?? '') !== comparable(name, text))
      throw new Error(`${name} is not whole, or not of the revision ${told(shown)}`);
  }
  return shown;
}

function filesOf(kind: VolumeKind, { token, versions }: Shown): Readonly<Record<string, string>> {
  const last = lastOf(kind);
  const className = classOf[last];
  const ca = caBundle(versions.ca ?? NaN);
  const own = addressOf(last, versions[last] ?? NaN);
  const address = kind.connectors.length > 1 ? addressOf('scm', versions.scm ?? NaN) : own;
  const proxy = `http://ci%2F${last}:${token}@${new URL(address).host}`;
  return {
    '.env': `http_proxy=${proxy}\nhttps_proxy=${proxy}\nno_proxy=localhost,127.0.0.1,::1\n`,
    activate: activateFile({ volumeId: '', noProxy: 'localhost,127.0.0.1,::1' }),
    'ca.cert': ca,
    'ca.crt': ca,
    'connector.status.proxyAddress': address,
    'context.proxy.caCert': ca,
    'context.token': token,
    'http.proxy': proxy,
    'https.proxy': proxy,
    ...(kind.hasTool ? { 'tool.conf': toolConf(className, versions[className] ?? NaN, own, token, ca) } : {}),
  };
}

/** The mark in `activate` differs between volumes. */
function comparable(name: string, text: string): string {
  return name === 'activate' ? text.replaceAll(/\b[0-9a-f]{16}\b/g, '') : text;
}

function lastOf({ connectors }: VolumeKind): ConnectorName {
  return connectors.at(-1) ?? 'harbor';
}

/** Without the token. */
export function told({ versions }: Shown): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}
