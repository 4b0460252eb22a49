import { isIP } from 'node:net';
import type { Connector } from '../../shared/connectors/model.ts';
import { jsonItems, jsonMember } from '../../shared/json.ts';
import { perObject } from '../../shared/per-object.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import { proxyLimits } from '../limits.ts';

/** An address of a Connector's tool. */
export interface ToolAddress extends ToolOrigin {
  /** Without a slash at the end; empty for the whole host. */
  readonly path: string;
}

const maxAddresses = proxyLimits.connector.addresses;

interface ParsedAddresses {
  readonly addresses: readonly ToolAddress[];
  readonly main: ToolAddress | AddressProblem;
}

/** Why a Connector has no address. */
interface AddressProblem {
  readonly reason: 'NoAddress' | 'TooManyAddresses';
  /** One line that names the fix. */
  readonly message: string;
}

const parsedOf = perObject(readAddresses);

/** Returns `spec.address` and the URLs in `spec.addressExtensions`. Other values are ignored. */
export function addressesOf(connector: Connector): readonly ToolAddress[] {
  return parsedOf(connector).addresses;
}

/** Returns the Connector's first address, the destination of reverse requests and probes, or why there is none. */
export function mainAddressOf(connector: Connector): ToolAddress | AddressProblem {
  return parsedOf(connector).main;
}

function readAddresses({ object }: Connector): ParsedAddresses {
  const spec = jsonMember(object, 'spec');
  const listed = jsonItems(jsonMember(spec, 'addressExtensions'));
  const count = listed.length + 1;
  if (count > maxAddresses) {
    return without({
      reason: 'TooManyAddresses',
      message: `spec.address and spec.addressExtensions are ${count} addresses, and at most ${maxAddresses} are allowed: leave some out, or make several Connectors`,
    });
  }
  const values = [jsonMember(spec, 'address'), ...listed.map((each) => jsonMember(each, 'value'))];
  const addresses = values.flatMap((value) => (typeof value === 'string' ? (parseToolAddress(value) ?? []) : []));
  const [main] = addresses;
  if (main === undefined) {
    return without({
      reason: 'NoAddress',
      message: 'spec.address is no http or https URL: set it to the address of the tool',
    });
  }
  return { addresses, main };
}

function without(problem: AddressProblem): ParsedAddresses {
  return { addresses: [], main: problem };
}

/**
 * Reports whether credentials can be sent to an endpoint: it is at one of a Connector's addresses, and not less secure
 * than it or the address that the request is for.
 */
export function isAddressOfConnector(
  { host, port, scheme }: ToolOrigin,
  requested: ToolOrigin,
  addresses: readonly ToolOrigin[],
): boolean {
  const isListed = addresses.some(
    (each) => each.host === host && each.port === port && (each.scheme === 'http' || scheme === 'https'),
  );
  return isListed && (requested.scheme === 'http' || scheme === 'https');
}

/** Parses an address. @returns undefined if it is not an http or https URL. */
export function parseToolAddress(text: string): ToolAddress | undefined {
  const [, scheme = '', authority = '', path = ''] = /^(https?):\/\/([^/?#\s]+)(\/[^?#\s]*)?$/i.exec(text.trim()) ?? [];
  const isSecure = scheme.toLowerCase() === 'https';
  const origin = parseAuthority(authority.replace(/^.*@/, ''), isSecure ? 443 : 80);
  if (origin === undefined) return undefined;
  return { scheme: isSecure ? 'https' : 'http', ...origin, path: withoutEndSlashes(path) };
}

/** Removes slashes at the end in linear time: the owner of a Connector or a tool chooses the text. */
function withoutEndSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}

/**
 * Parses `host`, `host:port` or `[v6]:port`. The host is returned in lower case, without brackets and trailing dot.
 * @returns undefined if the text is not a host with an optional port.
 */
export function parseAuthority(
  text: string,
  defaultPort: number,
): { readonly host: string; readonly port: number } | undefined {
  const [, v6, name, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([-.\w]{1,254}))(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (v6 !== undefined && isIP(v6) !== 6) return undefined;
  const host = (v6 ?? name ?? '').toLowerCase().replace(/\.$/, '');
  const port = digits === undefined ? defaultPort : Number(digits);
  return host === '' || host.startsWith('.') || port < 1 || port > 65_535 ? undefined : { host, port };
}
