import { constraint, json, layouts, replacements, url, verb, version } from './pools.js';
import type { Random } from '../random.js';

/**
 * Cases that press one function at a time with text made for it, much of it wrong: numbers, JSON, dates and layouts,
 * versions, URLs, formats, patterns, encodings. Where the general generator looks at how things combine, these look at
 * the parsers.
 */

const pieces = [
  ...[
    'a',
    'b',
    'Z',
    'Q',
    '0',
    '9',
    '_',
    '-',
    ' ',
    '.',
    'é',
    'É',
    'ß',
    '日',
    'ǆ',
    '\t',
    '\n',
    '!',
    'ſ',
    'İ',
    'Σ',
    'ς',
    'K',
  ],
  ...['Hello', 'HTTP', '2', 'ﬁ', '𐐀', '𐐨', '\u00a0', '\u2028', 'x'],
];

function many(random: Random, low: number, high: number, make: () => string): string[] {
  return Array.from({ length: random.int(low, high) }, make);
}

function text(random: Random, length = 12): string {
  return many(random, 0, length, () => random.pick(pieces)).join('');
}

/** A string literal. */
function literal(value: string): string {
  return JSON.stringify(value);
}

function number(random: Random): string {
  const body = random.pick([
    ...[
      '',
      '0',
      '0x',
      '0b',
      '0o',
      '1',
      '12',
      '9223372036854775807',
      '0X',
      '00',
      '1_0',
      '.5',
      '5.',
      '1e5',
      '1.50',
      '0.0',
    ],
    ...['inf', 'NaN', '1e400', '0x1p-2', '0x1.8p1', '1_000.5', '_1', '1__0', '5.00', '10.', '1.0.', '٣'],
  ]);
  return random.pick(['', '-', '+']) + body + random.pick(['', '', '', '0', '_', 'e', '7', '.0', ' ', 'e+2']);
}

/** `source` with a few characters put in or taken out. */
function broken(random: Random, source: string, inserts: readonly string[]): string {
  let result = source;
  for (let count = random.int(0, 3); count > 0; count--) {
    const at = random.int(0, result.length + 1);
    result = result.slice(0, at) + random.pick(inserts) + result.slice(at + random.int(0, 3));
  }
  return result;
}

// prettier-ignore
const jsonInserts = [
  '', '{', '[', ']', '}', ',', ':', '"', '\\u12', '\\ud800', 'tru', 'nul', '-', '1.', '1e', '\\x', '\u0001', ' ',
];

const layoutPieces = [
  ...['2006', '06', '01', '1', 'Jan', 'January', '02', '2', '_2', '002', '__2', '15', '03', '3', '04', '4', '05', '5'],
  ...[
    'PM',
    'pm',
    'MST',
    '-0700',
    '-07:00',
    'Z07:00',
    'Z07',
    '-07',
    '.000',
    '.999',
    ',00',
    '.9',
    '-070000',
    'Z07:00:00',
  ],
  ...['Mon', 'Monday', 'T', 'Month', '/', '-', ' ', ':', 'é'],
];

function layout(random: Random): string {
  if (random.chance(0.4)) return random.pick(layouts);
  return many(random, 1, 6, () => random.pick(layoutPieces)).join(random.pick(['', ' ', '-', '/', ':']));
}

/** Text that mostly fits a layout: each element replaced by some value of its kind. */
function dateText(random: Random, form: string): string {
  const values: readonly (readonly [RegExp, readonly string[]])[] = [
    [/2006/g, ['2021', '1999', '0000', '21', '12345']],
    [/January|Jan/g, ['February', 'mar', 'DEC', 'Foo']],
    [/Monday|Mon/g, ['Tuesday', 'wed', 'Xyz']],
    [/MST/g, ['UTC', 'CEST', 'GMT+3', 'PST', '+03', 'EAST', 'abc', 'WITA', 'GMT-99']],
    [/-0700|-07:00|Z07:00|-07/g, ['Z', '+0200', '-05:30', '+2', '+24:00', '+00:00', '+9999']],
    [/15/g, ['23', '7', '24', '07']],
    [/0?[1-6]/g, ['1', '02', '11', '31', '0', '60', '5']],
    [/000|999/g, ['123', '5', '000000001']],
  ];
  const filled = values.reduce((made, [element, choices]) => made.replace(element, () => random.pick(choices)), form);
  return random.chance(0.15) ? broken(random, filled, [' ', 'x', '.5', '', '1']) : filled;
}

function duration(random: Random): string {
  const part = (): string =>
    random.pick(['1', '2.5', '.5', '100', '1.', '', '0', '99999999', '3.0000000001']) +
    random.pick(['h', 'm', 's', 'ms', 'us', 'µs', 'μs', 'ns', 'd', '', 'x']);
  return random.pick(['', '-', '+']) + many(random, 0, 4, part).join('');
}

const patternPieces = [
  ...['a', 'b', '.', '\\w', '\\d', '\\s', '[a-c]', '[^a]', '\\b', '^', '$', '(a|b)', '(?:x|y)', 'é', '\\pL'],
  ...['[[:alpha:]]', '\\B', '(?i:h)', '日', '', '\\x61', '\\t', '[\\w-]', '(?P<n>a)', '\\z', '\\A'],
];

