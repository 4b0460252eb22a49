import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { sleep } from '../abortable.js';
import type { ProxyService } from './status/proxy-service.js';
import { serviceNames } from './status/proxy-service.js';
import { addRange, parseRange } from './upstream/address-range.js';
import type { Endpoint } from './upstream/endpoint-set.js';
import type { DnsLookup } from './upstream/resolver.js';

export interface ListeningPort {
  /** Undefined: all addresses of the machine. */
  readonly host: string | undefined;
  readonly port: number;
}

export interface OwnEndpointsOptions {
  readonly service: ProxyService;
  /** How the addresses of the Service are found; undefined where there is no cluster. */
  readonly lookUp: DnsLookup | undefined;
}

const lookUpEveryMs = 30_000;

const loopback = new BlockList();
for (const range of ['127.0.0.0/8', '::1/128']) addRange(loopback, parseRange(range));

/**
 * Where this proxy can be reached: its Service at every port, and its own addresses at the ports that it listens on. It
 * connects to none of them. A Connector that points there would have one request come back until connections run out.
 */
export class OwnEndpoints {
  readonly #names: ReadonlySet<string>;
  readonly #lookUp: (() => ReturnType<DnsLookup>) | undefined;
  #ofProcess: readonly Endpoint[] = [];
  #ofService: readonly string[] = [];
  #endpoints: readonly Endpoint[] = [];
  readonly #stopping = new AbortController();

  constructor({ service, lookUp }: OwnEndpointsOptions) {
    const names = serviceNames(service);
    this.#names = new Set(names);
    const [whole] = names;
    this.#lookUp = lookUp && (() => lookUp(whole));
  }

  /** @param ports that the proxy listens on by now. */
  start(ports: readonly ListeningPort[]): void {
    this.#ofProcess = ports.flatMap(({ host, port }) => addressesOf(host).map((address) => ({ address, port })));
    this.#update();
    if (this.#lookUp !== undefined) void this.#follow(this.#lookUp, this.#stopping.signal);
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** The same array as long as nothing has changed. */
  current(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Whether a host, in lower case, is the Service by name. */
  isOwnName(host: string): boolean {
    return this.#names.has(host);
  }

  /** Looks the Service up again and again: one that is made anew has another address. */
  async #follow(lookUp: () => ReturnType<DnsLookup>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#refresh(lookUp);
      await sleep(lookUpEveryMs, signal).catch(() => undefined);
    }
  }

  async #refresh(lookUp: () => ReturnType<DnsLookup>): Promise<void> {
    // Its name is refused anyway; until the addresses are known again, the last ones are.
    const found = await lookUp().catch(() => undefined);
    if (found === undefined) return;
    // No Service is at a loopback address. A hosts file may say so where tools are there too.
    const addresses = found.filter(({ address, family }) => !loopback.check(address, family === 6 ? 'ipv6' : 'ipv4'));
    const ofService = addresses.map(({ address }) => address).sort();
    if (ofService.join() === this.#ofService.join()) return;
    this.#ofService = ofService;
    this.#update();
  }

  #update(): void {
    this.#endpoints = [...this.#ofProcess, ...this.#ofService.map((address) => ({ address, port: undefined }))];
  }
}

function addressesOf(host: string | undefined): readonly string[] {
  const isOne = host !== undefined && isIP(host) !== 0 && host !== '0.0.0.0' && host !== '::';
  if (isOne) return [host];
  return Object.values(networkInterfaces()).flatMap((found = []) => found.map(({ address }) => address));
}
