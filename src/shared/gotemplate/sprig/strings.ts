import type { ByteString } from '../byte-string.ts';
import { formatValue } from '../fmt/print.ts';
import { GoError, goFunction, type CallContext, type GoFunction } from '../function.ts';
import { quote } from '../quote.ts';
import { GoMap, GoSlice, stringSlice, type GoValue } from '../values.ts';
import { repeatText, replaceAll, splitText, trimCutset, trimSpace } from './go-strings.ts';
import { Needle } from './needle.ts';
import { joinedLength, textsOf, toText, toTextSlice } from './text.ts';

const any = 'interface {}';

function repeat(context: CallContext, count: bigint, text: ByteString): ByteString {
  if (count < 0n) throw new GoError('strings: negative Repeat count');
  return repeatText(context, text, count);
}

function indent(context: CallContext, spaces: bigint, text: ByteString): ByteString {
  context.charge(text.length / 32);
  const pad = repeat(context, spaces, ' ');
  context.allocate(text.length + pad.length * (1 + new Needle(context, '\n').countIn(text)));
  return pad + text.replaceAll('\n', `\n${pad}`);
}

/** The start or, for a negative count, the end of the text, in bytes. */
function trunc(count: bigint, text: ByteString): ByteString {
  const length = BigInt(text.length);
  if (count < 0n) return length + count > 0n ? text.slice(Number(count)) : text;
  return length > count ? text.slice(0, Number(count)) : text;
}

function boundsError(bounds: string): GoError {
  return new GoError(`runtime error: slice bounds out of range ${bounds}`); // wording: Go's text
}

/** text[start:end] with Go's panics; a negative start means text[:end], an end that is not in the text its end. */
function substr(start: bigint, end: bigint, text: ByteString): ByteString {
  const length = BigInt(text.length);
  if (start < 0n) {
    if (end < 0n) throw boundsError(`[:${end.toString()}]`);
    if (end > length) throw boundsError(`[:${end.toString()}] with length ${length.toString()}`);
    return text.slice(0, Number(end));
  }
  const to = end < 0n || end > length ? length : end;
  if (start > to) throw boundsError(`[${start.toString()}:${to.toString()}]`);
  return text.slice(Number(start), Number(to));
}

function quoteAll(
  context: CallContext,
  values: readonly GoValue[],
  quoted: (value: GoValue) => ByteString,
): ByteString {
  const texts = values.filter((value) => value !== null).map(quoted);
  context.allocate(joinedLength(texts, ' '));
  return texts.join(' ');
}

/** Values with spaces between them; the spaces count as a format's ends, so only those of no value at all are trimmed. */
function cat(context: CallContext, values: readonly GoValue[]): ByteString {
  return quoteAll(context, values, (value) => formatValue(context, value));
}

function join(context: CallContext, separator: ByteString, value: GoValue): ByteString {
  const texts = textsOf(toTextSlice(context, value));
  context.allocate(joinedLength(texts, separator));
  return texts.join(separator);
}

/** Memory of an entry of a map without its key's digits and its value, in bytes. */
const entryBytes = 96;
const stepsPerEntry = 8;

function numbered(context: CallContext, parts: readonly ByteString[] = []): GoMap {
  context.allocate(entryBytes * parts.length);
  context.charge(stepsPerEntry * parts.length);
  return new GoMap('string', new Map(parts.map((part, index) => [`_${index.toString()}`, part])));
}

/** Go's sort.Strings in place: the order is by bytes, and it shows in every slice of the same array. */
function sortAlpha(context: CallContext, value: GoValue): GoValue {
  // A value that is no list becomes a list of one element, nil too, which as a list would be empty.
  if (!(value instanceof GoSlice)) return stringSlice([toText(context, value)]);
  const slice = toTextSlice(context, value);
  context.charge(slice.length * Math.ceil(Math.log2(slice.length + 1)));
  for (const [index, text] of textsOf(slice).sort(compare).entries()) slice.setAt(index, text);
  return slice;
}

