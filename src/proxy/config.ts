import { isIP } from 'node:net';
import { dns1123SubdomainProblem } from '../shared/names.ts';
import {
  UsageError,
  goDuration,
  flag,
  heapBytes,
  httpAddress,
  oneOf,
  optionalPath,
  parseFlags,
  positiveInteger,
  text,
  toggle,
} from '../shared/process/flags.ts';
import type { FlagValues } from '../shared/process/flags.ts';
import { limits } from '../shared/limits/defaults.ts';
import { proxyLimits } from './limits.ts';
import { commonFlags } from '../shared/process/common-flags.ts';
import type { AddressRange } from './tool/address-rules.ts';
import { parseRange } from './tool/address-rules.ts';
import { parseAuthority } from './connectors/tool-address.ts';
import { parseDirectHosts } from './tool/direct-hosts.ts';
import type { DirectHosts } from './tool/direct-hosts.ts';
import type { ToolOrigin } from './tool/tool-origin.ts';
import { defaultServiceName } from './status/proxy-service.ts';
import type { ProxyService } from './status/proxy-service.ts';

/** Flags of `proxy` with their defaults. A test compares them with the table in docs/configuration.md. */
export const proxyFlags = {
  'proxy-address': flag(':8080', 'ADDRESS', 'address for clients: HOST:PORT or :PORT', listenAddress),
  'tls-address': flag('', 'ADDRESS', 'address for clients that use TLS to the proxy; empty: none', httpAddress),
  'tls-names': flag('', 'LIST', 'further DNS names and IP addresses of the certificate', hostNames),
  advertise: flag(
    'http',
    'SCHEME',
    'scheme of the address in statuses and volumes: http or https',
    oneOf<'http' | 'https'>(['http', 'https']),
  ),
  'http-address': commonFlags['http-address'],
  kubeconfig: commonFlags.kubeconfig,
  namespace: flag(
    'connectors-system',
    'NAME',
    'namespace of the proxy, its CA and ConfigMap connectors-config',
    text,
    'POD_NAMESPACE',
  ),
  'token-audience': flag('connectors-proxy', 'AUDIENCE', 'audience that tokens must have', text),
  'unmatched-hosts': flag(
    'tunnel',
    'WHAT',
    'hosts that match no named connector: tunnel or deny',
    oneOf<'tunnel' | 'deny'>(['tunnel', 'deny']),
  ),
  'allow-upstream-cidrs': flag('', 'LIST', 'CIDRs that are not blocked, separated by commas', ranges),
  'egress-proxy': flag('', 'URL', 'HTTP proxy for connections to tools; empty: none', egressOrigin),
  'no-egress-proxy': flag('', 'LIST', 'hosts that are connected to directly, as in NO_PROXY', directHosts),
  'egress-proxy-files': flag(
    '',
    'DIR',
    'username, password and ca.crt for the egress proxy, each optional; a mounted Secret',
    optionalPath,
  ),
  'max-connections': flag(String(limits.connections.total), 'N', 'limit of connections of clients', positiveInteger),
  'max-requests-in-flight': flag(
    String(proxyLimits.requestsInFlight.total),
    'N',
    'limit of requests in flight, tunnels and upgraded connections included',
    positiveInteger,
  ),
  'max-tool-connections': flag(
    String(proxyLimits.toolSockets.total),
    'N',
    'limit of connections to tools',
    positiveInteger,
  ),
  'max-object-memory': flag(
    '128Mi',
    'SIZE',
    'estimated memory of cached connectors and classes; more are rejected',
    heapBytes,
  ),
  'response-header-timeout': flag(
    '5m',
    'DURATION',
    "timeout from the end of a request to the headers of the tool's response",
    goDuration,
  ),
  'idle-timeout': flag(
    '5m',
    'DURATION',
    'timeout of transfers and tunnels without a byte in either direction',
    goDuration,
  ),
  'shutdown-delay': flag(
    '5s',
    'DURATION',
    'time to serve while not ready, until the Service removes the pod',
    goDuration,
  ),
  'drain-timeout': flag('5m', 'DURATION', 'time for requests in flight when the proxy stops', goDuration),
  service: flag(
    defaultServiceName,
    'NAME',
    'Service of the proxy that classes name; also the name of the Lease of the replica that writes status',
    text,
  ),
  'cluster-domain': flag(
    'cluster.local',
    'DOMAIN',
    'domain of the names of Services, in the addresses of the proxy that pods get',
    text,
  ),
  'write-status': toggle('write the address of the proxy and conditions into Connectors and classes', true),
  'publish-ca-config-map': toggle(
    'publish the CA as ConfigMap connectors-proxy-ca; needs --write-status and permissions',
  ),
  'log-level': commonFlags['log-level'],
} as const;