function pattern(random: Random): string {
  const repeats = ['', '', '', '*', '+', '?', '{2}', '{1,3}', '*?', '+?', '??', '{0,2}?'];
  const part = (): string => random.pick(patternPieces) + random.pick(repeats);
  return many(random, 1, 5, part).join(random.pick(['', '', '|']));
}

const operands = [
  ...[
    '5',
    '-3',
    '"abc"',
    '"é日"',
    '1.5',
    '-0.0',
    '1e21',
    'true',
    'nil',
    "'x'",
    '2i',
    '(list 1 "a" nil)',
    '(dict "a" 1)',
  ],
  ...['(toDate "2006" "2020").Month', '(semver "1.2.3")', '(split "," "a,b")', '(int64 70)', '(until 2)'],
  ...['(float64 "nan")', '(float64 "inf")'],
];

const zones = [
  ...['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Africa/Casablanca'],
  ...['America/St_Johns', 'Pacific/Apia', 'Europe/London', 'Asia/Tehran', 'Local', 'EST', 'Etc/GMT+5'],
];

// prettier-ignore
const values = [
  '1', '0', '""', 'nil', '(list)', '(list 1)', '(dict)', '(dict "x" 1)', '(dict "x" (dict "y" 0))', 'true', 'false',
  '(semver "1")',
];

// prettier-ignore
const wordFunctions = [
  'snakecase', 'camelcase', 'kebabcase', 'title', 'untitle', 'swapcase', 'upper', 'lower', 'initials', 'nospace',
  'trim',
];

const makers: readonly ((random: Random) => string)[] = [
  (random) => `{{ ${random.pick(wordFunctions)} ${literal(text(random))} | printf "%q" }}`,
  (random) =>
    `{{ ${random.pick(['int', 'int64', 'float64', 'atoi', 'toDecimal', 'add1', 'floor'])} ${literal(number(random))} }}`,
  (random) => `{{ ${random.pick(['addf', 'mulf', 'subf'])} ${literal(number(random))} ${literal(number(random))} }}`,
  (random) =>
    `{{ ${random.pick(['mustFromJson', 'fromJson'])} ${literal(broken(random, json(random), jsonInserts))} | toJson }}`,
  (random) => {
    const form = layout(random);
    return `{{ mustToDate ${literal(form)} ${literal(dateText(random, form))} }}`;
  },
  // Before 1970 zones depend on the release of the zone data.
  (random) =>
    `{{ dateInZone ${literal(layout(random))} ${random.int(0, 2e9).toString()} ${literal(random.pick(zones))} }}`,
  (random) => `{{ semverCompare ${literal(constraint(random))} ${literal(version(random))} }}`,
  (random) => `{{ urlParse ${literal(url(random))} | toJson }} {{ urlParse ${literal(url(random))} | urlJoin }}`,
  (random) =>
    `{{ printf ${literal(`${verb(random)} ${verb(random)}${text(random, 3)}`)} ${many(random, 0, 4, () => random.pick(operands)).join(' ')} }}`,
  (random) =>
    `{{ mustRegexFindAll ${literal(pattern(random))} ${literal(text(random))} ${random.pick(['-1', '2', '0'])} | toJson }}`,
  (random) =>
    `{{ mustRegexReplaceAll ${literal(pattern(random))} ${literal(text(random))} ${literal(random.pick(replacements))} | quote }}`,
  (random) =>
    `{{ mustRegexSplit ${literal(pattern(random))} ${literal(text(random))} ${random.pick(['-1', '2', '1', '0'])} | toJson }}`,
  (random) =>
    `{{ durationRound ${literal(duration(random))} }} {{ toDate "2006" "2021" | mustDateModify ${literal(duration(random))} }}`,
  (random) =>
    `{{ round ${random.pick(['1.005', '2.5', '-2.5', '123.456', '1e15', '0.1', '2.675', '1e-7'])} ${random.int(-3, 20).toString()} ${random.pick(['', '.3', '0.9'])} }}`,
  (random) =>
    `{{ divf ${random.pick(['1', '10', '-7', '1e300', '0.1'])} ${random.pick(['3', '7', '-9', '1e-300', '0.3'])} }}`,
  (random) => `{{ wrap ${random.int(-1, 12).toString()} ${literal(`${text(random)} ${text(random)}`)} | quote }}`,
  (random) =>
    `{{ abbrevboth ${random.int(-1, 14).toString()} ${random.int(-1, 14).toString()} ${literal(text(random, 14))} | quote }}`,
  (random) =>
    `{{ b64dec ${literal(broken(random, random.pick(['aGVsbG8=', 'YQ==', 'YWI=', '////']), ['', '=', '\n', 'x']))} | printf "%q" }}`,
  (random) =>
    `{{ b32dec ${literal(broken(random, random.pick(['NBSWY3DP', 'ME======', 'MFRA====']), ['', '=', '\n', 'A']))} | printf "%q" }}`,
  (random) =>
    `{{ clean ${literal(many(random, 0, 6, () => random.pick(['..', '.', 'a', '/', '//', 'b'])).join('/'))} }}`,
  (random) =>
    `{{ ${random.pick(['merge', 'mergeOverwrite', 'mustMerge'])} (dict "a" ${random.pick(values)}) (dict "a" ${random.pick(values)} "b" ${random.pick(values)}) | toJson }}`,
];

/** A template that presses one function. */
export function focusedTemplate(random: Random): string {
  return random.pick(makers)(random);
}
