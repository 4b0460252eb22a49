import { decodeRunes, encodeRunes, type ByteString } from '../byte-string.ts';
import { GoError, goFunction, type CallContext, type GoFunction } from '../function.ts';
import { ByteBuilder } from '../byte-builder.ts';

/** Random bytes per call of the source; more than one value is cut from them. */
const batchBytes = 4096;

/** An even choice of 0 <= n < width from eight random bytes, discarding what would favour small numbers. */
export function randomInt(context: CallContext, width: bigint): bigint {
  const range = 1n << 64n;
  const limit = range - (range % width);
  for (;;) {
    const bytes = context.randomBytes(8);
    const value = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
    if (value < limit) return value % width;
  }
}

/** Characters drawn evenly from an alphabet of at most 256. */
function randomText(context: CallContext, count: bigint, alphabet: string): ByteString {
  if (count <= 0n) return '';
  context.charge(Number(count) / 2);
  context.allocate(Number(count));
  const limit = 256 - (256 % alphabet.length);
  const text = new ByteBuilder();
  while (text.length < Number(count)) {
    for (const byte of context.randomBytes(Math.min(batchBytes, 2 * Number(count)))) {
      if (byte < limit && text.length < Number(count)) text.add(alphabet.charAt(byte % alphabet.length));
    }
  }
  return text.toString();
}

const upperLetters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const letters = upperLetters + upperLetters.toLowerCase();
const digits = '0123456789';
const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(0x20 + index)).join('');

const alphabets = { randAlphaNum: letters + digits, randAlpha: letters, randNumeric: digits, randAscii: printable };

/** Fisher and Yates' shuffle of the characters. */
function shuffle(context: CallContext, text: ByteString): ByteString {
  context.allocate(16 * text.length);
  const runes = decodeRunes(text);
  for (let last = runes.length - 1; last > 0; last--) {
    const chosen = Number(randomInt(context, BigInt(last + 1)));
    const rune = runes[last] ?? 0;
    runes[last] = runes[chosen] ?? 0;
    runes[chosen] = rune;
  }
  return encodeRunes(runes);
}

function randomBytes(context: CallContext, count: bigint): ByteString {
  if (count < 0n) throw new GoError('runtime error: makeslice: len out of range');
  context.allocate(3 * Number(count));
  return Buffer.from(context.randomBytes(Number(count))).toString('base64');
}

/** A random UUID: version 4, variant of RFC 4122. */
function uuid(context: CallContext): ByteString {
  context.charge(30);
  const bytes = Buffer.from(context.randomBytes(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

export const randomFunctions: readonly GoFunction[] = [
  ...Object.entries(alphabets).map(([name, alphabet]) =>
    goFunction({ name, params: ['int'] }, (context, count) => randomText(context, count, alphabet)),
  ),
  goFunction({ name: 'randBytes', params: ['int'] }, randomBytes),
  goFunction({ name: 'shuffle', params: ['string'] }, shuffle),
  goFunction({ name: 'uuidv4', params: [] }, uuid),
];
