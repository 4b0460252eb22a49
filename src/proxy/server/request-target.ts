import type { ConnectorRef } from '../../shared/connectors/model.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import { parseAuthority } from '../connectors/tool-address.ts';

/** The target of a request, from its request line (RFC 9112, 3.2). */
export type RequestTarget =
  /** Absolute form: through the proxy to a host. */
  | { readonly kind: 'forward'; readonly named: ToolOrigin; readonly path: string }
  /** Reverse mode: to a Connector below the proxy's own address. */
  | { readonly kind: 'reverse'; readonly connector: ConnectorRef; readonly prefix: string; readonly path: string }
  /** `/v2/`, the first request of registry clients. */
  | { readonly kind: 'registry-root' }
  /** Another path: inside a tunnel the host is known, elsewhere there is no such resource. */
  | { readonly kind: 'origin' };

const reversePath =
  /^(\/v2)?(\/namespaces\/([a-z0-9][-a-z0-9.]*)\/connectors\/([a-z0-9][-a-z0-9.]*))(\/[^?]*)?(\?.*)?$/;

/**
 * Parses a request target.
 * @param isSelfName reports whether a host is the proxy itself. Its own paths are accepted in absolute form too (RFC
 * 9112, 3.2.2), which clients send that use it as their proxy.
 * @returns undefined for other forms.
 */
export function parseRequestTarget(
  url: string,
  isSelfName: (host: string) => boolean = () => false,
): RequestTarget | undefined {
  // Neither belongs in a request line, and servers disagree on what follows them.
  if (/[#\\]/.test(url)) return undefined;
  if (url.startsWith('/')) return parseOriginForm(url);
  const target = parseAbsoluteForm(url);
  if (target === undefined || !isSelfName(target.named.host)) return target;
  const own = parseOriginForm(target.path);
  return own.kind === 'origin' ? target : own;
}

function parseOriginForm(url: string): RequestTarget {
  if (/^\/v2\/?(\?|$)/.test(url)) return { kind: 'registry-root' };
  const [, registry = '', prefix = '', namespace, name, rest = '', query = ''] = reversePath.exec(url) ?? [];
  if (namespace === undefined || name === undefined) return { kind: 'origin' };
  const path = `${registry}${rest === '' ? '/' : rest}${query}`;
  return { kind: 'reverse', connector: { namespace, name }, prefix, path };
}

function parseAbsoluteForm(url: string): (RequestTarget & { readonly kind: 'forward' }) | undefined {
  const [, scheme = '', authority = '', rest = ''] = /^(https?):\/\/([^/?]*)(.*)$/i.exec(url) ?? [];
  const isSecure = scheme.toLowerCase() === 'https';
  // User and password in the URL are ignored.
  const host = parseAuthority(authority.replace(/^.*@/, ''), isSecure ? 443 : 80);
  if (scheme === '' || host === undefined) return undefined;
  const named: ToolOrigin = { scheme: isSecure ? 'https' : 'http', ...host };
  return { kind: 'forward', named, path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** Parses the target of a CONNECT, `host:port`. @returns undefined for other forms. */
export function parseConnectTarget(authority: string): ToolOrigin | undefined {
  const host = /:\d+$/.test(authority) ? parseAuthority(authority, 443) : undefined;
  return host && { scheme: host.port === 80 ? 'http' : 'https', ...host };
}

/** Returns the path without its query. */
export function pathnameOf(path: string): string {
  const end = path.indexOf('?');
  return end === -1 ? path : path.slice(0, end);
}

/** The user name that nodes send with the token of a pod when they pull its images (deploy/chart/files/image-pulls). */
export const imagePullUser = 'connectors';

/**
 * Removes the query parameter `ns`, in which containerd names the image's registry to a mirror. The registry does not
 * know that name. Other parameters stay as they are.
 */
export function withoutMirrorParameter(path: string): string {
  const pathname = pathnameOf(path);
  if (pathname === path) return path;
  const parameters = path.slice(pathname.length + 1).split('&');
  const kept = parameters.filter((parameter) => !/^ns(?:=|$)/.test(parameter));
  return kept.length === 0 ? pathname : `${pathname}?${kept.join('&')}`;
}
