import type { ByteString } from '../byte-string.ts';

/** The elements of Go's time layouts, by what they stand for rather than by their example. */
export type LayoutElement =
  | 'year'
  | 'longYear'
  | 'month'
  | 'longMonth'
  | 'numMonth'
  | 'zeroMonth'
  | 'weekDay'
  | 'longWeekDay'
  | 'day'
  | 'underDay'
  | 'zeroDay'
  | 'underYearDay'
  | 'zeroYearDay'
  | 'hour'
  | 'hour12'
  | 'zeroHour12'
  | 'minute'
  | 'zeroMinute'
  | 'second'
  | 'zeroSecond'
  | 'PM'
  | 'pm'
  | 'zoneName'
  | 'zoneOffset'
  | 'fraction0'
  | 'fraction9';

export interface LayoutToken {
  /** The literal text before the element. */
  readonly prefix: ByteString;
  /** Absent at the end of the layout. */
  readonly element?: LayoutElement | undefined;
  /** The element as it is written in the layout. */
  readonly text: ByteString;
}

/** In Go's order of preference where one is the start of another; `Jan` and `Mon` only count before no small letter. */
const elements =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|0[1-6]|002|15|1|2006|2|__2|_2(?!006)|3|4|5|PM|pm|[-Z](?:07:00:00|070000|07:00|0700|07)|[.,](?:0+|9+)(?!\d)/g;

const named: Readonly<Record<string, LayoutElement>> = {
  January: 'longMonth',
  Jan: 'month',
  Monday: 'longWeekDay',
  Mon: 'weekDay',
  MST: 'zoneName',
  '01': 'zeroMonth',
  '02': 'zeroDay',
  '03': 'zeroHour12',
  '04': 'zeroMinute',
  '05': 'zeroSecond',
  '06': 'year',
  '002': 'zeroYearDay',
  '15': 'hour',
  '1': 'numMonth',
  '2006': 'longYear',
  '2': 'day',
  _2: 'underDay',
  __2: 'underYearDay',
  '3': 'hour12',
  '4': 'minute',
  '5': 'second',
  PM: 'PM',
  pm: 'pm',
};

function elementOf(text: string): LayoutElement {
  if (/^[-Z]/.test(text)) return 'zoneOffset';
  if (/^[.,]/.test(text)) return text.includes('0') ? 'fraction0' : 'fraction9';
  return named[text] ?? 'longYear';
}

/** Splits a layout into literal text and elements; the last token has no element. */
export function parseLayout(layout: ByteString): LayoutToken[] {
  const tokens: LayoutToken[] = [];
  let end = 0;
  for (const match of layout.matchAll(elements)) {
    const [text] = match;
    tokens.push({ prefix: layout.slice(end, match.index), element: elementOf(text), text });
    end = match.index + text.length;
  }
  tokens.push({ prefix: layout.slice(end), text: '' });
  return tokens;
}
