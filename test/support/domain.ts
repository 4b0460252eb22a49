import { Secret } from '../../src/shared/secret.ts';
import type { PublishSlot } from '../../src/driver/publish/ports.ts';
import type {
  Configuration,
  Connector,
  ConnectorClass,
  ProxyAddress,
  ResolvedConnector,
} from '../../src/shared/connectors/model.ts';
import type { PublishRequest } from '../../src/driver/publish/publish-request.ts';
import type { PodIdentity } from '../../src/shared/access/permission.ts';

/** A call that nobody cancels. */
export const call: PublishSlot = {
  owner: { namespace: 'ci', podUid: 'uid-of-build-1' },
  signal: new AbortController().signal,
  releaseWhile: (wait) => wait(),
};

export const pod: PodIdentity = {
  namespace: 'ci',
  name: 'build-image-pod',
  uid: '0f5d0c9e-7c1a-4d8e-9a53-3a1c2b4d5e6f',
  serviceAccountName: 'builder',
};

/** A connector `namespace/name` as a source gives it. */
export function connectorOf(path: string, proxyAddress?: ProxyAddress, more: Connector['object'] = {}): Connector {
  const [namespace = '', name = ''] = path.split('/');
  return {
    ref: { namespace, name },
    className: 'class',
    ...(proxyAddress === undefined ? {} : { proxyAddress }),
    object: { metadata: { namespace, name }, ...more },
  };
}

export function classOf(name: string, more: Partial<ConnectorClass> = {}): ConnectorClass {
  return { name, proxy: { hasRef: false }, configurations: [], object: { metadata: { name } }, ...more };
}

/** Its connectors mount without proxy files. */
export function classWithoutProxy(name: string, more: Partial<ConnectorClass> = {}): ConnectorClass {
  return { name, configurations: [], object: { metadata: { name } }, ...more };
}

export function configurationOf(
  name: string,
  files: Readonly<Record<string, string>>,
  params: Configuration['params'] = [],
): Configuration {
  return { name, files: new Map(Object.entries(files)), params };
}

/** A connector with its own proxy address, of a class of its own unless one is given. */
export function resolvedOf(path: string, url: string, connectorClass = classOf('class')): ResolvedConnector {
  return { connector: connectorOf(path, { url }), connectorClass };
}

/** What a call of the kubelet for a volume of `pod` is read into. */
export function publishRequestOf(targetPath: string): PublishRequest {
  const attributes = { connectors: [], includedConfigurations: [], excludedFiles: [], configurationParams: '{}' };
  return {
    volumeId: 'csi-1',
    targetPath,
    digest: 'digest',
    pod,
    attributes,
    passedTokens: {},
    mountOptions: {},
    memoryBytes: 0,
  };
}

/** A token with these claims, and a signature that nobody checks. */
export function tokenOf(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`;
}

/** The claims of a token of `pod`; times in seconds since the epoch. */
export function claimsOf(issuedAt: number, lifetime: number): Readonly<Record<string, unknown>> {
  return {
    iat: issuedAt,
    exp: issuedAt + lifetime,
    'kubernetes.io': {
      namespace: pod.namespace,
      pod: { name: pod.name, uid: pod.uid },
      serviceaccount: { name: pod.serviceAccountName },
    },
  };
}

/** What the kubelet passes for one audience. */
export function passedTokensJson(token: string, audience = 'connectors-proxy'): Secret {
  return new Secret(JSON.stringify({ [audience]: { token, expirationTimestamp: '2030-01-01T00:00:00Z' } }));
}

export const neverAborted = new AbortController().signal;
