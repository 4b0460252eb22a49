import type { ByteString } from '../byte-string.ts';
import { GoError, goFunction, nilPointerError, type CallContext, type GoFunction } from '../function.ts';
import { anyMap, kindName, type GoMap } from '../values.ts';
import { hostname, parseUrl, urlText, userinfoText, type Userinfo } from './url-parse.ts';

function explained<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof GoError) throw new GoError(`unable to parse ${what}: ${error.text}`);
    throw error;
  }
}

/** Returns the parts of a URL as a dict. The userinfo is escaped again, so escapes can differ from the original's. */
function urlParse(context: CallContext, text: ByteString): GoMap {
  context.charge(600 + 2 * text.length);
  context.allocate(1000 + 4 * text.length);
  const url = explained('url', () => parseUrl(text));
  return anyMap(
    new Map([
      ['scheme', url.scheme],
      ['host', url.host],
      ['hostname', hostname(url.host)],
      ['path', url.path],
      ['query', url.query],
      ['opaque', url.opaque],
      ['fragment', url.fragment],
      ['userinfo', url.userinfo === undefined ? '' : userinfoText(url.userinfo)],
    ]),
  );
}

function textOf(parts: GoMap, key: ByteString): ByteString {
  const value = parts.entries.get(key);
  if (value === undefined) return '';
  if (value === null) throw nilPointerError();
  if (typeof value === 'string') return value;
  throw new GoError(`unable to parse ${key} key, must be of type string, but ${kindName(value)} found`);
}

function userinfoOf(text: ByteString): Userinfo | undefined {
  return text === '' ? undefined : explained('userinfo in dict', () => parseUrl(`proto://${text}@host`)).userinfo;
}

function urlJoin(context: CallContext, parts: GoMap): ByteString {
  const [scheme = '', host = '', path = '', query = '', opaque = '', fragment = '', userinfo = ''] = [
    'scheme',
    'host',
    'path',
    'query',
    'opaque',
    'fragment',
    'userinfo',
  ].map((key) => {
    const text = textOf(parts, key);
    context.charge(2 * text.length);
    context.allocate(3 * text.length);
    return text;
  });
  return urlText({ scheme, host, path, query, opaque, fragment, userinfo: userinfoOf(userinfo) });
}

export const urlFunctions: readonly GoFunction[] = [
  goFunction({ name: 'urlParse', params: ['string'] }, urlParse),
  goFunction({ name: 'urlJoin', params: ['map[string]interface {}'] }, urlJoin),
];
