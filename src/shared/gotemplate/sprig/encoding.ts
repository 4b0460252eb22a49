import { fromBytes, toBytes, type ByteString } from '../byte-string.ts';
import { goFunction, stepsPerFailure, type CallContext, type GoFunction } from '../function.ts';
import { ByteBuilder } from '../byte-builder.ts';

/**
 * Base64 and base32 as Go's encoding packages decode them: the standard alphabets with padding, line breaks ignored.
 * Node's own decoder takes almost anything for base64, so the text is checked first. A failure's message, with the
 * position that Go names, is the value of sprig's b64dec and b32dec.
 */

const base64Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const base32Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The value of each byte in an alphabet; 255 for those that are not in it. */
function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(256).fill(255);
  for (let value = 0; value < alphabet.length; value++) values[alphabet.charCodeAt(value)] = value;
  return values;
}

const base64Values = valuesOf(base64Alphabet);
const base32Values = valuesOf(base32Alphabet);

/** Text that is not in the encoding; the message is Go's. */
export class CorruptInputError extends Error {
  override readonly name = 'CorruptInputError';
}

function corrupt(encoding: 'base64' | 'base32', offset: number): CorruptInputError {
  return new CorruptInputError(`illegal ${encoding} data at input byte ${offset.toString()}`);
}

function isLineBreak(char: string | undefined): boolean {
  return char === '\n' || char === '\r';
}

function skipLineBreaks(text: ByteString, from: number): number {
  let at = from;
  while (isLineBreak(text[at])) at++;
  return at;
}

/** Where Go's decoder complains about base64 text; undefined when it is well formed. */
function base64Fault(text: ByteString): number | undefined {
  for (let at = 0; ;) {
    let taken = 0;
    while (taken < 4) {
      at = skipLineBreaks(text, at);
      const char = text[at];
      if (char === undefined) return taken === 0 ? undefined : at - taken;
      at++;
      if (base64Values[char.charCodeAt(0)] !== 255) taken++;
      else return char === '=' && taken >= 2 ? paddingFault(text, at, taken) : at - 1;
    }
  }
}

/** Checks what follows the first `=` after two or three characters of a group. */
function paddingFault(text: ByteString, after: number, taken: number): number | undefined {
  let at = skipLineBreaks(text, after);
  if (taken === 2) {
    if (at >= text.length) return text.length;
    if (text[at] !== '=') return at - 1;
    at = skipLineBreaks(text, at + 1);
  }
  return at < text.length ? at : undefined;
}

/**
 * base64.StdEncoding.DecodeString.
 * @throws {CorruptInputError} with Go's message.
 */
export function decodeBase64(context: CallContext, text: ByteString): ByteString {
  context.allocate(text.length);
  const fault = base64Fault(text);
  if (fault !== undefined) throw corrupt('base64', fault);
  return fromBytes(Buffer.from(text, 'base64'));
}

function encodeBase64(context: CallContext, text: ByteString): ByteString {
  context.allocate((text.length * 4) / 3 + 4);
  return toBytes(text).toString('base64');
}

function encodeBase32(context: CallContext, text: ByteString): ByteString {
  context.allocate((text.length * 8) / 5 + 8);
  context.charge(text.length);
  const encoded = new ByteBuilder();
  let bits = 0;
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    bits = ((bits << 8) | text.charCodeAt(at)) & 0xfff;
    count += 8;
    for (; count >= 5; count -= 5) encoded.add(base32Alphabet.charAt((bits >> (count - 5)) & 31));
  }
  if (count > 0) encoded.add(base32Alphabet.charAt((bits << (5 - count)) & 31));
  return encoded.add('='.repeat((8 - (encoded.length % 8)) % 8)).toString();
}

/** How many characters may stand before the padding in the last group of eight. */
const partialGroups = new Set([2, 4, 5, 7]);

function decodeBase32(context: CallContext, text: ByteString): ByteString {
  context.allocate(text.length);
  context.charge(text.length);
  const digits = text.replaceAll(/[\r\n]/g, '');
  const decoded = new ByteBuilder();
  const end = base32End(digits);
  let bits = 0;
  let count = 0;
  for (let at = 0; at < end; at++) {
    bits = ((bits << 5) | (base32Values[digits.charCodeAt(at)] ?? 0)) & 0xfff;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    decoded.addByte((bits >> count) & 0xff);
  }
  return decoded.toString();
}

/**
 * Where the padding starts.
 * @throws {CorruptInputError} with Go's message for text that is not base32.
 */
function base32End(digits: ByteString): number {
  for (let at = 0; at < digits.length; at++) {
    const inGroup = at % 8;
    const left = digits.length - at - 1;
    if (digits[at] === '=' && inGroup >= 2 && left < 8) return checkedPadding(digits, at, inGroup, left);
    if (base32Values[digits.charCodeAt(at)] === 255) throw corrupt('base32', at);
  }
  if (digits.length % 8 !== 0) throw corrupt('base32', digits.length - (digits.length % 8));
  return digits.length;
}

function checkedPadding(digits: ByteString, at: number, inGroup: number, left: number): number {
  if (left + inGroup < 7) throw corrupt('base32', digits.length);
  for (let next = 0; next < 7 - inGroup; next++) {
    if (left > next && digits[at + 1 + next] !== '=') throw corrupt('base32', at + next);
  }
  if (!partialGroups.has(inGroup)) throw corrupt('base32', at);
  return at;
}

/** The decoded text or, as sprig gives it, the message of what is wrong with it. */
function orMessage(decode: (context: CallContext, text: ByteString) => ByteString) {
  return (context: CallContext, text: ByteString): ByteString => {
    try {
      return decode(context, text);
    } catch (error) {
      context.charge(stepsPerFailure);
      if (error instanceof CorruptInputError) return error.message;
      throw error;
    }
  };
}

export const encodingFunctions: readonly GoFunction[] = [
  goFunction({ name: 'b64enc', params: ['string'] }, encodeBase64),
  goFunction({ name: 'b64dec', params: ['string'] }, orMessage(decodeBase64)),
  goFunction({ name: 'b32enc', params: ['string'] }, encodeBase32),
  goFunction({ name: 'b32dec', params: ['string'] }, orMessage(decodeBase32)),
];
