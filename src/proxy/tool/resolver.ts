import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { BoundedMap } from '../../shared/limits/bounded-map.js';
import { ProxyError } from '../proxy-error.js';
import type { AddressRules } from './address-rules.js';
import { proxyLimits } from '../limits.js';

/** Resolves a name with the system's resolver, as `dns.lookup` does with `all`. */
export type DnsLookup = (host: string) => Promise<readonly LookupAddress[]>;

const keptForMs = proxyLimits.lookups.ttlMs;
const maxNames = proxyLimits.lookups.hosts;
const staleForMs = proxyLimits.lookups.staleMs;

/** Limits concurrent lookups, with fair queueing by namespace. */
export interface DnsLookupLimiter {
  /**
   * @returns a function that releases the slot.
   * @throws if no slot is free in time.
   */
  acquire(owner: { readonly namespace: string; readonly podUid: string }, deadline: AbortSignal): Promise<() => void>;
}

/** The client or Connector that chose a name. Queueing is fair by namespace, then by holder. */
export interface LookupOwner {
  readonly chosenBy: 'client' | 'connector';
  /** Namespace of the client or the Connector. */
  readonly namespace: string;
  /** The uid of the client's pod, or the name of the Connector. */
  readonly holder: string;
}

/** Returns the owner for the host of a Connector, for all its clients. */
export function ownerOfHost({ namespace, name }: { readonly namespace: string; readonly name: string }): LookupOwner {
  return { chosenBy: 'connector', namespace, holder: name };
}

export interface ResolverOptions {
  readonly rules: AddressRules;
  /** Reports whether a host in lower case is a name of the proxy itself. */
  readonly isOwnName: (host: string) => boolean;
  readonly lookUp: DnsLookup;
  /** Separate limiters, so that clients of many namespaces leave capacity to Connectors. */
  readonly limiters: Readonly<Record<LookupOwner['chosenBy'], DnsLookupLimiter>>;
  /** Longest wait for a slot. */
  readonly slotWaitMs: number;
  readonly monotonicNow: () => number;
}

interface Lookup {
  readonly addresses: Promise<readonly LookupAddress[]>;
  readonly startedMs: number;
  isOver: boolean;
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
  readonly #lookups = new BoundedMap<Lookup>(maxNames);
  /** Lookups that wait for a slot, by owner and host. */
  readonly #waiting = new Map<string, Promise<Lookup>>();
  /** Last results, the newest at the end. */
  readonly #cache = new BoundedMap<CachedAddresses>(maxNames);

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /**
   * Returns the addresses of a host that the proxy can connect to at a port.
   * @throws {ProxyError} 403 if there are none; 508 if they are the proxy's own; 503 if no slot is free in time.
   * @throws the error of the lookup.
   */
  async addressesOf(host: string, port: number, owner: LookupOwner): Promise<readonly LookupAddress[]> {
    this.ensureNotBlocked(host, port);
    if (isIP(host) !== 0) return [{ address: host, family: isIP(host) }];
    const found = await this.#resolveOrStale(host, owner);
    const { rules } = this.#options;
    const allowed = found.filter(({ address }) => rules.isAllowed(address, port));
    if (allowed.length > 0) return allowed;
    if (found.some(({ address }) => rules.isOwn(address, port))) throw looping(host);
    throw blocked(host, `it resolves to ${found.map(({ address }) => address).join(', ')}`);
  }

  /** Reports whether a host is the proxy itself, as far as that is known without a lookup. */
  isOwn(host: string, port: number): boolean {
    return this.#options.isOwnName(host) || this.#options.rules.isOwn(host, port);
  }

