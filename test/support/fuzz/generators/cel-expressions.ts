import fc from 'fast-check';

/** An expression by the types of its parts. One part in twenty has the wrong type. */
interface Parts {
  readonly text: string;
  readonly bytes: string;
  readonly number: string;
  readonly truth: string;
  readonly list: string;
  readonly map: string;
  readonly any: string;
}

type Tie = (key: keyof Parts) => fc.Arbitrary<string>;

const patterns = ['a', '^[a-z]+$', '(a*)*b', '(a|a)*c', '(a|b)*c', '.*.*.*x', 'a{1000}', '(a{100}){100}', '(?i)A', '('];
const goodNames = ['X-Key', 'Authorization', 'X-Time', 'Cookie', 'api_key'];
const badNames = ['X_Key', 'Host', 'Content-Length', 'a b', '', '__proto__'];
// prettier-ignore
const texts = [
  'secret.token', 'secret.long', 'secret.digits', 'request.method', 'request.host', 'request.path', 'request.query',
  '"x"', "r'a\\d'", '"""a\nb"""', '"\\u00e9\\x41\\101"', '"é\u{1f468}"', '"(a*)*b"', '""',
];
/** Names that are unknown, and functions of other programs with CEL. */
// prettier-ignore
const unknown = [
  'secret.missing', 'secret["odd"]', 'request.body', 'x', '$t.replace($t, $t)', '$t.split($t)[0]', '$l.join($t)',
  '$t.lowerAscii()', '$t.substring($n, $n)', '$t.indexOf($t)', 'unknown', '@nodes', 'a.b.c{}',
];
// prettier-ignore
const numbers = [
  '0', '1', '-1', '9223372036854775807', '9223372036854775808', '0xff', '1u', '1.5', '1e308', 'int(now)',
];
const times = ['now', 'timestamp("2026-01-01T00:00:00Z")', 'duration("1h")', 'now - now', 'timestamp(0)'];

/** Replaces each `$NAME` in turn by a part of this type: `$t` a text, `$n` a number and so on. */
function form(tie: Tie, template: string): fc.Arbitrary<string> {
  const kinds: Readonly<Record<string, keyof Parts>> = {
    t: 'text',
    b: 'bytes',
    n: 'number',
    c: 'truth',
    l: 'list',
    m: 'map',
    x: 'any',
  };
  const pieces = template.split(/\$([tbnclmx])/);
  const parts = pieces.map((piece, at) => (at % 2 === 0 ? fc.constant(piece) : tie(kinds[piece] ?? 'any')));
  return fc.tuple(...parts).map((each) => each.join(''));
}

function kind(
  tie: Tie,
  depth: fc.DepthIdentifier,
  leaves: readonly string[],
  forms: readonly string[],
): fc.Arbitrary<string> {
  return fc.oneof(
    { depthIdentifier: depth, depthSize: 'small', maxDepth: 6 },
    { weight: 24, arbitrary: fc.constantFrom(...leaves) },
    ...forms.map((template) => ({ weight: 2, arbitrary: form(tie, template) })),
    { weight: 1, arbitrary: tie('any') },
  );
}

const depth = fc.createDepthIdentifier();
const { text, truth, map, any } = fc.letrec<Parts>((untyped) => {
  const tie = untyped as Tie;
  const of = (leaves: readonly string[], ...forms: readonly string[]): fc.Arbitrary<string> =>
    kind(tie, depth, leaves, forms);
  return {
    text: of(
      texts,
      '$t + $t',
      'string($n)',
      'string($b)',
      'string($c)',
      'base64.encode($t)',
      'base64.encode($b)',
      'hex.encode($b)',
      '($c ? $t : $t)',
      '[$t].map(x, x + x)[0]',
      '[[$t].map(x, x + x)[0]].map(x, x + x + x + x)[0]',
      'secret[$t]',
      '$m[$t]',
      '$l[$n]',
      'string(type($x))',
    ),
    bytes: of(
      ['b"x"', 'b"\\xff"', 'bytes(secret.token)'],
      'sha256($t)',
      'sha256($b)',
      'hmac.sha256($t, $b)',
      '$b + $b',
      'bytes($t)',
    ),
    number: of(
      [...numbers, ...times],
      'size($t)',
      'size($l)',
      'int($t)',
      'uint($n)',
      'double($t)',
      '$n + $n',
      '$n * $n',
      '$n / $n',
      '$n % $n',
      '-$n',
      'now.getHours($t)',
      'now.getFullYear("America/New_York")',
      'timestamp($t)',
      'duration($t)',
    ),
    truth: of(
      ['true', 'false', 'has(secret.token)', 'has(secret.missing)', 'has(request.path)'],
      '$t == $t',
      '$x == $x',
      '$n < $n',
      '!$c',
      '$c && $c',
      '$c || $c',
      '$t.matches($t)',
      ...patterns.map((pattern) => `$t.matches(${JSON.stringify(pattern)})`),
      '$t.contains($t)',
      '$t.startsWith($t)',
      '$t.endsWith($t)',
      '$x in $l',
      '$t in secret',
      '$l == $l',
      '$l.exists(x, $c)',
      '$l.exists_one(x, $c)',
      '$l.all(x, $c)',
      'secret.all(x, $c)',
      'bool($t)',
    ),
    list: of(
      ['[]', '[1, 2, 3]', '["a", "b"]', '[1,2,3,4,5,6,7,8,9,10]', '[secret.token, request.path]'],
      '[$x, $x]',
      '$l + $l',
      '$l.map(x, $x)',
      '$l.map(x, $c, $x)',
      '$l.filter(x, $c)',
      'secret.map(x, $x)',
      '$l.map(x, $l.map(y, $l.map(z, $x)))',
      '[$l, $l, $l, $l, $l, $l, $l, $l].map(x, [x, x, x, x, x, x, x, x])',
    ),
    map: of(['{}', 'secret', 'request', '{"a": "b"}'], '{$t: $x}', '{$t: $t, $t: $t}', '{$n: $m}', '($c ? $m : $m)'),
    any: fc.oneof(
      { depthIdentifier: depth, depthSize: 'small', maxDepth: 6 },
      {
        weight: 4,
        arbitrary: fc.constantFrom('null', 'type', 'now', 'dyn(1)', 'b"x"'),
      },
      { weight: 1, arbitrary: fc.constantFrom(...unknown).chain((template) => form(tie, template)) },
      ...(['text', 'bytes', 'number', 'truth', 'list', 'map'] as const).map((each) => ({
        weight: 1,
        arbitrary: tie(each),
      })),
    ),
  };
});

