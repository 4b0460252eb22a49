import type { ConnectorAuthorizer } from '../auth/connector-authorizer.ts';
import type { ConnectorLookup } from '../connectors/connector-informer.ts';
import type { ConnectorMatch } from '../connectors/connector-match.ts';
import { mainAddressOf } from '../connectors/tool-address.ts';
import type { UpstreamTrust } from '../credentials/upstream-trust.ts';
import { ProxyError, misconfigured } from '../proxy-error.ts';
import type { Outgoing } from '../tool/tool-exchange.ts';
import { ownerOfConnector } from '../tool/resolver.ts';
import { noCredential } from '../tool/tool-credential.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import type { TrustStoreCache } from '../tool/trust.ts';
import type { Via } from '../tool/via.ts';
import { ownerOf } from './authenticated-client.ts';
import type { ClientWithConnectors } from './authenticated-client.ts';
import type { ConnectorRef } from '../../shared/connectors/model.ts';
import { objectKey } from '../../shared/names.ts';

export interface UnmatchedHostsOptions {
  readonly authorizer: Pick<ConnectorAuthorizer, 'authorizeAny'>;
  readonly connectors: ConnectorLookup;
  readonly trust: Pick<UpstreamTrust, 'of'>;
  readonly trustStores: TrustStoreCache;
  /** Whether hosts that belong to no named connector get a passthrough tunnel or are denied. */
  readonly unmatchedHosts: 'tunnel' | 'deny';
  readonly via: Via;
}

/**
 * Permits a host that belongs to no named connector.
 * @throws {ProxyError} if the client can use none of the connectors that it named, or such hosts are denied.
 */
export async function ensureUnmatchedAllowed(
  { authorizer, connectors: lookup, unmatchedHosts }: UnmatchedHostsOptions,
  { client, connectors }: ClientWithConnectors,
  { host }: ToolOrigin,
  signal: AbortSignal,
): Promise<void> {
  const allowed = await authorizer.authorizeAny(client, connectors, signal);
  // A connector that cannot be read, or has too many addresses, can be the one for this host.
  const found = await Promise.all(allowed.map(async (ref) => lookup.find(ref, signal)));
  if (found.every((each) => each === undefined)) throw missing(allowed);
  for (const each of found) {
    if (each === undefined) continue;
    const main = mainAddressOf(each.connector);
    if ('reason' in main && main.reason === 'TooManyAddresses') throw misconfigured(each.connector.ref, main.message);
  }
  if (unmatchedHosts === 'tunnel') return;
  const message = `no connector for ${host}: it belongs to none of ${connectors.map(objectKey).join(', ')}, and the proxy connects to no other hosts (--unmatched-hosts)`;
  throw new ProxyError(403, 'blocked_address', message);
}

/**
 * Returns the request to a permitted host, without a credential.
 * @param match a connector at the host with other paths. Inside an intercepted tunnel, the scheme is that of the connector.
 */
export async function withoutCredential(
  { trust: trusted, trustStores, via }: UnmatchedHostsOptions,
  { client }: ClientWithConnectors,
  named: ToolOrigin,
  path: string,
  match: ConnectorMatch | undefined,
  signal: AbortSignal,
): Promise<Outgoing> {
  const { scheme, host, port }: ToolOrigin = match?.address ?? named;
  const trustOf = async (): Promise<Outgoing['trust']> =>
    match === undefined ? trustStores.getOrCreate([]) : trusted.of(match.connector, signal);
  return {
    origin: { scheme, host, port },
    path,
    trust: scheme === 'http' ? undefined : await trustOf(),
    credential: noCredential,
    owner: match === undefined ? ownerOf(client) : ownerOfConnector(match.connector.ref),
    via: via.headers,
  };
}

/** Returns the error for connectors that do not exist. */
export function missing(refs: readonly ConnectorRef[]): ProxyError {
  return new ProxyError(502, 'misconfigured', `connector ${refs.map(objectKey).join(', ')} does not exist`);
}

/** @param problem see `pathProblem`. */
export function ambiguousPath(problem: string): ProxyError {
  return new ProxyError(400, 'malformed', `the path may lead out of the connector, since ${problem}`);
}
