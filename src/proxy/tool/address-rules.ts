import { BlockList, isIP } from 'node:net';

/** The range `address/prefix`. */
export interface AddressRange {
  readonly address: string;
  readonly prefix: number;
}

/** IPv6 prefixes that embed an IPv4 address. Blocking them too prevents access by another spelling of the address. */
const carriers: readonly ((hex: readonly [string, string]) => string)[] = [
  ([high, low]) => `::ffff:${high}:${low}`,
  ([high, low]) => `::${high}:${low}`,
  ([high, low]) => `64:ff9b::${high}:${low}`,
];

/**
 * Parses `10.0.0.0/8`, `fd00::/8` or a single address.
 * @throws {RangeError}
 */
export function parseRange(text: string): AddressRange {
  const [, address = '', digits] = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  if (isIP(address) === 0) throw new RangeError(`"${text}" is no IP address or CIDR`);
  const prefix = digits === undefined ? widthOf(address) : Number(digits);
  if (prefix > widthOf(address)) throw new RangeError(`"${text}": the prefix is longer than the address`);
  return { address, prefix };
}

/** Adds a range. An IPv4 range is also added in its embedded IPv6 forms. */
export function addRange(list: BlockList, { address, prefix }: AddressRange): void {
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

function widthOf(address: string): number {
  return isIP(address) === 4 ? 32 : 128;
}

/** An address and port at which a server listens. */
export interface Endpoint {
  /** An IP address. */
  readonly address: string;
  /** The port; undefined for every port of the address. */
  readonly port: number | undefined;
}

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

interface AddressRulesOptions {
  /** Ranges that are permitted although they are blocked by default. */
  readonly allowed: readonly AddressRange[];
  /** Addresses of the API server, blocked at every port unless `allowed` contains exactly that address. */
  readonly apiServer: readonly string[];
  /** Endpoints of the API server behind these, blocked in the same way. */
  readonly apiServerEndpoints: () => readonly Endpoint[];
  /** Endpoints of the proxy itself, always blocked. */
  readonly self: () => readonly Endpoint[];
}

/** Decides which addresses the proxy connects to. The rules apply to resolved addresses, never to names. */
export class AddressRules {
  readonly #blocked = new BlockList();
  readonly #allowed = new BlockList();
  /** Single addresses of `allowed`. */
  readonly #allowedAddresses = new BlockList();
  readonly #options: AddressRulesOptions;

  constructor(options: AddressRulesOptions) {
    this.#options = options;
    for (const range of blockedRanges) addRange(this.#blocked, parseRange(range));
    for (const range of options.allowed) {
      addRange(this.#allowed, range);
      if (range.prefix === widthOf(range.address)) addRange(this.#allowedAddresses, range);
    }
  }

  /**
   * Returns a function that reports whether an address at a port is the proxy itself; false for what is no IP address. It is for
   * many addresses: the owner of a name chooses how many it has.
   */
  selfAt(port: number): (address: string) => boolean {
    const self = listOf(this.#options.self(), port);
    return (address) => isIP(address) !== 0 && !address.includes('%') && self.check(address, typeOf(address));
  }

  /** Returns a function that reports whether the proxy can connect to an address at a port; false as for `selfAt`. */
  allowedAt(port: number): (address: string) => boolean {
    const { apiServer, apiServerEndpoints } = this.#options;
    const isSelf = this.selfAt(port);
    const addresses = apiServer.map((address) => ({ address, port: undefined }));
    const ofApiServer = listOf([...addresses, ...apiServerEndpoints()], port);
    return (address) => {
      // An address with a zone is link-local.
      if (isIP(address) === 0 || address.includes('%') || isSelf(address)) return false;
      const type = typeOf(address);
      if (this.#allowedAddresses.check(address, type)) return true;
      if (ofApiServer.check(address, type)) return false;
      return this.#allowed.check(address, type) || !this.#blocked.check(address, type);
    };
  }
}

/** Returns the addresses of endpoints at a port, in any spelling. */
function listOf(endpoints: readonly Endpoint[], port: number): BlockList {
  const list = new BlockList();
  for (const each of endpoints) {
    if (each.port === undefined || each.port === port) {
      addRange(list, { address: each.address, prefix: widthOf(each.address) });
    }
  }
  return list;
}

function typeOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}
