import { BlockList, isIP } from 'node:net';
import type { AddressRange } from './address-range.js';
import { addRange, parseRange, widthOf } from './address-range.js';
import type { Endpoint } from './endpoint-set.js';
import { EndpointSet } from './endpoint-set.js';

/** Ranges that are blocked by default: no tool is there, but services of the node or the cloud. */
const blockedRanges = [
  // Unspecified, loopback, link-local (so most metadata services), multicast and reserved.
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/128', '::1/128', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
  // Metadata services of Alibaba, Oracle and Azure, then by IPv6 those of AWS, Google and Oracle.
  ...['100.100.100.200/32', '192.0.0.192/32', '168.63.129.16/32'],
  ...['fd00:ec2::/32', 'fd20:ce::254/128', 'fd00:c1::a9fe:a9fe/128'],
  // Translation prefixes (RFC 8215, RFC 2765, RFC 4380) that embed an IPv4 address in a way that the proxy cannot
  // parse.
  ...['64:ff9b:1::/48', '::ffff:0:0:0/96', '2001::/32'],
];

export interface AddressRulesOptions {
  /** Ranges that are permitted although they are blocked by default. */
  readonly allowed: readonly AddressRange[];
  /** Addresses of the API server, blocked at every port unless `allowed` contains exactly that address. */
  readonly apiServer: readonly string[];
  /** Endpoints of the API server behind these, blocked in the same way. The same array until they change. */
  readonly apiServerEndpoints: () => readonly Endpoint[];
  /** Endpoints of the proxy itself, always blocked. The same array until they change. */
  readonly own: () => readonly Endpoint[];
}

/** Decides which addresses the proxy connects to. The rules apply to resolved addresses, never to names. */
export class AddressRules {
  readonly #blocked = new BlockList();
  readonly #allowed = new BlockList();
  /** Single addresses of `allowed`. */
  readonly #allowedAddresses = new BlockList();
  readonly #apiServer: readonly EndpointSet[];
  readonly #own: EndpointSet;

  constructor({ allowed, apiServer, apiServerEndpoints, own }: AddressRulesOptions) {
    this.#own = new EndpointSet(own);
    for (const range of blockedRanges) addRange(this.#blocked, parseRange(range));
    for (const range of allowed) {
      addRange(this.#allowed, range);
      if (range.prefix === widthOf(range.address)) addRange(this.#allowedAddresses, range);
    }
    const addresses = apiServer.map((address) => ({ address, port: undefined }));
    this.#apiServer = [new EndpointSet(() => addresses), new EndpointSet(apiServerEndpoints)];
  }

  /**
   * Reports whether an endpoint is the proxy itself.
   * @param address an IP address; the result is false for anything else.
   */
  isOwn(address: string, port: number): boolean {
    const family = isIP(address);
    return family !== 0 && !address.includes('%') && this.#own.has(address, family === 4 ? 'ipv4' : 'ipv6', port);
  }

  /**
   * Reports whether the proxy can connect to an endpoint.
   * @param address an IP address; the result is false for anything else.
   */
  isAllowed(address: string, port: number): boolean {
    const family = isIP(address);
    // An address with a zone is link-local.
    if (family === 0 || address.includes('%')) return false;
    const type = family === 4 ? 'ipv4' : 'ipv6';
    if (this.#own.has(address, type, port)) return false;
    if (this.#allowedAddresses.check(address, type)) return true;
    if (this.#apiServer.some((endpoints) => endpoints.has(address, type, port))) return false;
    return this.#allowed.check(address, type) || !this.#blocked.check(address, type);
  }
}
