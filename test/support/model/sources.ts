import type { JsonObject } from '../../../src/shared/json.ts';
import { connector, connectorClass } from '../driver/manifests.ts';

/**
 * What volumes are made from: connectors, the class of the first two and that of the third, and the driver-wide CA bundle.
 * Every state of each has a number, higher than those before it, that is read in the files.
 */
export const connectorNames = ['harbor', 'quay', 'git'] as const;
export const classNames = ['oci', 'scm'] as const;
export type ConnectorName = (typeof connectorNames)[number];
export type ClassName = (typeof classNames)[number];
export type SourceName = ConnectorName | ClassName | 'ca';
export const sourceNames: readonly SourceName[] = [...connectorNames, ...classNames, 'ca'];

export const classOf = { harbor: 'oci', quay: 'oci', git: 'scm' } as const;

export type Versions = Readonly<Record<SourceName, number>>;

/** More than a page, so that a half-written file can be seen. */
const padding = '#'.repeat(5000);

export function addressOf(name: ConnectorName | 'scm', version: number): string {
  return `http://${name}-v${version}.example:3128/ci/${name}`;
}

export function connectorObject(name: ConnectorName, version: number): JsonObject {
  return connector(name, { className: classOf[name], proxyUrl: addressOf(name, version) });
}

/** The file of a class's configuration `tool`, of its first connector. */
export function toolConf(className: string, version: number, address: string, token: string, caCert: string): string {
  return `${className}-v${version}\n${address}\n${token}\n${caCert}${padding}\n`;
}

/** Class scm has a proxy of its own, which counts where a volume has several connectors. */
export function classObject(name: ClassName, version: number): JsonObject {
  const template = toolConf(
    name,
    version,
    '{{ .connector.status.proxyAddress }}',
    '{{ .context.token }}',
    '{{ .context.proxy.caCert }}',
  );
  return connectorClass(name, {
    configurations: [{ name: 'tool', data: { 'tool.conf': template } }],
    ...(name === 'scm' ? { proxyUrl: addressOf('scm', version) } : {}),
  });
}

export function caBundle(version: number): string {
  return `-----BEGIN CERTIFICATE-----\nca/v${version}\n-----END CERTIFICATE-----\n`;
}

/** The number of the state of a source that a text names; NaN when it names none. The body of a certificate has no dash. */
export function versionIn(text: string | undefined, name: SourceName): number {
  return Number(new RegExp(`\\b${name}[-/]v(\\d+)\\b`).exec(text ?? '')?.[1]);
}
