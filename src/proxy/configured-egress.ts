import type { ProxyConfig } from './config.ts';
import { parseDirectHosts } from './tool/direct-hosts.ts';
import type { DirectHosts } from './tool/direct-hosts.ts';
import { EgressProxy } from './tool/egress-proxy.ts';
import type { TrustStoreCache } from './tool/trust.ts';

/** Limit of DNS, TCP and TLS of a connection to a tool. */
export const connectMs = 10_000;

/**
 * Returns the egress proxy; undefined if there is none. Loopback addresses, the API server and names of the cluster are
 * direct: the egress proxy cannot know them.
 */
export function egressProxyOf(
  config: Pick<ProxyConfig, 'egress-proxy' | 'no-egress-proxy' | 'egress-proxy-files' | 'cluster-domain'>,
  trustStores: TrustStoreCache,
  isApiServer: (host: string) => boolean,
): EgressProxy | undefined {
  const { 'egress-proxy': origin, 'no-egress-proxy': listed, 'egress-proxy-files': directory } = config;
  const isNear = parseDirectHosts('localhost,127.0.0.0/8,::1,svc');
  const isDirect: DirectHosts = (host, port) =>
    isNear(host, port) ||
    host.endsWith(`.${config['cluster-domain']}`) ||
    isApiServer(host) ||
    listed?.(host, port) === true;
  return origin && new EgressProxy({ origin, isDirect, directory, trustStores });
}
