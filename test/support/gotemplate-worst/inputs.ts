import type { ParamType } from '../../../src/shared/gotemplate/function.ts';
import type { JsonObject, JsonValue } from '../../../src/shared/json.ts';

/**
 * Values for templates that look for the worst of each function: long texts with what search, splitting, escaping and
 * parsing stumble over, long and deep lists, large maps. By name, as members of the data.
 */
const size = 100_000;

function nested(levels: number): JsonValue {
  let value: JsonValue = 1n;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

const half = 'a'.repeat(size / 2);
const long = {
  same: 'a'.repeat(size),
  nearMiss: `${half}b${half}`,
  nearNeedle: `${half.slice(1)}b${half}`,
  pairs: 'ab'.repeat(size / 2),
  upperCase: 'A'.repeat(size),
  words: 'Some words-and_more 12 '.repeat(size / 23),
  spaces: ' '.repeat(size),
  lines: '\n'.repeat(size),
  digits: '1'.repeat(size),
  zeros: '0'.repeat(size),
  quotes: '"'.repeat(size),
  marks: '<'.repeat(size),
  percents: '%d'.repeat(size / 2),
  commas: ','.repeat(size),
  dots: '.a'.repeat(size / 2),
  dollars: '$1'.repeat(size / 2),
  slashes: '/../a'.repeat(size / 5),
  letters: 'é'.repeat(size / 2),
  capitals: 'É'.repeat(size / 2),
  wide: '界'.repeat(size / 3),
  emoji: '🎉'.repeat(size / 4),
  brackets: '['.repeat(size),
  jsonList: `[${'1,'.repeat(size / 2)}1]`,
  jsonObject: `{${Array.from({ length: size / 20 }, (_, index) => `"k${index.toString()}":{}`).join(',')}}`,
  jsonText: `"${'\\u00e9'.repeat(size / 6)}"`,
  base64: 'QUJD'.repeat(size / 4),
  version: `1.2.3-${'1.'.repeat(size / 2)}1`,
  otherVersion: `1.2.3-${'1.'.repeat(size / 2)}2`,
  constraint: `>1.0.0${', >1.0.0'.repeat(size / 16)}`,
  url: `http://u:p@h:1/${'%41'.repeat(size / 6)}?${'a=b&'.repeat(size / 8)}`,
  hours: '1h'.repeat(size / 2),
  layout: '2006-01-02 Jan MST '.repeat(size / 19),
} as const;

const lists = {
  texts: Array.from({ length: 20_000 }, (_, index) => `item ${((index * 7919) % 20_000).toString()}`),
  sameStarts: Array.from({ length: 500 }, (_, index) => `${'a'.repeat(2_000)}${((index * 71) % 500).toString()}`),
  numbers: Array.from({ length: 20_000 }, (_, index) => BigInt((index * 7919) % 20_000)),
  fractions: Array.from({ length: 10_000 }, (_, index) => index + 0.1),
  empties: Array.from({ length: 20_000 }, () => ''),
  lists: Array.from({ length: 5_000 }, () => [1n, 'a']),
  deep: nested(400),
} as const;

const maps = {
  map: Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key${index.toString()}`, 'value'])),
  deepMap: Array.from({ length: 400 }).reduce<JsonObject>((inner) => ({ a: inner }), {}),
} as const;

export const worstData: JsonObject = { ...long, ...lists, ...maps };

/** Short texts that mean something to one function or another. */
const shortTexts = [
  'a', '', ',', 'b', ' ', '\n', '%v', '% #x', '1', '1h', 'k', '2006-01-02', 'UTC', '1.2.3', '>=1.2.3', 'rsa', 'a*b', '(a|b)*c', '[^b]*b', '(a*)*',
  '(?i)[b-\\x{1e942}]', '(?P<n>a)', '$n', '${1}', '^.*$', '\\pL+', '(a)(b)?(c)?(d)?', '.', 'x*',
].map((text) => JSON.stringify(text)); // oxfmt-ignore

const numbers = ['0', '1', '-1', '3', '80', '1000', '100000', '9000000000000000000', '1.5'];

const members = (names: object): readonly string[] => Object.keys(names).map((name) => `$.${name}`);

const anything = [...members(worstData), ...shortTexts, ...numbers, 'nil', 'true'];

/** Arguments as template text that a parameter of this type takes. */
export function argumentsFor(type: ParamType): readonly string[] {
  switch (type) {
    case 'string':
      return [...members(long), ...shortTexts];
    case 'int':
    case 'int64':
    case 'uint32':
    case 'float64':
      return numbers;
    case 'bool':
      return ['true', 'false'];
    case 'map[string]interface {}':
      return members(maps);
    case '[]string':
    case '[]interface {}':
      return members(lists);
    default:
      return anything;
  }
}
