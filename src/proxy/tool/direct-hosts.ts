import { BlockList, isIP } from 'node:net';
import { addRange, parseRange } from './address-rules.ts';

/** Reports whether connections to a host, in lower case and without brackets, are direct. */
export type DirectHosts = (host: string, port: number) => boolean;

/**
 * Parses a list of hosts in the grammar that programs in Go read in `NO_PROXY`: `example.com` with all names below it,
 * `.example.com` or `*.example.com` for these alone, addresses, CIDRs, and `*`. All but CIDRs and `*` can have a port.
 * A CIDR matches hosts that are addresses: names are not looked up.
 * @throws {RangeError} that names the entry. Programs in Go ignore such entries.
 */
export function parseDirectHosts(written: string): DirectHosts {
  const entries = written.split(',').map((entry) => entry.trim().toLowerCase());
  const parsed = entries.filter((entry) => entry !== '').map(parseEntry);
  return (host, port) => parsed.some((isDirect) => isDirect(host, port));
}

const entryForm = /^(?:\[([^\]]+)\]|(\*?\.)?([-\w]+(?:\.[-\w]+)*))(?::(\d{1,5}))?$/;

function parseEntry(entry: string): DirectHosts {
  if (entry === '*') return () => true;
  if (entry.includes('/') || isIP(entry) !== 0) return inRange(entry);
  const [, v6, dot, name = '', digits] = entryForm.exec(entry) ?? [];
  const address = v6 ?? (isIP(name) === 0 ? undefined : name);
  if ((address ?? name) === '' || Number(digits) > 65_535) {
    throw new RangeError(`"${entry}" is no host, .suffix, address or CIDR`);
  }
  const isNamed: DirectHosts = (host) => host.endsWith(`.${name}`) || (dot === undefined && host === name);
  const isMatch = address === undefined ? isNamed : inRange(address);
  return (host, port) => (digits === undefined || port === Number(digits)) && isMatch(host, port);
}

function inRange(range: string): DirectHosts {
  const list = new BlockList();
  addRange(list, parseRange(range));
  return (host) => isIP(host) !== 0 && list.check(host, isIP(host) === 4 ? 'ipv4' : 'ipv6');
}
