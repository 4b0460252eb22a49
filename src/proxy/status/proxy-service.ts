import type { ConnectorClass, ConnectorRef } from '../../connectors/model.js';
import { jsonMember } from '../../json.js';

/** As in `deploy/proxy` and `deploy/classes`. */
export const defaultServiceName = 'connectors-proxy-service';

/** The Service in front of the proxy, by which classes refer to it and pods reach it. */
export interface ProxyService {
  readonly name: string;
  readonly namespace: string;
  /** `cluster.local` nearly everywhere. */
  readonly clusterDomain: string;
}

/** Whether `spec.proxy.ref` of the class names the Service. */
export function isFrontedBy({ object }: ConnectorClass, { name, namespace }: ProxyService): boolean {
  const ref = jsonMember(jsonMember(object['spec'], 'proxy'), 'ref');
  const kind = jsonMember(ref, 'kind') ?? 'Service';
  return kind === 'Service' && jsonMember(ref, 'name') === name && jsonMember(ref, 'namespace') === namespace;
}

/** The names that the Service has in its own namespace, the whole one first. */
export function serviceNames({ name, namespace, clusterDomain }: ProxyService): readonly [string, ...string[]] {
  const inNamespace = `${name}.${namespace}`;
  return [`${inNamespace}.svc.${clusterDomain}`.toLowerCase(), `${inNamespace}.svc`, inNamespace, name];
}

/** Where pods reach the proxy; port 80, as deploy/proxy has it. */
export function classUrl({ name, namespace, clusterDomain }: ProxyService): string {
  return `http://${name}.${namespace}.svc.${clusterDomain}`;
}

/** With the path of the way in without a forward proxy. */
export function connectorUrl(service: ProxyService, { namespace, name }: ConnectorRef): string {
  return `${classUrl(service)}/namespaces/${namespace}/connectors/${name}`;
}
