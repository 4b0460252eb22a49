import type { Random } from '../random.js';

/** Texts with what string functions stumble over: cases, digits, white space, other scripts, markup. */
// prettier-ignore
export const words = [
  '', ' ', 'a', 'A', 'abc', 'Hello World', 'hello world foo', 'HTTPServer', 'fooBar42Baz', 'some_snake_case',
  'kebab-case-x', 'XMLHttp2Request', '__lead', 'trail--', 'größe', 'ÉCOLE straße', '日本語 text', '🎉 party', 'ǆ ǅ',
  'İstanbul', 'ſ K', 'a\tb\nc', '  padded  ', 'x,y,,z', 'a.b.c', '/usr/local/bin/', '../a/./b//c', 'file.tar.gz',
  'https://user:p%40ss@host:8080/p/a?q=1&r=2#frag', '<b>&"quoted\'</b>', '$dollar {brace}', 'back\\slash', '0', '1',
  '-5', '3.14', '1e3', '0x1F', '010', '1_000', ' 7', 'true', 'false', 'null', '9223372036854775808', '2021-03-04',
  '2021-07-01T10:20:30Z', '12:30', '1h30m', '1.5s', '90', 'v1.2.3', '1.2.3-beta.1+build', '>=1.2', 'aGVsbG8=',
  '{"a":[1,2.5,null]}', '[1,"x"]', 'line1\nline2\n', 'a\r\nb', 'The quick brown fox jumps over the lazy dog',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '\u2028sep', '\u00a0nbsp\u3000',
];

export const keys = ['a', 'b', 'c', 'name', 'x1', 'long_key', 'Ä'];

// prettier-ignore
export const layouts = [
  '2006-01-02', '2006-01-02T15:04:05Z07:00', 'Mon Jan _2 15:04:05 2006', 'Monday, 02-Jan-06 15:04:05 MST',
  '02/01/06 3:04PM', 'Jan 2', '2006-002', '__2 06', '15:04:05.000', '15:04:05.999999', '2006 -0700 MST',
  '-07:00:00 Z0700', '20060102150405', '3:4:5 pm', 'YYYY', '_2006', 'January', '.00 ,999',
];

// prettier-ignore
const patterns = [
  'a', 'a*', '[a-z]+', '(\\w+)\\s(\\w+)', '^\\s*$', '(?i)hello', '\\d{2,4}', '(a|b)*c', '[^,]*', 'x?', '\\b', '$',
  '^', '.', '(?s).+', '(?m)^l\\w+$', '\\pL+', '[[:upper:]]', '(?P<first>\\w)(?P<rest>\\w*)', '(', '[z-a]', 'a**',
  '\\8', '(?:)', '[äöü]', '\\.', 'l+?', '(?U)o.*', '\\Qa.b\\E', 'b|', '(o)|(l)',
];

export function pattern(random: Random): string {
  return random.chance(0.75) ? random.pick(patterns) : random.pick(patterns) + random.pick(patterns);
}

export const replacements = ['', 'X', '$1', '${1}x', '$1x', '$$', '$', '${first}-$rest', '<$0>', '${', '\\1', 'é'];

export function version(random: Random): string {
  const number = (): string => random.pick(['0', '1', '2', '3', '10', '01', 'x', '*']);
  const count = random.int(1, 4);
  const numbers = Array.from({ length: count }, () => (random.chance(0.9) ? random.int(0, 4).toString() : number()));
  const suffix = random.pick(['', '', '', '-alpha', '-alpha.1', '-rc.10', '-0', '+build', '-beta+1.2']);
  return random.pick(['', '', 'v']) + numbers.join('.') + suffix;
}

export function constraint(random: Random): string {
  const one = (): string =>
    random.pick(['', '=', '!=', '>', '<', '>=', '<=', '=>', '=<', '~', '~>', '^', '==']) +
    random.pick(['', ' ']) +
    version(random);
  if (random.chance(0.1)) return `${version(random)} - ${version(random)}`;
  return Array.from({ length: random.int(1, 4) }, one).join(random.pick([', ', ' ', ' || ', ',', '||']));
}

export function url(random: Random): string {
  const part = (choices: readonly string[]): string => random.pick(['', ...choices]);
  const host = random.pick([
    'h',
    'host.example:80',
    '[::1]:8080',
    '[fe80::1%25en0]',
    'a b',
    '%41',
    'ä.example',
    'h:x',
    'h%zz',
  ]);
  return (
    part(['http:', 'HTTPS:', 'mailto:', '1x:', ':', 'a+b.c:', 'p*q:']) +
    part([`//${host}`, `//u@${host}`, `//u:p@${host}`, `//u%2Fx:p:q@${host}`, `//a@b@${host}`, '///']) +
    part(['/a/b', '/a%20b', 'rel/x:y', '/ä', '/%2F', '*', '//x', 'x@y', '/%zz', '/a;b,c']) +
    part(['?', '?q=1', '?a b', '??']) +
    part(['#', '#f', '#f g', '#%zz', '#a#b'])
  );
}

/** JSON text, a quarter of it broken. */
export function json(random: Random, depth = 0): string {
  const scalar = (): string =>
    random.pick([
      '1',
      '-0',
      '1.50',
      '1e3',
      '12345678901234567890',
      'true',
      'null',
      '"s"',
      '"\\u00e9\\n"',
      '"\\ud83c\\udf89"',
      '""',
      '0.1',
      '-2E-3',
    ]);
  const value = (): string => (depth > 2 || random.chance(0.5) ? scalar() : json(random, depth + 1));
  const text = random.chance(0.5)
    ? `[${Array.from({ length: random.int(0, 3) }, value).join(', ')}]`
    : `{${Array.from({ length: random.int(0, 3) }, () => `"${random.pick(keys)}": ${value()}`).join(',')}}`;
  if (depth > 0 || random.chance(0.75)) return text;
  const at = random.int(0, text.length);
  return text.slice(0, at) + random.pick(['', ',', '}', '"', '\\', 'x', '0', ' ']) + text.slice(at + random.int(0, 2));
}

/** A verb for printf with flags, width and precision. */
export function verb(random: Random): string {
  const flags = random.pick(['', '', '', '-', '+', '#', '0', ' ', '+#', '-0']);
  const width = random.pick(['', '', '', '5', '10', '*', '1']);
  const precision = random.pick(['', '', '.2', '.0', '.', '.10', '.*']);
  return `%${flags}${width}${precision}${random.pick(['v', 'd', 's', 'q', 'x', 'X', 't', 'T', 'f', 'e', 'g', 'c', 'U', 'o', 'b', '%', 'z', 'v', '[1]d', '[2]*[1]v'])}`;
}
