import type { ConnectorRef } from '../../connectors/model.js';
import type { NamedHost } from '../credential/connector-match.js';
import { parseAuthority } from '../credential/tool-address.js';

/** Where a request wants to go, by its request line (RFC 9112, 3.2). */
export type RequestTarget =
  /** Absolute form: through the proxy to a host. */
  | { readonly kind: 'forward'; readonly named: NamedHost; readonly path: string }
  /** To the proxy as if it were the tool. */
  | { readonly kind: 'reverse'; readonly connector: ConnectorRef; readonly prefix: string; readonly path: string }
  /** `/v2/`: what registry clients ask first. */
  | { readonly kind: 'registry-root' }
  /** A path, on a connection whose host is known (a tunnel), or one of the proxy's own that there is not. */
  | { readonly kind: 'origin'; readonly path: string };

const reversePath =
  /^(\/v2)?(\/namespaces\/([a-z0-9][-a-z0-9.]*)\/connectors\/([a-z0-9][-a-z0-9.]*))(\/[^?]*)?(\?.*)?$/;

/**
 * @param isOwnName whether a host is the proxy itself: as the server of its own paths it takes them in absolute form too
 * (RFC 9112, 3.2.2), which clients send that use it as their proxy.
 * @returns undefined for what is none of these forms.
 */
export function parseRequestTarget(
  url: string,
  isOwnName: (host: string) => boolean = () => false,
): RequestTarget | undefined {
  // Neither belongs into a request line, and others take what follows them for something else.
  if (/[#\\]/.test(url)) return undefined;
  if (url.startsWith('/')) return parseOriginForm(url);
  const target = parseAbsoluteForm(url);
  if (target === undefined || !isOwnName(target.named.host)) return target;
  const own = parseOriginForm(target.path);
  return own.kind === 'origin' ? target : own;
}

function parseOriginForm(url: string): RequestTarget {
  if (/^\/v2\/?(\?|$)/.test(url)) return { kind: 'registry-root' };
  const [, registry = '', prefix = '', namespace, name, rest = '', query = ''] = reversePath.exec(url) ?? [];
  if (namespace === undefined || name === undefined) return { kind: 'origin', path: url };
  const path = `${registry}${rest === '' ? '/' : rest}${query}`;
  return { kind: 'reverse', connector: { namespace, name }, prefix, path };
}

function parseAbsoluteForm(url: string): (RequestTarget & { readonly kind: 'forward' }) | undefined {
  const [, scheme = '', authority = '', rest = ''] = /^(https?):\/\/([^/?]*)(.*)$/i.exec(url) ?? [];
  const isSecure = scheme.toLowerCase() === 'https';
  // A user and password in the URL are for nobody here.
  const host = parseAuthority(authority.replace(/^.*@/, ''), isSecure ? 443 : 80);
  if (scheme === '' || host === undefined) return undefined;
  const named: NamedHost = { scheme: isSecure ? 'https' : 'http', ...host };
  return { kind: 'forward', named, path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** The path without its query. */
export function pathnameOf(path: string): string {
  const end = path.indexOf('?');
  return end === -1 ? path : path.slice(0, end);
}
