/** Manifests for the proxy: everything in namespace `ci` unless said otherwise. */
import { annotated } from '../rules/rule-sets.ts';
import type { Annotations } from '../rules/rule-sets.ts';

/** The Service of a proxy, as the status controller gets it. */
export const statusService = {
  name: 'connectors-proxy-service',
  namespace: 'connectors-system',
  clusterDomain: 'cluster.local',
  scheme: 'http',
} as const;

/** The Service of the proxy as deployed, as classes name it. */
export const proxyService = { kind: 'Service', namespace: 'connectors-system', name: 'connectors-proxy-service' };

/** A template of a probe's header for Basic authentication. */
export const basicTemplate =
  '{{ with .Secret }}Basic {{ printf "%s:%s" .StringData.username .StringData.password | b64enc }}{{ end }}';

export interface ConnectorOptions {
  readonly namespace?: string;
  readonly secret?: string;
  readonly caSecret?: string;
  readonly auth?: string;
  readonly className?: string;
  readonly extensions?: readonly string[];
  /** Of rules, by their last word: `access`, `rules`, `rules-mode`. */
  readonly rules?: Annotations;
  /** Params, as the class declares them. */
  readonly params?: Readonly<Record<string, string>>;
}

export function connector(name: string, address: string, options: ConnectorOptions = {}): object {
  const { namespace = 'ci', secret, caSecret, auth, className = 'any', extensions = [], rules = {}, params } = options;
  return {
    apiVersion: 'connectors.alauda.io/v1alpha1',
    kind: 'Connector',
    metadata: { namespace, name, ...annotated(rules) },
    spec: {
      connectorClassName: className,
      address,
      ...(params && { params: Object.entries(params).map(([param, value]) => ({ name: param, value })) }),
      addressExtensions: extensions.map((value, at) => ({ name: `extension-${at}`, value })),
      ...(secret === undefined && auth === undefined
        ? {}
        : { auth: { ...(auth && { name: auth }), ...(secret && { secretRef: { name: secret } }) } }),
      ...(caSecret === undefined ? {} : { caCertSecretRef: { name: caSecret } }),
    },
  };
}

export function connectorClass(name = 'any', spec: object = {}, rules: Annotations = {}): object {
  const metadata = { name, ...annotated(rules) };
  return { apiVersion: 'connectors.alauda.io/v1alpha1', kind: 'ConnectorClass', metadata, spec };
}

export function secret(
  name: string,
  type: string,
  stringData: Readonly<Record<string, string>>,
  metadata: object = {},
): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'ci', name, ...metadata }, type, stringData };
}

/** A Role that allows what the rules say, bound to an account of the same namespace. */
export function grant(
  account: string,
  resourceNames: readonly string[],
  { verbs = ['get'], resources = ['connectors'], name = `use-${account}`, namespace = 'ci' } = {},
): readonly object[] {
  const rules = [{ apiGroups: ['connectors.alauda.io'], resources, resourceNames, verbs }];
  return [
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { namespace, name }, rules },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { namespace, name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace: 'ci' }],
    },
  ];
}

export function flags(values: Readonly<Record<string, string>>): object {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'connectors-system', name: 'connectors-config' },
    data: values,
  };
}
