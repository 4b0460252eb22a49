import { ByteBuilder } from '../byte-builder.ts';
import { type ByteString, decodeRune, encodeRune, isAscii, runeCount, runeError } from '../byte-string.ts';
import { type FloatVerb, formatFloat } from '../float-format.ts';
import type { CallContext } from '../function.ts';
import { canBackquote, quote, quoteRune, quoteToAscii } from '../quote.ts';
import { isPrint } from '../unicode.ts';

/** Bytes written between two reports to the render's limits. */
const reportEvery = 1024;

/** Steps that finding the digits of a float takes. */
const stepsPerFloat = 20;

/**
 * Formats booleans, strings and numbers under printf's flags into a buffer: what Go's fmt does below the level of types.
 * Flags are set by the caller between two operands.
 */
export class Formatter {
  /** undefined: not given. Both are at most 1e6, as the callers ensure. */
  width: number | undefined;
  precision: number | undefined;
  minus = false;
  plus = false;
  sharp = false;
  space = false;
  zero = false;
  /** `%+v`: names of struct fields. */
  plusV = false;
  /** `%#v`: Go syntax. */
  sharpV = false;

  protected readonly context: CallContext;
  readonly #buffer = new ByteBuilder();
  #unreported = 0;

  constructor(context: CallContext) {
    this.context = context;
  }

  clearFlags(): void {
    this.width = undefined;
    this.precision = undefined;
    this.minus = false;
    this.plus = false;
    this.sharp = false;
    this.space = false;
    this.zero = false;
    this.plusV = false;
    this.sharpV = false;
  }

  write(text: ByteString): void {
    this.#buffer.add(text);
    this.#unreported += text.length;
    if (this.#unreported >= reportEvery) this.#report();
  }

  /** Returns the written text. */
  finish(): ByteString {
    this.#report();
    return this.#buffer.toString();
  }

  #report(): void {
    this.context.allocate(this.#unreported);
    this.#unreported = 0;
  }

  #writePadding(count: number, mark: string): void {
    if (count <= 0) return;
    this.context.allocate(count);
    this.#buffer.add(mark.repeat(count));
  }

  /** Writes `text` padded to the width; zeros are for the left side only. */
  pad(text: ByteString, zeros = this.zero): void {
    const missing = (this.width ?? 0) - (this.width === undefined ? 0 : runeCount(text));
    if (!this.minus) this.#writePadding(missing, zeros ? '0' : ' ');
    this.write(text);
    if (this.minus) this.#writePadding(missing, ' ');
  }

  formatBoolean(value: boolean): void {
    this.pad(value ? 'true' : 'false');
  }

