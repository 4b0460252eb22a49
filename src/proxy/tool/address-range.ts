import type { BlockList } from 'node:net';
import { isIP } from 'node:net';

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

export function widthOf(address: string): number {
  return isIP(address) === 4 ? 32 : 128;
}
