import type { LookupAddress } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { sleep } from '../shared/abortable.ts';
import type { ListenAddress } from '../shared/process/listen.ts';
import type { ProxyService } from './status/proxy-service.ts';
import { serviceNames } from './status/proxy-service.ts';
import { addRange, parseRange } from './tool/address-rules.ts';
import type { Endpoint } from './tool/address-rules.ts';
import type { DnsLookup } from './tool/resolver.ts';

const lookUpEveryMs = 30_000;

const loopback = new BlockList();
for (const range of ['127.0.0.0/8', '::1/128']) addRange(loopback, parseRange(range));

/**
 * Addresses of this proxy: its Service at every port, and the addresses of the machine at its listening ports. The
 * proxy connects to none of them. Otherwise a Connector that points to the proxy would make a request loop until
 * connections are exhausted.
 */
export class SelfEndpoints {
  readonly #names: ReadonlySet<string>;
  readonly #wholeName: string;
  readonly #lookUp: DnsLookup;
  #ofProcess: readonly Endpoint[] = [];
  #ofService: readonly string[] = [];
  readonly #stopping = new AbortController();

  constructor(service: ProxyService, lookUp: DnsLookup) {
    const names = serviceNames(service);
    this.#names = new Set(names);
    [this.#wholeName] = names;
    this.#lookUp = lookUp;
  }

  /** @param ports that the proxy listens on. */
  start(ports: readonly ListenAddress[]): void {
    this.#ofProcess = ports.flatMap(({ host, port }) => addressesOf(host).map((address) => ({ address, port })));
    void this.#follow(this.#stopping.signal);
  }

  stop(): void {
    this.#stopping.abort();
  }

  current(): readonly Endpoint[] {
    return [...this.#ofProcess, ...this.#ofService.map((address) => ({ address, port: undefined }))];
  }

  /** The addresses of the Service, sorted; empty until the first lookup. */
  get serviceAddresses(): readonly string[] {
    return this.#ofService;
  }

  /** Reports whether a host, in lower case, is a name of the Service. */
  isSelfName(host: string): boolean {
    return this.#names.has(host);
  }

  /** Looks up the Service periodically: a Service that is created again has another address. */
  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // If the lookup fails, the last addresses remain blocked. The Service's name is blocked in any case.
      const found = await this.#lookUp(this.#wholeName).catch(() => undefined);
      if (found !== undefined)
        this.#ofService = found
          .filter(isOfService)
          .map(({ address }) => address)
          .sort();
      await sleep(lookUpEveryMs, signal).catch(() => undefined);
    }
  }
}

/** No Service has a loopback address. A hosts file can map its name there, where tools can be too. */
function isOfService({ address, family }: LookupAddress): boolean {
  return !loopback.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

function addressesOf(host: string | undefined): readonly string[] {
  const isOne = host !== undefined && isIP(host) !== 0 && host !== '0.0.0.0' && host !== '::';
  if (isOne) return [host];
  return Object.values(networkInterfaces()).flatMap((found = []) => found.map(({ address }) => address));
}
