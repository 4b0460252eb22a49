import { byteTable, replaceBytes } from '../byte-builder.ts';
import type { ByteString } from '../byte-string.ts';
import { goFunction, type CallContext, type GoFunction } from '../function.ts';
import { GoSlice, stringSlice } from '../values.ts';
import { appendedCapacity, appendedSlice } from '../capacity.ts';
import { Regex } from './regex-match.ts';
import { compileError, PatternError } from './regex-pattern.ts';
import { parseReplacement, replaceMatches } from './regex-replace.ts';

/** Number of matches for which Go allocates memory at first. */
const matchesRoom = 10;

function findAll(regex: Regex, text: ByteString, limit: bigint): GoSlice {
  const matches = regex.all(text, Number(limit)).map((match) => match.group(0) ?? '');
  if (matches.length === 0) return GoSlice.nil('string');
  return appendedSlice('string', matches, appendedCapacity(matches.length, 'string', matchesRoom));
}

/** Go's Regexp.Split: at most `limit` parts, all for a negative limit, nil for zero. */
function split(regex: Regex, text: ByteString, limit: bigint, isEmptyPattern: boolean): GoSlice {
  if (limit === 0n) return GoSlice.nil('string');
  if (text === '' && !isEmptyPattern) return stringSlice(['']);
  const parts: ByteString[] = [];
  let start = 0;
  let end = 0;
  const matches = regex.all(text, Number(limit));
  for (const match of matches) {
    if (limit > 0n && BigInt(parts.length) === limit - 1n) break;
    end = match.start;
    if (match.end !== 0) parts.push(text.slice(start, end));
    start = match.end;
  }
  if (end !== text.length) parts.push(text.slice(start));
  return appendedSlice('string', parts, appendedCapacity(parts.length, 'string', matches.length));
}

/** Both names of a function: the plain one panics on a wrong pattern, as Go's MustCompile, the other gives the error. */
function both(name: string, describe: (name: string, compile: typeof compileStrictly) => GoFunction): GoFunction[] {
  const must = `must${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  return [describe(name, compileOrPanic), describe(must, compileStrictly)];
}

function compileStrictly(context: CallContext, pattern: ByteString): Regex {
  return new Regex(context, pattern);
}

function compileOrPanic(context: CallContext, pattern: ByteString): Regex {
  try {
    return new Regex(context, pattern);
  } catch (error) {
    throw error instanceof PatternError ? compileError(pattern, error) : error;
  }
}

/** regexMatch takes a wrong pattern for one that does not match. */
function matchesLeniently(context: CallContext, pattern: ByteString, text: ByteString): boolean {
  try {
    return new Regex(context, pattern).matches(text);
  } catch (error) {
    if (error instanceof PatternError) return false;
    throw error;
  }
}

/** The marks that mean something in a pattern, each after a backslash. */
const quotedMarks = byteTable((byte) => ('\\.+*?()|[]{}^$'.includes(byte) ? `\\${byte}` : undefined));

const string = 'string';

export const regexFunctions: readonly GoFunction[] = [
  goFunction({ name: 'regexMatch', params: [string, string] }, matchesLeniently),
  goFunction({ name: 'mustRegexMatch', params: [string, string] }, (context, pattern, text) =>
    new Regex(context, pattern).matches(text),
  ),
  ...both('regexFind', (name, compile) =>
    goFunction(
      { name, params: [string, string] },
      (context, pattern, text) => compile(context, pattern).first(text)?.group(0) ?? '',
    ),
  ),
  ...both('regexFindAll', (name, compile) =>
    goFunction({ name, params: [string, string, 'int'] }, (context, pattern, text, limit) =>
      findAll(compile(context, pattern), text, limit),
    ),
  ),
  ...both('regexSplit', (name, compile) =>
    goFunction({ name, params: [string, string, 'int'] }, (context, pattern, text, limit) =>
      split(compile(context, pattern), text, limit, pattern === ''),
    ),
  ),
  ...both('regexReplaceAll', (name, compile) =>
    goFunction({ name, params: [string, string, string] }, (context, pattern, text, replacement) =>
      replaceMatches(context, compile(context, pattern), text, parseReplacement(context, replacement)),
    ),
  ),
  ...both('regexReplaceAllLiteral', (name, compile) =>
    goFunction({ name, params: [string, string, string] }, (context, pattern, text, replacement) =>
      replaceMatches(context, compile(context, pattern), text, [replacement]),
    ),
  ),
  goFunction({ name: 'regexQuoteMeta', params: [string] }, (context, text) => {
    context.charge(text.length / 4);
    context.allocate(2 * text.length);
    return replaceBytes(text, quotedMarks);
  }),
];
