import type { JsonObject } from '../../../src/shared/json.ts';

export interface ConnectorManifest {
  readonly namespace?: string;
  readonly className?: string;
  /** `status.proxy.httpAddress.url`; undefined: not reconciled yet. */
  readonly proxyUrl?: string | undefined;
  readonly caCerts?: string;
}

export interface ClassManifest {
  /** False: a class without `spec.proxy`. */
  readonly hasProxy?: boolean;
  readonly proxyUrl?: string;
  readonly caCerts?: string;
  readonly configurations?: readonly JsonObject[];
}

export const proxyUrl = 'http://proxy.example:8080/namespaces/ci/connectors/harbor';

export function connector(name: string, manifest: ConnectorManifest = {}): JsonObject {
  const url = 'proxyUrl' in manifest ? manifest.proxyUrl : proxyUrl;
  return {
    apiVersion: 'connectors.alauda.io/v1alpha1',
    kind: 'Connector',
    metadata: { namespace: manifest.namespace ?? 'ci', name },
    spec: { connectorClassName: manifest.className ?? 'oci', address: 'https://harbor.example' },
    status: url === undefined ? {} : { proxy: { httpAddress: address(url, manifest.caCerts) } },
  };
}

export function connectorClass(name: string, manifest: ClassManifest = {}): JsonObject {
  return {
    apiVersion: 'connectors.alauda.io/v1alpha1',
    kind: 'ConnectorClass',
    metadata: { name },
    spec: {
      ...((manifest.hasProxy ?? true) ? { proxy: { uri: 'http://proxy.example:8080' } } : {}),
      configurations: manifest.configurations ?? [],
    },
    ...(manifest.proxyUrl === undefined
      ? {}
      : { status: { proxy: { httpAddress: address(manifest.proxyUrl, manifest.caCerts) } } }),
  };
}

export function flagsConfigMap(flags: Readonly<Record<string, string>>): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'connectors-system', name: 'connectors-config' },
    data: flags,
  };
}

function address(url: string, caCerts: string | undefined): JsonObject {
  return { url, ...(caCerts === undefined ? {} : { CACerts: caCerts }) };
}