const names = fc.oneof(
  { weight: 24, arbitrary: fc.constantFrom(...goodNames).map((name) => JSON.stringify(name)) },
  { weight: 1, arbitrary: fc.constantFrom(...badNames).map((name) => JSON.stringify(name)) },
  { weight: 1, arbitrary: text },
);
const members = fc
  .array(fc.tuple(names, fc.oneof({ weight: 19, arbitrary: text }, { weight: 1, arbitrary: any })), { maxLength: 3 })
  .map((each) => `{${each.map(([name, value]) => `${name}: ${value}`).join(', ')}}`);
const result = fc.oneof(
  { weight: 8, arbitrary: members.map((each) => `{"headers": ${each}}`) },
  { weight: 8, arbitrary: members.map((each) => `{"query": ${each}}`) },
  { weight: 2, arbitrary: fc.tuple(members, members).map(([a, b]) => `{"headers": ${a}, "query": ${b}}`) },
  { weight: 1, arbitrary: map },
  { weight: 1, arbitrary: any },
);

/** Expressions that the grammar of CEL allows. */
export const celExpressions: fc.Arbitrary<string> = fc.oneof(
  { weight: 9, arbitrary: result },
  { weight: 2, arbitrary: fc.tuple(truth, result, result).map(([condition, a, b]) => `${condition} ? ${a} : ${b}`) },
  { weight: 1, arbitrary: result.map((each) => `[${each}].map(x, x)[0] // comment`) },
);

const count = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(200, 1000, 4000, 9000));
const header = (value: string): string => `{"headers": {"X": ${value}}}`;
const around =
  (open: string, inner: string, close: string) =>
  (times: number): string =>
    `${open.repeat(times)}${inner}${close.repeat(times)}`;
const loops = (times: number): string => around('[1,2,3,4,5,6,7,8].map(x, ', 'x', ')')(Math.min(times, 60));
const doubled = (times: number): string => around('[', 'secret.token', '].map(x, x + x)[0]')(Math.min(times, 60));

/** Shapes that take most of parsers and evaluators: deep, long, or growing with each step. */
export const extremeExpressions: fc.Arbitrary<string> = fc
  .tuple(
    count,
    fc.constantFrom<(times: number) => string>(
      around('(', '1', ')'),
      around('[', '', ']'),
      around('{"a":', '1', '}'),
      around('!', 'true', ''),
      around('-', '1', ''),
      around('true ? 1 : ', '2', ''),
      around('size(', 'secret', ')'),
      around('"', '', ''),
      around('', 'secret', '.a'),
      around('', 'secret', '[0]'),
      around('1+', '1', ''),
      around('true||', 'true', ''),
      around('secret.long + ', '"x"', ''),
      around('secret.long.contains(', 'secret.long', ')'),
      around('1,', '', ''),
      around('(', '', ''),
      around('', '1', ')'),
      around('/*', '', '\n//'),
      around('\n', 'secret.', ' '),
      (times) => header(`"${'x'.repeat(times)}"`),
      (times) => header(`string(${'9'.repeat(times)})`),
      (times) => header(`string(1e${'9'.repeat(times)})`),
      (times) => header(`"${'\\u00e9'.repeat(times)}"`),
      (times) => header(`string(${around('size([', '1', '])')(times)})`),
      (times) => header(`string(${loops(times)}.size())`),
      (times) => header(`string(${loops(times)} == ${loops(times)})`),
      (times) => header(doubled(times)),
      (times) => header(`string(${doubled(times)}.matches("(a*)*b"))`),
      (times) => header(`string(secret.long.matches("${'(a*)*'.repeat(times)}b"))`),
      (times) => header(`string("${'a'.repeat(times)}".matches("(a|a)*c"))`),
      (times) => header(`string(secret.token.matches("${'('.repeat(times)}a${')'.repeat(times)}"))`),
      (times) => header(`string("a".matches("(${'a{1000}'.repeat(times)}){1000}"))`),
      (times) => `{"headers": {${Array.from({ length: times }, (_each, at) => `"X-${at}": "a"`).join(', ')}}}`,
      (times) => `{${'"headers": {},'.repeat(times)}}`,
    ),
  )
  .map(([times, make]) => make(times));
