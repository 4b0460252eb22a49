import { BlockList, isIP } from 'node:net';

/** Addresses `address/prefix`. */
export interface AddressRange {
  readonly address: string;
  readonly prefix: number;
}

/**
 * What no tool is at, but something of the node's or the cloud's own: unspecified, loopback, link-local (so metadata
 * services), multicast and reserved; and the metadata services that are elsewhere (AWS over IPv6, Alibaba, Oracle).
 */
const refusedRanges = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '100.100.100.200/32',
  '192.0.0.192/32',
  '::/128',
  '::1/128',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
  'fd00:ec2::254/128',
];

/** Prefixes that carry an IPv4 address, so that it may not be reached by another spelling. */
const carriers: readonly ((hex: readonly [string, string]) => string)[] = [
  ([high, low]) => `::ffff:${high}:${low}`,
  ([high, low]) => `::${high}:${low}`,
  ([high, low]) => `64:ff9b::${high}:${low}`,
];

export interface AddressRulesOptions {
  /** Ranges that are opened although they are refused by default. */
  readonly allowed: readonly AddressRange[];
  /** The API server's own addresses: refused unless `allowed` has exactly that address. */
  readonly apiServer: readonly string[];
}

/** Which addresses the proxy connects to; applied to what a name resolves to, never to the name. */
export class AddressRules {
  readonly #refused = new BlockList();
  readonly #allowed = new BlockList();
  readonly #apiServer = new BlockList();

  constructor({ allowed, apiServer }: AddressRulesOptions) {
    for (const range of refusedRanges) addRange(this.#refused, parseRange(range));
    for (const range of allowed) addRange(this.#allowed, range);
    const isNamed = (address: string): boolean =>
      allowed.some((range) => range.address === address && range.prefix === widthOf(address));
    for (const address of apiServer) {
      if (!isNamed(address)) addRange(this.#apiServer, { address, prefix: widthOf(address) });
    }
  }

  /** @param address an IP address; anything else is refused. */
  isAllowed(address: string): boolean {
    const family = isIP(address);
    // With a zone it is link-local.
    if (family === 0 || address.includes('%')) return false;
    const type = family === 4 ? 'ipv4' : 'ipv6';
    if (this.#apiServer.check(address, type)) return false;
    return this.#allowed.check(address, type) || !this.#refused.check(address, type);
  }
}

/**
 * Reads `10.0.0.0/8`, `fd00::/8` or a single address.
 * @throws {RangeError}
 */
export function parseRange(text: string): AddressRange {
  const [, address = '', digits] = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  if (isIP(address) === 0) throw new RangeError(`"${text}" is no IP address or CIDR`);
  const prefix = digits === undefined ? widthOf(address) : Number(digits);
  if (prefix > widthOf(address)) throw new RangeError(`"${text}": the prefix is longer than the address`);
  return { address, prefix };
}

function widthOf(address: string): number {
  return isIP(address) === 4 ? 32 : 128;
}

function addRange(list: BlockList, { address, prefix }: AddressRange): void {
  if (isIP(address) === 6) {
    list.addSubnet(address, prefix, 'ipv6');
    return;
  }
  list.addSubnet(address, prefix, 'ipv4');
  const bytes = address.split('.').map(Number);
  const word = (at: number): string => (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16);
  const hex = [word(0), word(2)] as const;
  for (const carry of carriers) list.addSubnet(carry(hex), 96 + prefix, 'ipv6');
  list.addSubnet(`2002:${hex[0]}:${hex[1]}::`, 16 + prefix, 'ipv6');
}
