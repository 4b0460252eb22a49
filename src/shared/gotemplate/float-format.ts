/** strconv.FormatFloat for float64. */
export type FloatVerb = 'e' | 'E' | 'f' | 'g' | 'G' | 'b' | 'x' | 'X';

/** Decimal digits of a positive number: 0.d1d2d3… times 10^point. No digits: zero. */
interface Decimal {
  readonly digits: string;
  readonly point: number;
}

const zero: Decimal = { digits: '', point: 0 };

/** The fewest digits that read back as the same number; JavaScript and Go agree on them. */
function shortestDecimal(value: number): Decimal {
  if (value === 0) return zero;
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  return { digits: mantissa.replace('.', ''), point: Number(exponent) + 1 };
}

interface Binary {
  /** At most 53 bits. */
  readonly mantissa: bigint;
  /** value = mantissa * 2^exponent */
  readonly exponent: number;
}

function toBinary(value: number): Binary {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & ((1n << 52n) - 1n);
  return biased === 0
    ? { mantissa: fraction, exponent: -1074 }
    : { mantissa: fraction | (1n << 52n), exponent: biased - 1075 };
}

/** All digits of the number; a float64 has at most 767 of them. */
function exactDecimal(value: number): Decimal {
  if (value === 0) return zero;
  const { mantissa, exponent } = toBinary(value);
  const scaled = exponent >= 0 ? mantissa << BigInt(exponent) : mantissa * 5n ** BigInt(-exponent);
  const digits = scaled.toString();
  return { digits: digits.replace(/0+$/, ''), point: digits.length + Math.min(exponent, 0) };
}

/** `decimal` to at most `count` digits, halves to even. */
function roundTo(decimal: Decimal, count: number): Decimal {
  const { digits, point } = decimal;
  if (count >= digits.length) return decimal;
  if (count < 0) return zero;
  const kept = digits.slice(0, count);
  const rest = digits.slice(count);
  const odd = count > 0 && Number(kept.charAt(count - 1)) % 2 === 1;
  if (rest < '5' || (rest === '5' && !odd)) return trimmed(kept, point);
  const raised = (BigInt(kept === '' ? '0' : kept) + 1n).toString();
  return trimmed(raised, point + raised.length - count);
}

function trimmed(digits: string, point: number): Decimal {
  const significant = digits.replace(/0+$/, '');
  return significant === '' ? zero : { digits: significant, point };
}

/** d.dddde±dd with `fraction` digits after the point. */
function exponentForm({ digits, point }: Decimal, fraction: number, letter: string): string {
  const head = digits === '' ? '0' : digits.charAt(0);
  const tail = fraction > 0 ? `.${digits.slice(1, fraction + 1).padEnd(fraction, '0')}` : '';
  return `${head}${tail}${exponentText(digits === '' ? 0 : point - 1, letter)}`;
}

function exponentText(exponent: number, letter: string): string {
  return `${letter}${exponent < 0 ? '-' : '+'}${Math.abs(exponent).toString().padStart(2, '0')}`;
}

/** ddd.dddd with `fraction` digits after the point. */
function pointForm({ digits, point }: Decimal, fraction: number): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, '0') : '0';
  if (fraction <= 0) return whole;
  const leading = '0'.repeat(Math.min(fraction, Math.max(-point, 0)));
  const rest = digits.slice(Math.max(point, 0));
  return `${whole}.${(leading + rest).slice(0, fraction).padEnd(fraction, '0')}`;
}

function generalForm(value: number, precision: number, letter: string): string {
  const shortest = precision < 0;
  const wanted = precision === 0 ? 1 : precision;
  const decimal = shortest ? shortestDecimal(value) : roundTo(exactDecimal(value), wanted);
  const count = decimal.digits.length;
  let threshold = wanted;
  if (shortest) threshold = 6;
  else if (threshold > count && count >= decimal.point) threshold = count;
  const exponent = decimal.point - 1;
  if (exponent < -4 || exponent >= threshold) return exponentForm(decimal, Math.max(count, 1) - 1, letter);
  return pointForm(decimal, Math.max(count - decimal.point, 0));
}

/** 0x1.xxxp±dd */
function hexForm(value: number, precision: number): string {
  let { mantissa, exponent } = toBinary(value);
  exponent += 52;
  while (mantissa !== 0n && mantissa < 1n << 52n) {
    mantissa <<= 1n;
    exponent--;
  }
  if (mantissa === 0n) exponent = 0;
  if (precision >= 0 && precision < 13) {
    const shift = BigInt(52 - precision * 4);
    const rest = mantissa & ((1n << shift) - 1n);
    const half = 1n << (shift - 1n);
    mantissa >>= shift;
    if (rest > half || (rest === half && mantissa % 2n === 1n)) mantissa++;
    mantissa <<= shift;
    if (mantissa >> 53n !== 0n) {
      mantissa >>= 1n;
      exponent++;
    }
  }
  const all = (mantissa & ((1n << 52n) - 1n)).toString(16).padStart(13, '0');
  const fraction = precision < 0 ? all.replace(/0+$/, '') : all.slice(0, precision).padEnd(precision, '0');
  return `0x${mantissa >> 52n}${fraction === '' ? '' : `.${fraction}`}${exponentText(exponent, 'p')}`;
}

function binaryForm(value: number): string {
  const { mantissa, exponent } = toBinary(value);
  return `${mantissa}p${exponent < 0 ? '' : '+'}${exponent}`;
}

function magnitude(value: number, verb: FloatVerb, precision: number): string {
  const letter = verb === 'E' || verb === 'G' ? 'E' : 'e';
  switch (verb) {
    case 'e':
    case 'E': {
      const decimal = precision < 0 ? shortestDecimal(value) : roundTo(exactDecimal(value), precision + 1);
      return exponentForm(decimal, precision < 0 ? Math.max(decimal.digits.length, 1) - 1 : precision, letter);
    }
    case 'f': {
      const exact = precision < 0 ? shortestDecimal(value) : exactDecimal(value);
      const decimal = precision < 0 ? exact : roundTo(exact, exact.point + precision);
      return pointForm(decimal, precision < 0 ? Math.max(decimal.digits.length - decimal.point, 0) : precision);
    }
    case 'g':
    case 'G':
      return generalForm(value, precision, letter);
    case 'b':
      return binaryForm(value);
    case 'x':
      return hexForm(value, precision);
    case 'X':
      return hexForm(value, precision).toUpperCase();
  }
}

/**
 * The number in the form of `verb` with `precision` digits (negative: as few as read back to the same number). Rounds the
 * exact value with halves to even, as Go does and JavaScript's own toFixed does not. Precision is the caller's to bound.
 */
export function formatFloat(value: number, verb: FloatVerb, precision: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  const negative = value < 0 || Object.is(value, -0);
  return `${negative ? '-' : ''}${magnitude(Math.abs(value), verb, precision)}`;
}