function compare(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const searchFunctions: readonly GoFunction[] = [
  goFunction({ name: 'contains', params: ['string', 'string'] }, (context, part, text) => {
    context.charge(text.length / 32);
    return new Needle(context, part).indexIn(text) >= 0;
  }),
  goFunction({ name: 'hasPrefix', params: ['string', 'string'] }, (_, prefix, text) => text.startsWith(prefix)),
  goFunction({ name: 'hasSuffix', params: ['string', 'string'] }, (_, suffix, text) => text.endsWith(suffix)),
  goFunction({ name: 'replace', params: ['string', 'string', 'string'] }, (context, old, replacement, text) =>
    replaceAll(context, text, old, replacement),
  ),
];

const trimFunctions: readonly GoFunction[] = [
  goFunction({ name: 'trim', params: ['string'] }, (context, text) => {
    context.charge(text.length / 32);
    return trimSpace(text);
  }),
  ...['trimAll', 'trimall'].map((name) =>
    goFunction({ name, params: ['string', 'string'] }, (context, cutset, text) => {
      context.charge(text.length + cutset.length);
      return trimCutset(text, cutset);
    }),
  ),
  goFunction({ name: 'trimSuffix', params: ['string', 'string'] }, (_, suffix, text) =>
    text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text,
  ),
  goFunction({ name: 'trimPrefix', params: ['string', 'string'] }, (_, prefix, text) =>
    text.startsWith(prefix) ? text.slice(prefix.length) : text,
  ),
  goFunction({ name: 'trunc', params: ['int', 'string'] }, (_, count, text) => trunc(count, text)),
  goFunction({ name: 'substr', params: ['int', 'int', 'string'] }, (_, start, end, text) => substr(start, end, text)),
];

const compositionFunctions: readonly GoFunction[] = [
  goFunction({ name: 'hello', params: [] }, () => 'Hello!'),
  goFunction({ name: 'repeat', params: ['int', 'string'] }, repeat),
  goFunction({ name: 'indent', params: ['int', 'string'] }, indent),
  goFunction(
    { name: 'nindent', params: ['int', 'string'] },
    (context, spaces, text) => `\n${indent(context, spaces, text)}`,
  ),
  goFunction({ name: 'plural', params: ['string', 'string', 'int'] }, (_, one, many, count) =>
    count === 1n ? one : many,
  ),
  goFunction({ name: 'quote', params: [], variadic: any }, (context, ...values) =>
    quoteAll(context, values, (value) => {
      const text = toText(context, value);
      context.charge(text.length / 2);
      return quote(text);
    }),
  ),
  goFunction({ name: 'squote', params: [], variadic: any }, (context, ...values) =>
    quoteAll(context, values, (value) => `'${formatValue(context, value)}'`),
  ),
  goFunction({ name: 'cat', params: [], variadic: any }, (context, ...values) => cat(context, values)),
  goFunction({ name: 'toString', params: [any] }, toText),
];

const listFunctions: readonly GoFunction[] = [
  goFunction({ name: 'join', params: ['string', any] }, join),
  goFunction({ name: 'toStrings', params: [any] }, toTextSlice),
  goFunction({ name: 'sortAlpha', params: [any] }, sortAlpha),
  goFunction({ name: 'split', params: ['string', 'string'] }, (context, separator, text) =>
    numbered(context, splitText(context, text, separator, -1)),
  ),
  goFunction({ name: 'splitn', params: ['string', 'int', 'string'] }, (context, separator, limit, text) =>
    numbered(context, splitText(context, text, separator, Number(limit))),
  ),
  goFunction({ name: 'splitList', params: ['string', 'string'] }, (context, separator, text) =>
    stringSlice(splitText(context, text, separator, -1) ?? []),
  ),
];

export const stringFunctions: readonly GoFunction[] = [
  ...searchFunctions,
  ...trimFunctions,
  ...compositionFunctions,
  ...listFunctions,
];