  /**
   * Checks a host before connecting: sockets do not look up IP addresses.
   * @throws {ProxyError} 403 for a blocked address; 508 for the proxy itself.
   */
  ensureNotBlocked(host: string, port: number): void {
    if (this.isOwn(host, port)) throw looping(host);
    if (isIP(host) !== 0 && !this.#options.rules.isAllowed(host, port)) throw blocked(host, 'it is such an address');
  }

  /** Returns a `lookup` function for `net.connect` and the like. It fails as `addressesOf`. */
  lookupFor(owner: LookupOwner, port: number): LookupFunction {
    return (host, options, callback) => deliver(this.addressesOf(host, port, owner), options, callback);
  }

  /** Returns the current addresses, or stale ones if the lookup or the wait for a slot takes long (RFC 8767). */
  async #resolveOrStale(host: string, owner: LookupOwner): Promise<readonly LookupAddress[]> {
    const nowMs = this.#options.monotonicNow();
    const current = this.#current(host);
    const addresses = current?.addresses ?? this.#lookUpShared(host, owner);
    const cached = this.#cache.get(host);
    if (cached === undefined || nowMs - cached.resolvedMs > staleForMs) return addresses;
    let timer: NodeJS.Timeout | undefined;
    const stale = new Promise<readonly LookupAddress[]>((resolve) => {
      const endsMs = (current?.startedMs ?? nowMs) + proxyLimits.lookups.slowMs;
      timer = setTimeout(() => resolve(cached.addresses), Math.max(0, endsMs - nowMs));
    });
    const newest = addresses.catch((error: unknown) => {
      if (error instanceof ProxyError) return cached.addresses;
      throw error;
    });
    return Promise.race([newest, stale]).finally(() => clearTimeout(timer));
  }

  /** Waits for a slot once for all lookups of an owner for one name. The first one's deadline applies. */
  async #lookUpShared(host: string, owner: LookupOwner): Promise<readonly LookupAddress[]> {
    const key = JSON.stringify([owner, host]);
    let lookup = this.#waiting.get(key);
    if (lookup === undefined) {
      lookup = this.#lookUpLimited(host, owner).finally(() => this.#waiting.delete(key));
      this.#waiting.set(key, lookup);
    }
    return (await lookup).addresses;
  }

  async #lookUpLimited(host: string, { chosenBy, namespace, holder }: LookupOwner): Promise<Lookup> {
    const { limiters, slotWaitMs } = this.#options;
    const deadline = AbortSignal.timeout(slotWaitMs);
    const release = await limiters[chosenBy]
      .acquire({ namespace, podUid: holder }, deadline)
      .catch((cause: unknown) => {
        const whose = chosenBy === 'client' ? 'clients' : 'Connectors';
        const message = `too many names are being looked up for ${whose} of namespace "${namespace}", and ${host} was not: try again in some seconds`;
        throw new ProxyError(503, 'overload', message, { cause });
      });
    const current = this.#current(host);
    if (current !== undefined) {
      release();
      return current;
    }
    const lookup = this.#startLookup(host);
    // The lookup occupies a thread until it ends, even if its caller has left.
    lookup.addresses.then(release, release);
    return lookup;
  }

  /** Returns a lookup that is in flight or has just ended. */
  #current(host: string): Lookup | undefined {
    const lookup = this.#lookups.get(host);
    return lookup !== undefined && (!lookup.isOver || this.#options.monotonicNow() - lookup.startedMs < keptForMs)
      ? lookup
      : undefined;
  }

  #startLookup(host: string): Lookup {
    const { lookUp, monotonicNow } = this.#options;
    const lookup: Lookup = { addresses: lookUp(host), startedMs: monotonicNow(), isOver: false };
    this.#lookups.set(host, lookup);
    lookup.addresses.then(
      (addresses) => {
        lookup.isOver = true;
        this.#cache.set(host, { addresses, resolvedMs: monotonicNow() });
      },
      () => {
        if (this.#lookups.get(host) === lookup) this.#lookups.delete(host);
      },
    );
    return lookup;
  }
}

function deliver(
  found: Promise<readonly LookupAddress[]>,
  options: Parameters<LookupFunction>[1],
  callback: Parameters<LookupFunction>[2],
): void {
  found.then(
    (addresses) => {
      const ofFamily = addresses.filter(({ family }) => !options.family || family === options.family);
      const [first] = ofFamily;
      if (first === undefined) callback(new Error(`no address of family ${String(options.family)}`), '', 0);
      else if (options.all === true) callback(null, [...ofFamily]);
      else callback(null, first.address, first.family);
    },
    (error: unknown) => callback(error instanceof Error ? error : new Error('the lookup failed'), '', 0),
  );
}

function blocked(host: string, why: string): ProxyError {
  return new ProxyError(
    403,
    'blocked_address',
    `${host} is blocked: the proxy does not connect to loopback, link-local, unspecified or multicast addresses nor to the API server, and ${why}; an operator can open an address with --allow-upstream-cidrs`,
  );
}

function looping(host: string): ProxyError {
  return new ProxyError(
    508,
    'loop',
    `${host} is this proxy itself: set the address of the Connector to that of the tool; clients reach the proxy without a proxy (no_proxy)`,
  );
}
