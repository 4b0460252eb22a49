import fc from 'fast-check';

const terms = fc.letrec<{ term: string }>((tie) => {
  const term = tie('term');
  const call = (name: string, ...args: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
    fc.tuple(...args).map((each) => `${name}(${each.join(', ')})`);
  const list = fc.array(term, { maxLength: 4 }).map((items) => `[${items.join(', ')}]`);
  return {
    term: fc.oneof(
      { depthSize: 'small', maxDepth: 6 },
      {
        weight: 8,
        arbitrary: fc.constantFrom(
          'input.data.token',
          'input.data["odd key"]',
          'input.data.while',
          'input.request.path',
          'input.other',
          '"x"',
          '"a\\"b\\n"',
          '"%s:%s"',
          '`raw\ntext`',
          '1',
          '1.5',
          'true',
          'v0',
          'v1',
          'v9',
          'time.now_ns() / 1000000000',
          'data.x[_]',
          '{1, 2}',
        ),
      },
      call('base64.encode', term),
      call('concat', term, list),
      call('sprintf', fc.constantFrom('"%s"', '"%s:%s"', '"%d%v%%"', 'v0'), list),
      call('crypto.hmac.sha256', term, term),
      call('format_int', term, fc.constant('10')),
      call('count', term),
      call('contains', term, term),
      call('unknown', term),
      fc.tuple(term, fc.constantFrom('+', '*', '/', '==', '!=', '<', '|'), term).map((each) => each.join(' ')),
      list,
      term.map((each) => `(${each})`),
      fc.tuple(term, term).map(([key, value]) => `{${key}: ${value}}`),
    ),
  };
}).term;

const position = fc.constantFrom('"header"', '"header"', '"query"', '"body"', 'v0');
const auth = fc
  .tuple(position, fc.array(fc.tuple(fc.oneof(fc.constant('"X-Key"'), terms), terms), { minLength: 1, maxLength: 3 }))
  .map(([where, each]) => `{"position": ${where}, "auth": {${each.map(([a, b]) => `${a}: ${b}`).join(', ')}}}`);
const statements = fc.array(
  fc.oneof(
    terms,
    terms.map((each) => `not ${each}`),
    fc.tuple(fc.nat(3), terms).map(([at, each]) => `v${at} := ${each}`),
  ),
  { maxLength: 4 },
);
const rule = fc
  .tuple(
    fc.constantFrom('auth := ', 'auth = ', 'default auth = ', 'v9 := '),
    fc.oneof({ weight: 9, arbitrary: auth }, { weight: 1, arbitrary: terms }),
    statements,
  )
  .map(([start, value, body]) => `${start}${value}${body.length === 0 ? '' : ` if {\n  ${body.join('\n  ')}\n}`}`);

/** Policies of the shapes that classes use. */
export const regoPolicies: fc.Arbitrary<string> = fc
  .array(rule, { minLength: 1, maxLength: 3 })
  .map((rules) => `package proxy\n\n${rules.join('\n\n')}\n`);

const header = (value: string): string => `auth := {"position": "header", "auth": {"X": ${value}}}`;

/** Each variable contains the one before twice. */
function doubling(times: number): string {
  const steps = Array.from({ length: times }, (_each, at) => `v${at + 1} := concat("", [v${at}, v${at}])`);
  return `v0 := "xxxxxxxx"\n${steps.join('\n')}\n${header(`v${times}`)}`;
}

/** Shapes that take most of a translator. */
export const extremePolicies: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(200, 1000, 4000, 9000)),
    fc.constantFrom<(times: number) => string>(
      doubling,
      (times) => header(`${'('.repeat(times)}"x"${')'.repeat(times)}`),
      (times) => header(`${'base64.encode('.repeat(times)}"x"${')'.repeat(times)}`),
      (times) => header(`"${'x'.repeat(times)}"`),
      (times) => header(`"${'\\'.repeat(times)}`),
      (times) => header('`'.repeat(times)),
      (times) => header(`input${'.a'.repeat(times)}`),
      (times) => header(`${'1 + '.repeat(times)}1`),
      (times) => header(`sprintf("${'%s'.repeat(times)}", [${'input.data.a, '.repeat(times)}])`),
      (times) => `${'default '.repeat(times)}auth = {}`,
      (times) => `${header('"x"')} { ${'not input.data.a; '.repeat(times)} }`,
      (times) => `${header('"x"')}${' else = {}'.repeat(times)}`,
      (times) => '{'.repeat(times),
      (times) => '#\n'.repeat(times),
      (times) => 'package\n'.repeat(times),
      (times) => '\t '.repeat(times),
    ),
  )
  .map(([times, make]) => make(times));
