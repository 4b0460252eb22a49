import { pathProblem } from '../credential/path-problem.js';
import type { ToolAddress } from '../credential/tool-address.js';
import { parseAuthority } from '../credential/tool-address.js';
import { authorityOf } from '../upstream/tool-origin.js';
import { pathnameOf } from './request-target.js';

/** How a client sees a tool whose Connector it uses in reverse mode. */
export interface ReverseView {
  /** The tool's address that the request went to. */
  readonly address: ToolAddress;
  /** The path that the tool got, with the query. */
  readonly path: string;
  /** `/namespaces/NS/connectors/NAME`. */
  readonly prefix: string;
  /** `http://HOST` as the client calls the proxy. */
  readonly base: string;
}

interface Reference {
  /** In lower case. */
  readonly scheme: string | undefined;
  readonly authority: string | undefined;
  readonly pathname: string;
  /** Query and fragment. */
  readonly suffix: string;
}

/**
 * Returns the URL that a client gets for one in a tool's response: a path of the Connector, or the URL of another host.
 * The client follows it with its token, so a tool must not lead it to another Connector of this proxy.
 * @returns undefined for a URL of the proxy itself, and for one that programs read in different ways.
 */
export function clientUrl(text: string, view: ReverseView): string | undefined {
  const url = trimBlanks(text);
  const reference = parseReference(url);
  if (reference === undefined) return undefined;
  const { scheme, authority, pathname, suffix } = reference;
  const { address } = view;
  if (authority === undefined) {
    if (scheme !== undefined) return scheme === 'http' || scheme === 'https' ? undefined : url;
    // The path of the request stays: the query or the fragment is another one.
    if (pathname === '') return url;
  } else if (!isTool(authority, address)) {
    if (isOfProxy(authority, view)) return undefined;
    return scheme === undefined ? `${address.scheme}:${url}` : url;
  }
  const isRelative = authority === undefined && !pathname.startsWith('/');
  const path = withoutDotSegments(isRelative ? `${folderOf(view.path)}${pathname}` : pathname);
  if (path === undefined) return undefined;
  // The tool has it outside of the Connector's path, where only a client without the proxy can go.
  return connectorPath(path, suffix, view) ?? `${address.scheme}://${authorityOf(address)}${path}${suffix}`;
}

/**
 * Returns the URL that a client gets for the address of a token service, to which it will send its token.
 * @returns undefined unless the address is a whole URL below the Connector's address.
 */
export function clientRealm(text: string, view: ReverseView): string | undefined {
  const { scheme, authority, pathname, suffix } = parseReference(text) ?? {};
  if ((scheme !== 'http' && scheme !== 'https') || authority === undefined || !isTool(authority, view.address)) {
    return undefined;
  }
  const path = withoutDotSegments(pathname ?? '');
  const found = path === undefined ? undefined : connectorPath(path, suffix ?? '', view);
  return found === undefined ? undefined : `${view.base}${found}`;
}

/** Splits a URI reference (RFC 3986, appendix B). Programs differ in what they make of control characters and backslashes. */
function parseReference(text: string): Reference | undefined {
  // eslint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f\\]/.test(text)) return undefined;
  const [, scheme, authority, pathname = '', suffix = ''] =
    /^(?:([a-z][-+.a-z0-9]*):)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/i.exec(text) ?? [];
  return {
    scheme: scheme?.toLowerCase(),
    authority: authority?.slice(authority.lastIndexOf('@') + 1),
    pathname,
    suffix,
  };
}

/** Whether the authority is the tool's. A tool behind a TLS terminator writes `http` for its own `https`. */
function isTool(authority: string, { scheme, host, port }: ToolAddress): boolean {
  const named = parseAuthority(authority, scheme === 'https' ? 443 : 80);
  return named?.host === host && named.port === port;
}

/**
 * Whether clients would send the proxy's credentials there: they go by the host's name alone, and some of them take
 * subdomains for the same host.
 */
function isOfProxy(authority: string, { base }: ReverseView): boolean {
  const [host, own] = [canonicalHost(`http://${authority}`), canonicalHost(base)];
  return host === undefined || own === undefined || `.${host}`.endsWith(`.${own}`);
}

/** As browsers and curl have it: `127.1` and `%31` have other spellings. */
function canonicalHost(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : undefined;
}

/** @returns undefined for dot segments in a spelling that only some programs take for one. */
function withoutDotSegments(pathname: string): string | undefined {
  const isPlain = !/\/\.(?:\/|$)/.test(pathname) && pathProblem(pathname) === undefined;
  if (isPlain) return pathname === '' ? '/' : pathname;
  const path = new URL(`http://tool.invalid${pathname}`).pathname;
  return pathProblem(path) === undefined ? path : undefined;
}

/** The path on the proxy that leads to this path of the tool; undefined where none does. */
function connectorPath(path: string, suffix: string, { address, prefix }: ReverseView): string | undefined {
  if (path !== address.path && !path.startsWith(`${address.path}/`)) return undefined;
  const rest = path.slice(address.path.length);
  // Registries' clients want /v2/ first.
  const isRegistry = rest === '/v2' || rest.startsWith('/v2/');
  return isRegistry ? `/v2${prefix}${rest.slice('/v2'.length)}${suffix}` : `${prefix}${rest}${suffix}`;
}

function folderOf(path: string): string {
  const pathname = pathnameOf(path);
  return pathname.slice(0, pathname.lastIndexOf('/') + 1);
}

/** As `trim`, but of what RFC 9110 has around values. Nothing else is taken off by all programs. */
function trimBlanks(text: string): string {
  let [start, end] = [0, text.length];
  while (isBlank(text[start])) start += 1;
  while (end > start && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}
