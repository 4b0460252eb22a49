import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { neverAborted, withTimeout } from '../../shared/abortable.ts';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import type { FairSemaphore } from '../../shared/limits/fair-semaphore.ts';
import { SingleFlight } from '../../shared/limits/single-flight.ts';
import { ProxyError } from '../proxy-error.ts';
import type { AddressRules } from './address-rules.ts';
import { proxyLimits } from '../limits.ts';

/** Resolves a name with the system's resolver, as `dns.lookup` does with `all`. */
export type DnsLookup = (host: string) => Promise<readonly LookupAddress[]>;

/**
 * The client or Connector that chose the host of a tool. Its lookups, connections and CPU time count for it. Queues are fair
 * by namespace, then by holder.
 */
export interface ToolOwner {
  readonly chosenBy: 'client' | 'connector';
  /** Namespace of the client or the Connector. */
  readonly namespace: string;
  /** The uid of the client's pod, or the name of the Connector. */
  readonly holder: string;
}

/** Returns the owner for the host of a Connector, for all its clients. */
export function ownerOfConnector(ref: { readonly namespace: string; readonly name: string }): ToolOwner {
  return { chosenBy: 'connector', namespace: ref.namespace, holder: ref.name };
}

interface ResolverOptions {
  readonly rules: AddressRules;
  /** Reports whether a host in lower case is a name of the proxy itself. */
  readonly isSelfName: (host: string) => boolean;
  readonly lookUp: DnsLookup;
  /** Separate limiters, so that clients of many namespaces leave capacity to Connectors. */
  readonly limiters: Readonly<Record<ToolOwner['chosenBy'], FairSemaphore>>;
  /** Longest wait for a slot. */
  readonly slotWaitMs: number;
  readonly monotonicNow: () => number;
}

interface CachedAddresses {
  readonly addresses: readonly LookupAddress[];
  readonly resolvedMs: number;
}

/**
 * Resolves names and checks the addresses. Sockets resolve through it, so the checked address is the one that is
 * connected to. A second lookup could return another address (DNS rebinding).
 */
export class Resolver {
  readonly #options: ResolverOptions;
  readonly #cache = new BoundedMap<CachedAddresses>(proxyLimits.lookups.hosts);
  /** By owner and host. */
  readonly #lookups = new SingleFlight<readonly LookupAddress[]>();

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /**
   * Returns the addresses of a host that the proxy can connect to at a port.
   * @throws {ProxyError} 403 if there are none; 508 if they are the proxy's own; 503 if no slot is free in time.
   * @throws the error of the lookup.
   */
  async addressesOf(host: string, port: number, owner: ToolOwner): Promise<readonly LookupAddress[]> {
    this.ensureNotBlocked(host, port);
    if (isIP(host) !== 0) return [{ address: host, family: isIP(host) }];
    const found = await this.#resolve(host, owner);
    const { rules } = this.#options;
    const isAllowed = rules.allowedAt(port);
    const allowed = found.filter(({ address }) => isAllowed(address));
    if (allowed.length > 0) return allowed;
    const isSelf = rules.selfAt(port);
    if (found.some(({ address }) => isSelf(address))) throw looping(host);
    throw blocked(host, `it resolves to ${found.map(({ address }) => address).join(', ')}`);
  }

  /** Reports whether a host is the proxy itself, as far as that is known without a lookup. */
  isSelf(host: string, port: number): boolean {
    const { isSelfName, rules } = this.#options;
    return isSelfName(host) || (isIP(host) !== 0 && rules.selfAt(port)(host));
  }

  /**
   * Checks a host before connecting: sockets do not look up IP addresses.
   * @throws {ProxyError} 403 for a blocked address; 508 for the proxy itself.
   */
  ensureNotBlocked(host: string, port: number): void {
    const { rules, isSelfName } = this.#options;
    if (isIP(host) === 0 ? !isSelfName(host) : rules.allowedAt(port)(host)) return;
    throw this.isSelf(host, port) ? looping(host) : blocked(host, 'it is such an address');
  }

