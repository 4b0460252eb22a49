import { createHash, createHmac } from 'node:crypto';
import { CelScalar, celFunc, celMap, isCelError, isCelMap } from '@bufbuild/cel';
import type { CelError, CelFunc, CelInput } from '@bufbuild/cel';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { BoundedMap } from '../../../shared/limits/bounded-map.ts';
import { quote } from '../../../shared/message-text.ts';
import { countedEnvironment, planIn } from '../../cel/counted-environment.ts';
import type { Planned } from '../../cel/counted-environment.ts';
import { Work } from '../../cel/work.ts';
import { proxyLimits } from '../../limits.ts';
import { canonicalParameterName, isOverridingHeader, isOverridingParameter } from '../../rules/overrides.ts';
import { canonicalHeaderName } from '../../tool/headers.ts';

/** Values that an expression sees. */
export interface GeneratorInput {
  readonly secret: NamesAndValues;
  readonly request: GeneratorRequest;
  readonly nowMs: number;
}

/** The result of an expression. Messages contain parts of the expression, but none of the Secret or of the request. */
export type GeneratorOutcome =
  | (Generated & { readonly kind: 'generated' })
  | BrokenExpression
  /** The Secret lacks this key. */
  | { readonly kind: 'missing'; readonly key: string }
  /** The expression cannot be evaluated for this Secret or, unless it is fixed, for this request. */
  | { readonly kind: 'failed'; readonly message: string; readonly isFixed: boolean };

/** An expression that is wrong for every Secret and request. */
interface BrokenExpression {
  readonly kind: 'broken';
  readonly message: string;
}

interface Compiled extends Planned {
  readonly kind: 'compiled';
  /** Whether it names neither `request` nor `now`, so that it depends on the Secret alone. */
  readonly isFixed: boolean;
}

/** Messages of the evaluator that have only names of functions and types. Others can quote the Secret. */
const safeMessages = [
  /^unbound function: [\w.]{1,40}$/,
  /^unresolved attribute$/,
  /^found no matching overload for '[^']{1,40}' applied to '[\w(), .]{1,200}'$/,
  /^type mismatch: [\w :,]{1,80}$/,
];

/** Compiles and evaluates expressions, and keeps compiled ones. Counted work is their only limit. */
export class GeneratorEvaluator {
  readonly #work = new Work(proxyLimits.generators.work);
  readonly #environment = countedEnvironment(this.#work, ownFunctions());
  readonly #compiled = new BoundedMap<Compiled | BrokenExpression>(proxyLimits.generators.compiled);

  compile(cel: string): Compiled | BrokenExpression {
    const known = this.#compiled.get(cel);
    if (known !== undefined) return known;
    let compiled: Compiled | BrokenExpression;
    try {
      const isFixed = !/\b(?:request|now)\b/.test(cel);
      compiled = { kind: 'compiled', ...planIn(this.#environment, cel), isFixed };
    } catch (error) {
      compiled = { kind: 'broken', message: problemOf(error) };
    }
    this.#compiled.set(cel, compiled);
    return compiled;
  }

  evaluate(cel: string, { request, secret, nowMs }: GeneratorInput): GeneratorOutcome {
    const compiled = this.compile(cel);
    if (compiled.kind === 'broken') return compiled;
    const { evaluate, isFixed } = compiled;
    const variables: Record<string, CelInput> = {
      secret: celMap(new Map(secret)),
      request: celMap(new Map(Object.entries(request))),
      now: timestampFromMs(nowMs),
    };
    try {
      const result = this.#work.evaluate(() => evaluate(variables));
      if (isCelError(result)) return failureOf(result, cel, compiled, this.#work.exceeded);
      return { kind: 'generated', ...parseResult(cel, result) };
    } catch (error) {
      return { kind: 'failed', message: problemOf(error), isFixed };
    }
  }
}

/** Returns the functions of generators in addition to those of CEL. */
function ownFunctions(): readonly CelFunc[] {
  const { BYTES, STRING } = CelScalar;
  const sha256 = (data: string | Uint8Array): Uint8Array => createHash('sha256').update(data).digest();
  const hmac = (key: string | Uint8Array, data: string | Uint8Array): Uint8Array =>
    createHmac('sha256', key).update(data).digest();
  const texts = [STRING, BYTES] as const;
  return [
    ...texts.map((type) => celFunc('base64.encode', [type], STRING, (data) => Buffer.from(data).toString('base64'))),
    ...texts.map((type) => celFunc('sha256', [type], BYTES, sha256)),
    ...texts.flatMap((key) => texts.map((data) => celFunc('hmac.sha256', [key, data], BYTES, hmac))),
    celFunc('hex.encode', [BYTES], STRING, (data) => Buffer.from(data).toString('hex')),
  ];
}

function failureOf(
  error: CelError,
  cel: string,
  { isFixed, offsets }: Compiled,
  exceeded: Error | undefined,
): GeneratorOutcome {
  if (exceeded !== undefined) return { kind: 'failed', message: exceeded.message, isFixed };
  const [, key] = /^field not found: ([-.\w]{1,253})$/.exec(error.message) ?? [];
  // A key that the expression computes can be a value of the Secret.
  const isWritten = [`secret.${String(key)}`, `secret["${String(key)}"]`].some((text) => cel.includes(text));
  if (key !== undefined && isWritten) return { kind: 'missing', key };
  const isSafe = safeMessages.some((pattern) => pattern.test(error.message));
  const problem = isSafe
    ? error.message
    : 'cannot be evaluated: a key is missing, or a value has the wrong type or range';
  const offset = offsets[String(error.exprId)];
  return {
    kind: 'failed',
    message: offset === undefined ? problem : `${positionOf(cel, offset)}: ${problem}`,
    isFixed,
  };
}

/** Returns the position of an offset for messages: `line 2, column 7`. */
function positionOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/** Returns the problem of an expression, with its position. */
function problemOf(error: unknown): string {
  if (error instanceof ExpressionError) return error.message;
  if (error instanceof RangeError) return 'is nested too deep: make it flatter';
  if (!(error instanceof Error)) return 'cannot be read';
  const [, line, column, problem = ''] = /^<input>:(\d+):(\d+): ([^]*)$/.exec(error.message) ?? [];
  if (line === undefined || column === undefined) return `cannot be read: ${quote(error.message)}`;
  const [, found] = /^found ([^]{1,100}?) but expecting /.exec(problem) ?? [];
  const shown = found === undefined || found === 'end of input' ? found : quote(found);
  return `line ${line}, column ${column}: ${shown === undefined ? quote(problem) : `unexpected ${shown}`}`;
}

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
