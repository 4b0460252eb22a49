import type { ConnectorClass, ConnectorRef } from '../../shared/connectors/model.ts';
import { jsonAt, jsonMember } from '../../shared/json.ts';

/** As in the chart and its classes. */
export const defaultServiceName = 'connectors-proxy-service';
const defaultNamespace = 'connectors-system';

/** The Service in front of the proxy. Classes refer to it, and pods connect to it. */
export interface ProxyService {
  readonly name: string;
  readonly namespace: string;
  /** Usually `cluster.local`. */
  readonly clusterDomain: string;
  /** Scheme of the address that pods get. */
  readonly scheme: 'http' | 'https';
}

/** Reports whether the chart's classes name the Service. A cluster has at most one such proxy. */
export function isDefault({ name, namespace }: ProxyService): boolean {
  return name === defaultServiceName && namespace === defaultNamespace;
}

/** Reports whether `spec.proxy.ref` of the class names the Service. */
export function isFrontedBy({ object }: Pick<ConnectorClass, 'object'>, { name, namespace }: ProxyService): boolean {
  const ref = jsonAt(object['spec'], 'proxy', 'ref');
  const kind = jsonMember(ref, 'kind') ?? 'Service';
  return kind === 'Service' && jsonMember(ref, 'name') === name && jsonMember(ref, 'namespace') === namespace;
}

/** Returns the names of the Service in its own namespace, the fully qualified one first. */
export function serviceNames({ name, namespace, clusterDomain }: ProxyService): readonly [string, ...string[]] {
  const inNamespace = `${name}.${namespace}`;
  return [`${inNamespace}.svc.${clusterDomain}`.toLowerCase(), `${inNamespace}.svc`, inNamespace, name];
}

/** Returns the URL of the proxy for pods, at the default port of its scheme as in the chart. */
export function classUrl({ name, namespace, clusterDomain, scheme }: ProxyService): string {
  return `${scheme}://${name}.${namespace}.svc.${clusterDomain}`;
}

/** Returns the URL of a Connector for reverse mode. */
export function connectorUrl(service: ProxyService, { namespace, name }: ConnectorRef): string {
  return `${classUrl(service)}/namespaces/${namespace}/connectors/${name}`;
}