export type ProxyConfig = FlagValues<typeof proxyFlags>;

/**
 * Parses the arguments of `proxy`.
 * @throws {UsageError} that names the flag and its allowed values.
 */
export function parseProxyConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ProxyConfig {
  const config = parseFlags(proxyFlags, args, env);
  if (config.advertise === 'https' && config['tls-address'] === undefined) {
    throw new UsageError('--advertise https needs --tls-address, such as :8443');
  }
  if (config['tls-names'].length > 0 && config['tls-address'] === undefined) {
    throw new UsageError('--tls-names needs --tls-address, such as :8443');
  }
  const { 'egress-proxy': egress, 'no-egress-proxy': direct, 'egress-proxy-files': files } = config;
  if (egress === undefined && (direct !== undefined || files !== undefined)) {
    throw new UsageError('--no-egress-proxy and --egress-proxy-files need --egress-proxy URL');
  }
  if (config['publish-ca-config-map'] && !config['write-status']) {
    throw new UsageError('--publish-ca-config-map needs --write-status');
  }
  return config;
}

/** Returns the Service of the proxy and the scheme of its address. */
export function serviceOf(config: ProxyConfig): ProxyService {
  const { service: name, namespace, 'cluster-domain': clusterDomain, advertise: scheme } = config;
  return { name, namespace, clusterDomain, scheme };
}

function listenAddress(written: string): NonNullable<ReturnType<typeof httpAddress>> {
  const address = httpAddress(written);
  if (address === undefined) throw new UsageError('must be HOST:PORT, [IPV6]:PORT or :PORT');
  return address;
}

/** Names of a certificate: neither a URL nor a port belongs to them. */
function hostNames(written: string): readonly string[] {
  const names = written.split(',').map((name) => name.trim().toLowerCase());
  const given = names.filter((name) => name !== '');
  const wrong = given.find((name) => isIP(name) === 0 && dns1123SubdomainProblem(name) !== undefined);
  if (wrong !== undefined) throw new UsageError(`has "${wrong}", which is no DNS name and no IP address`);
  return given;
}

function egressOrigin(written: string): ToolOrigin | undefined {
  if (written === '') return undefined;
  const [, scheme = '', authority = ''] = /^(https?):\/\/([^/]+:\d+)\/?$/i.exec(written) ?? [];
  if (authority.includes('@')) {
    const message = 'has a user: put user and password into files (--egress-proxy-files), since flags are not secret';
    throw new UsageError(message);
  }
  const origin = parseAuthority(authority, 0);
  if (origin === undefined) throw new UsageError('must be http://HOST:PORT or https://HOST:PORT');
  return { scheme: scheme.toLowerCase() === 'https' ? 'https' : 'http', ...origin };
}

function directHosts(written: string): DirectHosts | undefined {
  return written === '' ? undefined : orUsageError(() => parseDirectHosts(written));
}

function ranges(written: string): readonly AddressRange[] {
  const items = written.split(',').map((item) => item.trim());
  return orUsageError(() => items.filter((item) => item !== '').map(parseRange));
}

function orUsageError<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  }
}
