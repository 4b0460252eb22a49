import type { ByteString } from '../byte-string.ts';
import { formatValue } from '../fmt/print.ts';
import type { CallContext } from '../function.ts';
import { GoInt, GoSlice, stringSlice, type GoValue } from '../values.ts';

/** sprig's strval: a value as text, as `%v` prints it, but bytes as they are. */
export function toText(context: CallContext, value: GoValue): ByteString {
  if (value instanceof GoSlice && value.elementType === 'uint8') {
    return value
      .toArray()
      .map((byte) => (byte instanceof GoInt ? String.fromCharCode(Number(byte.value)) : ''))
      .join('');
  }
  return formatValue(context, value);
}

/**
 * sprig's strslice: a []string is itself, not a copy; of other lists each element that is not nil; nil is no element,
 * any other value a single one.
 */
export function toTextSlice(context: CallContext, value: GoValue): GoSlice {
  if (!(value instanceof GoSlice)) return stringSlice(value === null ? [] : [toText(context, value)]);
  if (value.elementType === 'string') return value;
  context.allocate(16 * value.length);
  const elements = value.toArray().filter((element) => element !== null);
  return stringSlice(elements.map((element) => toText(context, element)));
}

/** The texts of a list that `toTextSlice` made, or of any []string. */
export function textsOf(slice: GoSlice): ByteString[] {
  return slice.toArray().map((element) => (typeof element === 'string' ? element : ''));
}

/** The length of the texts with a separator between them. */
export function joinedLength(texts: readonly ByteString[], separator: ByteString): number {
  const gaps = Math.max(texts.length - 1, 0) * separator.length;
  return texts.reduce((sum, text) => sum + text.length, gaps);
}
