import { lookup } from 'node:dns/promises';
import type { Clock } from '../shared/clock.ts';
import { CodedError } from '../shared/errors.ts';
import { FairSemaphore } from '../shared/limits/fair-semaphore.ts';
import type { ProxyBackend } from './backend.ts';
import type { ProxyConfig } from './config.ts';
import { connectMs, egressProxyOf } from './configured-egress.ts';
import { Generators } from './credentials/generator/generators.ts';
import { ToolCredentials } from './credentials/tool-credentials.ts';
import { UpstreamTrust } from './credentials/upstream-trust.ts';
import { proxyLimits } from './limits.ts';
import { SelfEndpoints } from './self-endpoints.ts';
import type { ProxyService } from './status/proxy-service.ts';
import type { ThreadShares } from './thread-shares.ts';
import { AddressRules } from './tool/address-rules.ts';
import { Resolver } from './tool/resolver.ts';
import type { ToolOwner, DnsLookup } from './tool/resolver.ts';
import { ToolClient } from './tool/tool-client.ts';
import type { ToolSockets } from './tool/tool-sockets.ts';
import { systemRoots, TrustStoreCache } from './tool/trust.ts';

export interface ToolAccessOptions {
  readonly config: ProxyConfig;
  readonly backend: Pick<ProxyBackend, 'secrets' | 'subjectTokens' | 'apiServerEndpoints'>;
  /** Addresses of the API server, which are blocked as tools. */
  readonly apiServer: readonly string[];
  readonly service: ProxyService;
  readonly sockets: ToolSockets;
  readonly threads: ThreadShares;
  /** Resolves names to addresses; by default with the system's resolver. */
  readonly lookUp?: DnsLookup;
  /** Limit of the time of requests for tokens, which tests shorten. */
  readonly issuerTimeoutMs?: number;
  readonly clock: Clock;
  /** A monotonic clock in milliseconds. */
  readonly monotonicNow: () => number;
}

/** Dependencies of requests to tools, by clients and by probes: addresses, connections, trust and credentials. */
export interface ToolAccess {
  /** Addresses of the proxy itself, which are blocked as tools. */
  readonly self: SelfEndpoints;
  readonly resolver: Resolver;
  readonly client: ToolClient;
  readonly trustStores: TrustStoreCache;
  readonly trust: UpstreamTrust;
  readonly credentials: ToolCredentials;
  readonly generators: Generators;
}

/** Creates them. The caller starts `self`. */
export function createToolAccess(options: ToolAccessOptions): ToolAccess {
  const { config, backend, apiServer, service, sockets, threads, clock, monotonicNow } = options;
  const { issuerTimeoutMs = proxyLimits.backChannel.timeoutMs } = options;
  const { secrets, subjectTokens } = backend;
  const lookUp = options.lookUp ?? ((host: string) => lookup(host, { all: true }));
  const self = new SelfEndpoints(service, lookUp);
  const resolver = new Resolver({
    rules: new AddressRules({
      allowed: config['allow-upstream-cidrs'],
      apiServer,
      apiServerEndpoints: () => backend.apiServerEndpoints(),
      self: () => self.current(),
    }),
    isSelfName: (host) => self.isSelfName(host),
    lookUp,
    limiters: { client: dnsLookupLimiter('client'), connector: dnsLookupLimiter('connector') },
    slotWaitMs: proxyLimits.lookups.longestWaitMs,
    monotonicNow,
  });
  const trustStores = new TrustStoreCache(systemRoots());
  const client = new ToolClient({
    ...{ resolver, sockets },
    egress: egressProxyOf(config, trustStores, (host) =>
      [...apiServer, ...backend.apiServerEndpoints().map(({ address }) => address)].includes(host),
    ),
    threads,
    connectMs,
  });
  const trust = new UpstreamTrust(secrets, trustStores, threads);
  const generators = new Generators(clock);
  const credentials = new ToolCredentials({
    ...{ secrets, subjectTokens, trust, client, generators, threads, clock, monotonicNow, issuerTimeoutMs },
  });
  return { self, resolver, client, trustStores, trust, credentials, generators };
}

/** Limits concurrent DNS lookups, separately for names that clients choose and for names in Connectors. */
function dnsLookupLimiter(chosenBy: ToolOwner['chosenBy']): FairSemaphore {
  const { [chosenBy]: bound, namespaceShare } = proxyLimits.lookups;
  return new FairSemaphore({
    permits: bound.inFlight,
    namespaceShare,
    queue: {
      length: bound.waiting,
      rejection: ({ namespace }, waiting) =>
        new CodedError('RESOURCE_EXHAUSTED', `${waiting} lookups for namespace "${namespace}" wait already`),
    },
  });
}