  /** Returns a `lookup` function for `net.connect` and the like. It fails as `addressesOf`. */
  lookupFor(owner: ToolOwner, port: number): LookupFunction {
    return (host, _, callback) => deliver(this.addressesOf(host, port, owner), callback);
  }

  /** A `lookup` function for a host that the operator has chosen. Its addresses are not checked. */
  readonly uncheckedLookup: LookupFunction = (host, _, callback) =>
    deliver(this.#resolve(host, ownerOfConnector({ namespace: '', name: host })), callback);

  /**
   * Returns cached addresses, or waits for a slot and looks them up, once for all requests of an owner. It returns stale
   * addresses (RFC 8767) if that takes long or fails for now, and at once while lookups wait for slots.
   */
  async #resolve(host: string, owner: ToolOwner): Promise<readonly LookupAddress[]> {
    const { ttlMs, staleMs, slowMs } = proxyLimits.lookups;
    const current = this.#cached(host, ttlMs);
    if (current !== undefined) return current;
    const found = this.#lookups.run(JSON.stringify([owner, host]), neverAborted, () =>
      this.#lookUpLimited(host, owner),
    );
    const stale = this.#cached(host, staleMs);
    if (stale === undefined) return found;
    const orStale = found.catch((error: unknown) => {
      if (error instanceof ProxyError || (error as NodeJS.ErrnoException).code === 'EAI_AGAIN') return stale;
      throw error;
    });
    const areQueued = this.#options.limiters[owner.chosenBy].waiting > 0;
    return (await withTimeout(orStale, areQueued ? 0 : slowMs, neverAborted)) ?? stale;
  }

  async #lookUpLimited(host: string, { chosenBy, namespace, holder }: ToolOwner): Promise<readonly LookupAddress[]> {
    const { limiters, slotWaitMs, lookUp, monotonicNow } = this.#options;
    const deadline = AbortSignal.timeout(slotWaitMs);
    const release = await limiters[chosenBy]
      .acquire({ namespace, podUid: holder }, deadline)
      .catch((cause: unknown) => {
        const whose = chosenBy === 'client' ? 'clients' : 'Connectors';
        const message = `too many names are being looked up for ${whose} of namespace "${namespace}", and ${host} was not: try again in some seconds`;
        throw new ProxyError(503, 'overload', message, { cause });
      });
    try {
      const found = this.#cached(host, proxyLimits.lookups.ttlMs);
      if (found !== undefined) return found;
      const addresses = await lookUp(host);
      this.#cache.set(host, { addresses, resolvedMs: monotonicNow() }, namespace);
      return addresses;
    } finally {
      release();
    }
  }

  #cached(host: string, forMs: number): readonly LookupAddress[] | undefined {
    const cached = this.#cache.get(host);
    const isUsable = cached !== undefined && this.#options.monotonicNow() < cached.resolvedMs + forMs;
    return isUsable ? cached.addresses : undefined;
  }
}

/** Node asks for all addresses of any family. */
function deliver(found: Promise<readonly LookupAddress[]>, callback: Parameters<LookupFunction>[2]): void {
  found.then(
    (addresses) => callback(null, [...addresses]),
    (error: unknown) => callback(error instanceof Error ? error : new Error('the lookup failed'), []),
  );
}

function blocked(host: string, why: string): ProxyError {
  const message = `${host} is blocked: the proxy does not connect to loopback, link-local, unspecified or multicast addresses nor to the API server, and ${why}; an operator can open an address with --allow-upstream-cidrs`;
  return new ProxyError(403, 'blocked_address', message);
}

function looping(host: string): ProxyError {
  const message = `${host} is this proxy itself: set the address of the Connector to that of the tool; clients reach the proxy without a proxy (no_proxy)`;
  return new ProxyError(508, 'loop', message);
}
