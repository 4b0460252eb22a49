import { type ByteString, decodeRune, encodeRune } from '../byte-string.ts';
import type { CallContext } from '../function.ts';
import { GoInt, GoObject, type GoValue, typeName } from '../values.ts';
import { Printer } from './printer.ts';

/** Limit of widths and precisions; larger ones are rejected, as in Go. */
const maxNumber = 1_000_000;

/** One run over a format string. Each directive is `%[flags][width][.precision][argument index]verb`. */
class Printf {
  readonly #context: CallContext;
  readonly #printer: Printer;
  readonly #format: ByteString;
  readonly #operands: readonly GoValue[];
  #offset = 0;
  #next = 0;
  /** Whether some `[n]` was used: then leftover operands are no mistake. */
  #reordered = false;
  #goodIndex = true;
  /** Whether the item just read was an index such as `[3]`. */
  #afterIndex = false;

  constructor(context: CallContext, format: ByteString, operands: readonly GoValue[]) {
    this.#context = context;
    this.#printer = new Printer(context);
    this.#format = format;
    this.#operands = operands;
  }

  run(): ByteString {
    while (this.#offset < this.#format.length) {
      const percent = this.#format.indexOf('%', this.#offset);
      const stop = percent < 0 ? this.#format.length : percent;
      this.#printer.write(this.#format.slice(this.#offset, stop));
      this.#offset = stop + 1;
      if (percent >= 0) this.#directive();
    }
    if (!this.#reordered && this.#next < this.#operands.length) this.#writeExtra();
    return this.#printer.finish();
  }

  #peek(): string {
    return this.#format.charAt(this.#offset);
  }

  #directive(): void {
    this.#context.charge(1);
    this.#printer.clearFlags();
    this.#goodIndex = true;
    this.#readFlags();
    this.#readIndex();
    this.#readWidth();
    this.#readPrecision();
    if (!this.#afterIndex) this.#readIndex();
    if (this.#offset >= this.#format.length) {
      this.#printer.write('%!(NOVERB)');
      return;
    }
    const { rune, size } = decodeRune(this.#format, this.#offset);
    this.#offset += size;
    this.#printVerb(encodeRune(rune));
  }

  #readFlags(): void {
    while ('#0+- '.includes(this.#peek()) && this.#offset < this.#format.length) {
      this.#setFlag(this.#peek());
      this.#offset++;
    }
  }

  #setFlag(mark: string): void {
    if (mark === '#') this.#printer.sharp = true;
    else if (mark === '0') this.#printer.zero = true;
    else if (mark === '+') this.#printer.plus = true;
    else if (mark === '-') this.#printer.minus = true;
    else this.#printer.space = true;
  }

  /** `[n]`, which makes operand n the next one. */
  #readIndex(): void {
    this.#afterIndex = false;
    if (this.#peek() !== '[') return;
    this.#reordered = true;
    const close = this.#format.indexOf(']', this.#offset);
    if (close < 0 || this.#format.length < this.#offset + 3) {
      this.#goodIndex = false;
      this.#offset++;
      return;
    }
    const text = this.#format.slice(this.#offset + 1, close);
    const index = /^[0-9]+$/.test(text) ? bounded(Number(text)) : undefined;
    this.#offset = close + 1;
    if (index !== undefined && index >= 1 && index <= this.#operands.length) {
      this.#next = index - 1;
      this.#afterIndex = true;
    } else {
      this.#goodIndex = false;
      this.#afterIndex = index !== undefined;
    }
  }

  #readWidth(): void {
    const printer = this.#printer;
    if (this.#peek() !== '*') {
      printer.width = this.#readNumber();
      if (this.#afterIndex && printer.width !== undefined) this.#goodIndex = false; // %[3]2d
      return;
    }
    this.#offset++;
    const width = this.#takeInteger();
    if (width === undefined) printer.write('%!(BADWIDTH)');
    else printer.width = Math.abs(width);
    if (width !== undefined && width < 0) {
      printer.minus = true;
      printer.zero = false;
    }
    this.#afterIndex = false;
  }

  #readPrecision(): void {
    const printer = this.#printer;
    if (this.#peek() !== '.' || this.#offset + 1 >= this.#format.length) return;
    this.#offset++;
    if (this.#afterIndex) this.#goodIndex = false; // %[3].2d
    this.#readIndex();
    if (this.#peek() !== '*') {
      printer.precision = this.#readNumber() ?? 0;
      return;
    }
    this.#offset++;
    const precision = this.#takeInteger();
    if (precision === undefined || precision < 0) printer.write('%!(BADPREC)');
    else printer.precision = precision;
    this.#afterIndex = false;
  }

  /** Digits at the offset; too large a number swallows the rest of the format, as in Go. */
  #readNumber(): number | undefined {
    let value: number | undefined;
    for (; /[0-9]/.test(this.#peek()); this.#offset++) {
      if ((value ?? 0) > maxNumber) {
        this.#offset = this.#format.length;
        return undefined;
      }
      value = (value ?? 0) * 10 + Number(this.#peek());
    }
    return value;
  }

  /** The next operand as a width or precision; undefined when it is absent, no integer or too large. */
  #takeInteger(): number | undefined {
    const operand = this.#operands[this.#next];
    if (operand === undefined) return undefined;
    this.#next++;
    const value = operand instanceof GoInt ? operand.value : integerUnder(operand);
    return value === undefined ? undefined : bounded(Number(value));
  }

  #printVerb(verb: ByteString): void {
    const printer = this.#printer;
    const operand = this.#operands[this.#next];
    if (verb === '%') {
      printer.write('%');
    } else if (!this.#goodIndex) {
      printer.write(`%!${verb}(BADINDEX)`);
    } else if (operand === undefined) {
      printer.write(`%!${verb}(MISSING)`);
    } else {
      if (verb === 'v' || verb === 'w') this.#useValueFlags();
      printer.printOperand(operand, verb);
      this.#next++;
    }
  }

  /** With %v, `#` and `+` mean Go syntax and field names instead of what they mean for numbers. */
  #useValueFlags(): void {
    const printer = this.#printer;
    printer.sharpV = printer.sharp;
    printer.sharp = false;
    printer.plusV = printer.plus;
    printer.plus = false;
  }

  #writeExtra(): void {
    const printer = this.#printer;
    printer.clearFlags();
    printer.write('%!(EXTRA ');
    for (const [index, operand] of this.#operands.slice(this.#next).entries()) {
      if (index > 0) printer.write(', ');
      if (operand !== null) printer.write(`${typeName(operand)}=`);
      printer.printOperand(operand, 'v');
    }
    printer.write(')');
  }
}

function bounded(value: number): number | undefined {
  return Math.abs(value) > maxNumber ? undefined : value;
}

function integerUnder(value: GoValue): bigint | undefined {
  return value instanceof GoObject ? value.type.integer?.(value.data) : undefined;
}

/** fmt.Sprintf. Never fails on a wrong verb or operand: the text says what was wrong, as in Go. */
export function sprintf(context: CallContext, format: ByteString, operands: readonly GoValue[]): ByteString {
  return new Printf(context, format, operands).run();
}
