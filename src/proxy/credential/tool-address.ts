import { isIP } from 'node:net';
import type { Connector } from '../../connectors/model.js';
import type { JsonValue } from '../../json.js';
import { jsonMember } from '../../json.js';
import type { ToolOrigin } from '../upstream/tool-origin.js';

/** Where a Connector's tool is: one of its addresses. */
export interface ToolAddress extends ToolOrigin {
  /** Without a slash at its end: empty for the whole host. */
  readonly path: string;
}

const known = new WeakMap<Connector, readonly ToolAddress[]>();

/** `spec.address` and the values of `spec.addressExtensions` that are URLs; what is none of them leads nowhere. */
export function addressesOf(connector: Connector): readonly ToolAddress[] {
  const found = known.get(connector);
  if (found !== undefined) return found;
  const spec = jsonMember(connector.object, 'spec');
  const extensions = jsonMember(spec, 'addressExtensions');
  const values: readonly (JsonValue | undefined)[] = [
    jsonMember(spec, 'address'),
    ...(Array.isArray(extensions) ? (extensions as readonly JsonValue[]) : []).map((each) => jsonMember(each, 'value')),
  ];
  const addresses = values.flatMap((value) => (typeof value === 'string' ? (parseToolAddress(value) ?? []) : []));
  known.set(connector, addresses);
  return addresses;
}

/** @returns undefined for what is no http or https URL. */
export function parseToolAddress(text: string): ToolAddress | undefined {
  const [, scheme = '', authority = '', path = ''] = /^(https?):\/\/([^/?#\s]+)(\/[^?#\s]*)?$/i.exec(text.trim()) ?? [];
  const isSecure = scheme.toLowerCase() === 'https';
  const origin = parseAuthority(authority.replace(/^.*@/, ''), isSecure ? 443 : 80);
  if (origin === undefined) return undefined;
  return { scheme: isSecure ? 'https' : 'http', ...origin, path: path.replace(/\/+$/, '') };
}

/**
 * Reads `host`, `host:port` or `[v6]:port`; the host comes in lower case, without brackets and without a dot at its end.
 * @returns undefined for what cannot be a host and a port.
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
