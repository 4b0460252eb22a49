import { limits } from '../load/limits.js';
import { lookupTurns } from './lookup-turns.js';
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
    turns: { client: lookupTurns('client'), connector: lookupTurns('connector') },
    turnMs: limits.lookups.turnMs,
    steadyNow,
  });
}