  /** `text` cut to as many runes as the precision says. */
  #truncated(text: ByteString): ByteString {
    if (this.precision === undefined || text.length <= this.precision) return text;
    if (isAscii(text)) return text.slice(0, this.precision);
    let offset = 0;
    for (let count = 0; count < this.precision && offset < text.length; count++) {
      offset += decodeRune(text, offset).size;
    }
    return text.slice(0, offset);
  }

  formatString(text: ByteString): void {
    this.pad(this.#truncated(text));
  }

  formatQuoted(text: ByteString): void {
    const cut = this.#truncated(text);
    this.context.charge(cut.length >> 1);
    if (this.sharp && canBackquote(cut)) this.pad(`\`${cut}\``);
    else this.pad(this.plus ? quoteToAscii(cut) : quote(cut));
  }

  /** The bytes in hexadecimal: `%x`, `% x`, `%#x`. */
  formatHexString(text: ByteString, upper: boolean): void {
    const cut = this.precision === undefined ? text : text.slice(0, this.precision);
    this.context.allocate(cut.length * 2);
    const lower = Buffer.from(cut, 'latin1').toString('hex');
    const digits = upper ? lower.toUpperCase() : lower;
    const prefix = this.sharp && cut !== '' ? (upper ? '0X' : '0x') : '';
    this.pad(this.space ? this.#spacedPairs(digits, prefix) : prefix + digits);
  }

  /** The digits of each byte apart, as in `0x68 0x69`. */
  #spacedPairs(digits: string, prefix: string): string {
    this.context.allocate((digits.length / 2) * (prefix.length + 3));
    const pairs = new ByteBuilder();
    for (let at = 0; at < digits.length; at += 2) {
      if (at > 0) pairs.add(' ');
      pairs.add(prefix).add(digits.slice(at, at + 2));
    }
    return pairs.toString();
  }

  /** A whole number in `base`. `verb` only matters where it is `O` (prefix 0o) or `X` (capitals). */
  formatInteger(value: bigint, base: 2 | 8 | 10 | 16, verb: string): void {
    const negative = value < 0n;
    const digits = (negative ? -value : value).toString(base);
    if (this.precision === 0 && value === 0n) {
      this.pad('', false);
      return;
    }
    const sign = negative ? '-' : this.plus ? '+' : this.space ? ' ' : '';
    const minimum = this.#minimumDigits(sign);
    this.context.allocate(minimum);
    const padded = digits.padStart(minimum, '0');
    const text = this.#integerPrefix(padded, base, verb) + padded;
    this.pad(sign + (verb === 'X' ? text.toUpperCase() : text), false);
  }

  /** Leading zeros come from a precision or, without one, from `%0<width>`. */
  #minimumDigits(sign: string): number {
    if (this.precision !== undefined) return this.precision;
    return this.zero && !this.minus && this.width !== undefined ? this.width - sign.length : 0;
  }

  #integerPrefix(digits: string, base: number, verb: string): string {
    const octal = verb === 'O' ? '0o' : '';
    if (!this.sharp || base === 10) return octal;
    if (base === 8) return octal + (digits.startsWith('0') ? '' : '0');
    return base === 16 ? '0x' : '0b';
  }

  /** `%c`: the character, U+FFFD for what is none. */
  formatCharacter(value: bigint): void {
    this.pad(encodeRune(asRune(value)));
  }

  /** `%q` of a number: the character in single quotes. */
  formatQuotedCharacter(value: bigint): void {
    this.pad(quoteRune(asRune(value), this.plus));
  }

  /** `%U`: U+0078, with `#` also the character. Negative numbers count as 64 bits without sign. */
  formatUnicode(value: bigint): void {
    const code = BigInt.asUintN(64, value);
    const digits = Math.max(this.precision ?? 0, 4);
    this.context.allocate(digits);
    const shown = this.sharp && isRune(code) && isPrint(Number(code)) ? ` '${encodeRune(Number(code))}'` : '';
    this.pad(`U+${code.toString(16).toUpperCase().padStart(digits, '0')}${shown}`, false);
  }

  /** `precision` is what the verb takes when none is given; negative: as few digits as needed. */
  formatFloat(value: number, verb: FloatVerb, precision: number): void {
    const digits = this.precision ?? precision;
    if (digits > 0) this.context.allocate(digits);
    this.context.charge(stepsPerFloat);
    // All digits of the exact value are worked out, which for very large and very small numbers are hundreds.
    if (digits >= 0 && Number.isFinite(value) && value !== 0) {
      this.context.charge(Math.ceil(Math.abs(Math.log2(Math.abs(value))) / 2));
    }
    const number = formatFloat(value, verb, digits);
    const negative = number.startsWith('-');
    const unsigned = negative || number.startsWith('+') ? number.slice(1) : number;
    const sign = negative ? '-' : this.plus ? '+' : this.space ? ' ' : number.startsWith('+') ? '+' : '';
    if (!Number.isFinite(value)) {
      this.pad(sign + unsigned, false);
      return;
    }
    const text = this.sharp && verb !== 'b' ? withPoint(unsigned, verb, digits) : unsigned;
    const zeros = this.zero && !this.minus ? (this.width ?? 0) - sign.length - text.length : 0;
    if (sign === '' || zeros <= 0) {
      this.pad(sign + text);
      return;
    }
    this.write(sign);
    this.#writePadding(zeros, '0');
    this.write(text);
  }
}

function isRune(code: bigint): boolean {
  return code <= 0x10ffffn && !(code >= 0xd800n && code <= 0xdfffn);
}

function asRune(value: bigint): number {
  return value >= 0n && value <= 0x10ffffn ? Number(value) : runeError;
}

/**
 * The `#` flag for floats: always a decimal point, and for `%g` the trailing zeros up to the precision (6 when it is not
 * given). `text` has no sign.
 */
function withPoint(text: string, verb: FloatVerb, precision: number): string {
  const isHex = verb === 'x' || verb === 'X';
  const tailAt = text.search(isHex ? /[pP]/ : /[eE]/);
  const head = tailAt < 0 ? text : text.slice(0, tailAt);
  const tail = tailAt < 0 ? '' : text.slice(tailAt);
  const pointed = head.includes('.') ? head : `${head}.`;
  if (verb !== 'g' && verb !== 'G' && verb !== 'x') return pointed + tail;
  const wanted = precision < 0 ? 6 : precision;
  const significant = significantDigits(head);
  return pointed + '0'.repeat(Math.max(wanted - significant, 0)) + tail;
}

/** Digits from the first that is not zero; a lone `0` counts as one. */
function significantDigits(head: string): number {
  if (head === '0') return 1;
  return head.replace('.', '').replace(/^0+/, '').length;
}
