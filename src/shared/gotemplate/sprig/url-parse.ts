import type { ByteString } from '../byte-string.ts';
import { GoError } from '../function.ts';
import { quote } from '../quote.ts';
import { lower } from './letters.ts';
import { escapePart, unescapePart } from './url-escape.ts';

export interface Userinfo {
  readonly username: ByteString;
  readonly password?: ByteString | undefined;
}

/** Parts of a URL as Go's net/url parses it: decoded, but for the query and the opaque part. */
interface ParsedUrl {
  readonly scheme: ByteString;
  readonly opaque: ByteString;
  readonly userinfo?: Userinfo | undefined;
  readonly host: ByteString;
  readonly path: ByteString;
  readonly query: ByteString;
  readonly fragment: ByteString;
}

/** strings.Cut: what is before and after the first separator. */
function cut(text: ByteString, separator: string): [before: ByteString, after: ByteString] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** @throws {GoError} with Go's message, which quotes the URL. */
export function parseUrl(url: ByteString): ParsedUrl {
  const [main, fragment] = cut(url, '#');
  const parsed = explained(main, () => parseMain(main));
  return { ...parsed, fragment: explained(url, () => unescapePart(fragment, 'fragment')) };
}

function explained<T>(url: ByteString, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof GoError) throw new GoError(`parse ${quote(url)}: ${error.text}`);
    throw error;
  }
}

function parseMain(url: ByteString): Omit<ParsedUrl, 'fragment'> {
  // oxlint-disable-next-line no-control-regex -- control characters are rejected
  if (/[\x00-\x1f\x7f]/.test(url)) throw new GoError('net/url: invalid control character in URL');
  const nothing = { scheme: '', opaque: '', host: '', path: '', query: '' };
  if (url === '*') return { ...nothing, path: '*' };
  const { scheme, rest: afterScheme } = splitScheme(url);
  const [rest, query] = cut(afterScheme, '?');
  const found = { ...nothing, scheme, query };
  if (!rest.startsWith('/')) {
    if (scheme !== '') return { ...found, opaque: rest };
    if (cut(rest, '/')[0].includes(':')) throw new GoError('first path segment in URL cannot contain colon');
  }
  if (rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'))) {
    const slash = rest.indexOf('/', 2);
    const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
    const { userinfo, host } = parseAuthority(authority);
    return { ...found, userinfo, host, path: unescapePart(slash < 0 ? '' : rest.slice(slash), 'path') };
  }
  return { ...found, path: unescapePart(rest, 'path') };
}

function splitScheme(url: ByteString): { scheme: ByteString; rest: ByteString } {
  if (url.startsWith(':')) throw new GoError('missing protocol scheme');
  const [, scheme] = /^([a-zA-Z][-+.a-zA-Z0-9]*):/.exec(url) ?? [];
  return scheme === undefined
    ? { scheme: '', rest: url }
    : { scheme: lower(scheme), rest: url.slice(scheme.length + 1) };
}

function parseAuthority(authority: ByteString): { userinfo: Userinfo | undefined; host: ByteString } {
  const at = authority.lastIndexOf('@');
  const host = parseHost(authority.slice(at + 1));
  if (at < 0) return { userinfo: undefined, host };
  const text = authority.slice(0, at);
  if (!/^[-A-Za-z0-9._:~!$&'()*+,;=%@]*$/.test(text)) throw new GoError('net/url: invalid userinfo');
  const [username, password] = cut(text, ':');
  return {
    userinfo: {
      username: unescapePart(username, 'userinfo'),
      password: text.includes(':') ? unescapePart(password, 'userinfo') : undefined,
    },
    host,
  };
}

function checkPort(port: ByteString): void {
  if (!/^(?::[0-9]*)?$/.test(port)) throw new GoError(`invalid port ${quote(port)} after host`);
}

/** A host with its port; an address in brackets may have a zone, whose `%` is written as `%25`. */
function parseHost(host: ByteString): ByteString {
  if (!host.startsWith('[')) {
    const colon = host.lastIndexOf(':');
    if (colon >= 0) checkPort(host.slice(colon));
    return unescapePart(host, 'host');
  }
  const bracket = host.lastIndexOf(']');
  if (bracket < 0) throw new GoError("missing ']' in host");
  checkPort(host.slice(bracket + 1));
  const zone = host.slice(0, bracket).indexOf('%25');
  if (zone < 0) return unescapePart(host, 'host');
  const parts = [unescapePart(host.slice(0, zone), 'host'), unescapePart(host.slice(zone, bracket), 'zone')];
  return parts.join('') + unescapePart(host.slice(bracket), 'host');
}

/** The host without port and brackets. */
export function hostname(host: ByteString): ByteString {
  const bare = host.replace(/:[0-9]*$/, '');
  return bare.startsWith('[') && bare.endsWith(']') ? bare.slice(1, -1) : bare;
}

export function userinfoText({ username, password }: Userinfo): ByteString {
  const secret = password === undefined ? '' : `:${escapePart(password, 'userinfo')}`;
  return escapePart(username, 'userinfo') + secret;
}

/** url.URL's String. */
export function urlText(url: ParsedUrl): ByteString {
  const scheme = url.scheme === '' ? '' : `${url.scheme}:`;
  const main = url.opaque === '' ? hierarchy(url, scheme) : scheme + url.opaque;
  const query = url.query === '' ? '' : `?${url.query}`;
  return main + query + (url.fragment === '' ? '' : `#${escapePart(url.fragment, 'fragment')}`);
}

function hierarchy({ userinfo, host, path }: ParsedUrl, scheme: ByteString): ByteString {
  const hasAuthority = host !== '' || userinfo !== undefined || (scheme !== '' && path !== '');
  const authority = hasAuthority ? `//${userinfo === undefined ? '' : `${userinfoText(userinfo)}@`}` : '';
  const start = scheme + authority + escapePart(host, 'host');
  const escaped = path === '*' ? path : escapePart(path, 'path');
  if (host !== '' && escaped !== '' && !escaped.startsWith('/')) return `${start}/${escaped}`;
  // A colon in the first segment of a relative path would make a scheme of it.
  return start === '' && cut(escaped, '/')[0].includes(':') ? `./${escaped}` : start + escaped;
}
