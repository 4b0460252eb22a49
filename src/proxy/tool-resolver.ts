import { limits } from '../limits/defaults.js';
import { dnsLookupLimiter } from './dns-lookup-limiter.js';
import type { OwnEndpoints } from './own-endpoints.js';
import type { AddressRange } from './upstream/address-range.js';
import { AddressRules } from './upstream/address-rules.js';
import type { Endpoint } from './upstream/endpoint-set.js';
import type { SystemLookup } from './upstream/resolver.js';
import { Resolver } from './upstream/resolver.js';

export interface ToolResolverOptions {
  readonly allowed: readonly AddressRange[];
  readonly apiServer: readonly string[];
  readonly apiServerEndpoints: () => readonly Endpoint[];
  readonly own: OwnEndpoints;
  readonly lookUp: SystemLookup;
  /** A clock in milliseconds that is never set. */
  readonly steadyNow: () => number;
}

/** The way from the names of tools to the addresses that the proxy connects to. */
export function createToolResolver({ own, lookUp, steadyNow, ...addresses }: ToolResolverOptions): Resolver {
  return new Resolver({
    rules: new AddressRules({ ...addresses, own: () => own.current() }),
    isOwnName: (host) => own.isOwnName(host),
    lookUp,
    turns: { client: dnsLookupLimiter('client'), connector: dnsLookupLimiter('connector') },
    turnMs: limits.lookups.turnMs,
    steadyNow,
  });
}
