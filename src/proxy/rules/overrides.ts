import { proxyLimits } from '../limits.ts';
import { fullyDecoded, utf8Of } from './request-path.ts';

/**
 * Names by which some tools take another method or path than the request line has: `X-HTTP-Method-Override`,
 * `Method-Override`, `X-HTTP-Verb`, `X-Original-URL`, `X-Rewrite-URL`, and `_method` of queries.
 */
const overriding =
  /^(?:x-)?(?:http-)?(?:method|verb|path|ur[il])-override$|^x-(?:http-)?(?:method|verb)$|^x-(?:original|rewrite|override)-(?:ur[il]|path|method)$|^-+method$/;

/** Headers with a second path: of `COPY` and `MOVE` (WebDAV), and of copies in object storage. */
const secondPath = /^(?:destination|x-(?:amz|goog|ms)-copy-source)$/;

/** Reports whether a header overrides method or path. Tools treat `_` in its name like `-`. */
export function isOverridingHeader(name: string): boolean {
  const canonical = name.toLowerCase().replaceAll('_', '-');
  return overriding.test(canonical) || secondPath.test(canonical);
}

/** @param name canonical. */
export function isOverridingParameter(name: string): boolean {
  return overriding.test(name.replaceAll('_', '-'));
}

/**
 * Returns the name under which a server can find a query parameter: decoded, in lower case, without the part in
 * brackets. Servers differ: PHP reads `a.b`, `a%2Eb` and `a_b` as one name, others decode twice or ignore case. So two
 * names that one server could take for the same are the same here.
 * @param name in Latin-1.
 */
export function canonicalParameterName(name: string): string {
  const decoded = utf8Of(fullyDecoded(name.replaceAll('+', ' ')))
    .replaceAll(/%u00([0-9a-f]{2})/gi, (_whole, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .replace(/\0[^]*$/, '')
    .trim()
    .replace(/^\?+/, '')
    .toLowerCase();
  const [root = ''] = decoded.split('[', 1);
  return (root === '' ? decoded.replaceAll(/[[\]]/g, '') : root).replaceAll(/[.\s]/g, '_');
}

const separator = /[&;?]/;

/**
 * Returns the parameters of a query in lower case, split before and after they are decoded.
 * @returns undefined for more than `proxyLimits.rules.parameters`.
 */
export function parametersOf(query: string): readonly string[] | undefined {
  if (query === '') return [];
  const { parameters } = proxyLimits.rules;
  const decoded = fullyDecoded(query);
  // Separators that are encoded count too, and no more are split than are permitted.
  const split = decoded.split(separator, parameters + 1);
  if (split.length > parameters) return undefined;
  const before = decoded === query ? [] : query.split(separator).map(fullyDecoded);
  return [...before, ...split].map((parameter) => parameter.toLowerCase());
}

/**
 * Returns the header or parameter by which a request overrides its method or path; undefined without one. Such a request
 * is another one for the proxy than for the tool.
 */
export function overrideIn(parameters: readonly string[], rawHeaders: readonly string[]): string | undefined {
  const names = parameters.map((each) => canonicalParameterName(each.split('=', 1)[0] ?? ''));
  return rawHeaders.find((name, at) => at % 2 === 0 && isOverridingHeader(name)) ?? names.find(isOverridingParameter);
}
