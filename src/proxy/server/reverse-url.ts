import { pathProblem } from '../rules/request-path.ts';
import type { ToolAddress } from '../connectors/tool-address.ts';
import { parseAuthority } from '../connectors/tool-address.ts';
import { authorityOf } from '../tool/tool-origin.ts';
import { pathnameOf } from './request-target.ts';

/** A tool as a client in reverse mode sees it. */
export interface ReverseView {
  /** The tool's address that the request was sent to. */
  readonly address: ToolAddress;
  /** The path that was sent to the tool, with the query. */
  readonly path: string;
  /** `/namespaces/NS/connectors/NAME`. */
  readonly prefix: string;
  /** `http://HOST`, as the client names the proxy. */
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
 * Returns the client's URL for a URL in a tool's response: a path of the Connector, or the URL of another host. The
 * client follows it with its token, so a tool must not lead it to another Connector of this proxy.
 * @returns undefined for a URL of the proxy itself, and for one that programs parse differently.
 */
export function clientUrl(text: string, view: ReverseView): string | undefined {
  const url = trimBlanks(text);
  const reference = parseReference(url);
  if (reference === undefined) return undefined;
  const { scheme, authority, pathname, suffix } = reference;
  const { address } = view;
  if (authority === undefined) {
    if (scheme !== undefined) return scheme === 'http' || scheme === 'https' ? undefined : url;
    // Only query or fragment differ, so the path of the request stays.
    if (pathname === '') return url;
  } else if (!isTool(authority, address)) {
    if (isOfProxy(authority, view)) return undefined;
    return scheme === undefined ? `${address.scheme}:${url}` : url;
  }
  const isRelative = authority === undefined && !pathname.startsWith('/');
  const path = withoutDotSegments(isRelative ? `${folderOf(view.path)}${pathname}` : pathname);
  if (path === undefined) return undefined;
  // The path is outside the Connector's path, so only a client that bypasses the proxy can reach it.
  return connectorPath(path, suffix, view) ?? `${address.scheme}://${authorityOf(address)}${path}${suffix}`;
}

/**
 * Returns the client's URL for the address of a token service, to which the client will send its token.
 * @returns undefined unless the address is an absolute URL below the Connector's address.
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

/**
 * Splits a URI reference (RFC 3986, appendix B). Control characters and backslashes are rejected, because programs
 * interpret them differently.
 */
function parseReference(text: string): Reference | undefined {
  // oxlint-disable-next-line no-control-regex
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

/** Reports whether the authority is the tool's. The scheme is ignored: a tool behind a TLS terminator writes `http`. */
function isTool(authority: string, { scheme, host, port }: ToolAddress): boolean {
  const named = parseAuthority(authority, scheme === 'https' ? 443 : 80);
  return named?.host === host && named.port === port;
}

/**
 * Reports whether clients would send the proxy's credentials to the authority. They compare only the host, and some of
 * them include subdomains.
 */
function isOfProxy(authority: string, { base }: ReverseView): boolean {
  const [host, own] = [canonicalHost(`http://${authority}`), canonicalHost(base)];
  return host === undefined || own === undefined || `.${host}`.endsWith(`.${own}`);
}

/** Returns the host as browsers and curl normalize it: `127.1` and `%31` have other spellings. */
function canonicalHost(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : undefined;
}

/** Removes dot segments. @returns undefined for spellings that only some programs treat as dot segments. */
function withoutDotSegments(pathname: string): string | undefined {
  const isPlain = !/\/\.(?:\/|$)/.test(pathname) && pathProblem(pathname) === undefined;
  if (isPlain) return pathname === '' ? '/' : pathname;
  const path = new URL(`http://tool.invalid${pathname}`).pathname;
  return pathProblem(path) === undefined ? path : undefined;
}

/** Returns the path on the proxy for a path of the tool; undefined if there is none. */
function connectorPath(path: string, suffix: string, { address, prefix }: ReverseView): string | undefined {
  if (path !== address.path && !path.startsWith(`${address.path}/`)) return undefined;
  const rest = path.slice(address.path.length);
  // Clients of registries require /v2/ first.
  const isRegistry = rest === '/v2' || rest.startsWith('/v2/');
  return isRegistry ? `/v2${prefix}${rest.slice('/v2'.length)}${suffix}` : `${prefix}${rest}${suffix}`;
}

function folderOf(path: string): string {
  const pathname = pathnameOf(path);
  return pathname.slice(0, pathname.lastIndexOf('/') + 1);
}

/** Trims only the whitespace that RFC 9110 permits around values: programs do not agree on other characters. */
function trimBlanks(text: string): string {
  let [start, end] = [0, text.length];
  while (isBlank(text[start])) start += 1;
  while (end > start && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}
