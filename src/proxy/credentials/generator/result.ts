import { isCelMap } from '@bufbuild/cel';
import { proxyLimits } from '../../limits.ts';
import { canonicalParameterName, isOverridingHeader, isOverridingParameter } from '../../rules/overrides.ts';
import { quote } from '../../../shared/message-text.ts';
import { canonicalHeaderName } from '../../tool/headers.ts';

/** The request as an expression sees it. */
export interface GeneratorRequest {
  readonly method: string;
  /** The host with its port, as in the header `Host` that the tool gets. */
  readonly host: string;
  /** The path that the tool gets, percent-encoded, without the query. */
  readonly path: string;
  /** The query that the client sent, without "?". */
  readonly query: string;
}

export type NamesAndValues = readonly (readonly [name: string, value: string])[];

/** Headers and query parameters that an expression adds to a request. An empty value only removes those of the client. */
export interface Generated {
  readonly headers: NamesAndValues;
  readonly query: NamesAndValues;
}

/** A mistake in an expression of a class, with its position. It contains nothing of a Secret. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

/** Headers that frame or route a message. The proxy sets the first ones itself. */
const reservedHeaders: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'via',
  'forwarded',
  'max-forwards',
  'http2-settings',
  'x-real-ip',
  'x-original-host',
  'x-host',
]);
const reservedPrefixes = ['proxy-', 'x-forwarded-', 'sec-websocket-'];

/** Returns the problem of a header's name; undefined without one. */
function headerNameProblem(name: string): string | undefined {
  if (!/^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/.test(name)) return 'is no name of a header';
  const canonical = canonicalHeaderName(name);
  const isReserved =
    reservedHeaders.has(canonical) ||
    reservedPrefixes.some((prefix) => canonical.startsWith(prefix)) ||
    isOverridingHeader(name);
  return isReserved ? 'frames or routes the request: the proxy sets it' : undefined;
}

/** Returns the problem of a query parameter's name; undefined without one. */
function parameterNameProblem(name: string): string | undefined {
  const canonical = canonicalParameterName(name);
  if (canonical === '' || /\P{ASCII}/u.test(name)) return 'is no name of a query parameter';
  return isOverridingParameter(canonical) ? 'changes the method of the request' : undefined;
}

/**
 * Checks the result of an expression.
 * @param source the expression. Names that it does not contain can come from the Secret and are not quoted.
 * @throws {ExpressionError}
 */
export function parseResult(source: string, result: unknown): Generated {
  if (!isCelMap(result)) throw new ExpressionError('the result must be a map with "headers" or "query"');
  for (const key of result.keys()) {
    if (key !== 'headers' && key !== 'query') {
      throw new ExpressionError('the result has a key that is neither "headers" nor "query"');
    }
  }
  const limit = proxyLimits.generators;
  const headers = pairsOf('headers', result.get('headers'), limit.headers);
  const query = pairsOf('query', result.get('query'), limit.parameters);
  const characters = [...headers, ...query].reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (characters > limit.resultCharacters) {
    throw new ExpressionError(`the result has more than ${limit.resultCharacters} characters`);
  }
  const shown = (name: string, at: number): string => (source.includes(name) ? quote(name) : `number ${at + 1}`);
  checkNames('headers', headers, shown, headerNameProblem, canonicalHeaderName);
  checkNames('query', query, shown, parameterNameProblem, canonicalParameterName);
  for (const [at, [name, value]] of headers.entries()) {
    if (!/^[\x20-\x7e]*$/.test(value)) {
      throw new ExpressionError(`the value of headers ${shown(name, at)} has characters that no header can have`);
    }
  }
  return { headers: headers.map(([name, value]) => [name, value.trim()]), query };
}

function pairsOf(field: string, value: unknown, most: number): NamesAndValues {
  if (value === undefined) return [];
  if (!isCelMap(value)) throw new ExpressionError(`${field} must be a map`);
  if (value.size > most) throw new ExpressionError(`${field} has more than ${most} names`);
  return [...value].map(([name, text]) => {
    if (typeof name !== 'string' || typeof text !== 'string') {
      throw new ExpressionError(`names and values of ${field} must be strings: use string()`);
    }
    return [name, text];
  });
}

function checkNames(
  field: string,
  pairs: NamesAndValues,
  shown: (name: string, at: number) => string,
  problemOf: (name: string) => string | undefined,
  canonical: (name: string) => string,
): void {
  for (const [at, [name]] of pairs.entries()) {
    const problem = problemOf(name);
    if (problem !== undefined) throw new ExpressionError(`${field} ${shown(name, at)} ${problem}`);
  }
  const names = new Set(pairs.map(([name]) => canonical(name)));
  if (names.size < pairs.length) throw new ExpressionError(`${field} has the same name in two spellings`);
}
