import type { Challenge } from '../credentials/registry/challenge.ts';
import { parseChallenges } from '../credentials/registry/challenge.ts';
import { pathProblem } from '../rules/request-path.ts';
import type { ToolAddress } from '../connectors/tool-address.ts';
import { parseAuthority } from '../connectors/tool-address.ts';
import { authorityOf } from '../tool/tool-origin.ts';
import { pathnameOf } from './request-target.ts';

/**
 * Rewrites the headers of a tool's response that contain URLs, so that the client follows them through the proxy. These
 * are `Location`, `Content-Location`, `Link`, and the realms of challenges. A client follows them with its token. A
 * tool could use that to reach another Connector, or to get the token. So headers that lead to another Connector, and
 * challenges with a host that is not the Connector's, are dropped. The work is linear in the length of the headers.
 */
export function rewriteResponseHeaders(headers: readonly string[], view: ReverseView): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    const rewritten = rewriteValue(name, headers[at + 1] ?? '', view);
    if (rewritten !== undefined) kept.push(name, rewritten);
  }
  return kept;
}

function rewriteValue(name: string, value: string, view: ReverseView): string | undefined {
  switch (name.toLowerCase()) {
    case 'location':
    case 'content-location':
      return clientUrl(value, view);
    case 'link':
      return rewriteLinks(value, view);
    case 'www-authenticate':
      return rewriteChallenges(value, view);
    default:
      return value;
  }
}

/**
 * A URL, a quoted parameter, or the text between them (RFC 8288). Parameters with `<` do not match: many clients search
 * only for `<` and would find a URL in them.
 */
const linkPart = /<[^>]*>|"(?:[^"\\<]|\\[^<])*"|[^<"]+/y;

/** @returns undefined if one of the links must not be followed, or the value is malformed. */
function rewriteLinks(value: string, view: ReverseView): string | undefined {
  const parts: string[] = [];
  for (let at = 0; at < value.length; at += parts.at(-1)?.length ?? 0) {
    linkPart.lastIndex = at;
    const [part] = linkPart.exec(value) ?? [];
    if (part === undefined) return undefined;
    parts.push(part);
  }
  const rewritten = parts.map((part) => {
    if (!part.startsWith('<')) return part;
    const url = clientUrl(part.slice(1, -1), view);
    return url === undefined ? undefined : `<${url}>`;
  });
  return rewritten.includes(undefined) ? undefined : rewritten.join('');
}

/** @returns undefined if no challenge is left. */
function rewriteChallenges(value: string, view: ReverseView): string | undefined {
  const kept = parseChallenges([value]).flatMap((challenge) => rewriteChallenge(challenge, view) ?? []);
  return kept.length === 0 ? undefined : kept.map(textOf).join(', ');
}

/**
 * Rewrites the realm of a challenge if it is a URL. `Basic` and `Digest` have a text there that clients display; other
 * schemes can have the URL of a token service.
 */
function rewriteChallenge(challenge: Challenge, view: ReverseView): Challenge | undefined {
  const realm = challenge.params.get('realm');
  if (realm === undefined || challenge.scheme === 'basic' || challenge.scheme === 'digest') return challenge;
  if (!/[:/\\]/.test(realm)) return challenge;
  const url = clientRealm(realm, view);
  return url === undefined ? undefined : { ...challenge, params: new Map([...challenge.params, ['realm', url]]) };
}

function textOf({ name, token68, params }: Challenge): string {
  const pairs = [...params].map(([key, text]) => `${key}="${text.replaceAll(/["\\]/g, '\\$&')}"`);
  const rest = [...(token68 === undefined ? [] : [token68]), pairs.join(',')].filter((each) => each !== '');
  return [name, ...rest].join(' ');
}

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
function clientUrl(text: string, view: ReverseView): string | undefined {
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
function clientRealm(text: string, view: ReverseView): string | undefined {
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
  return /[^ \t](?:.*[^ \t])?/s.exec(text)?.[0] ?? '';
}
