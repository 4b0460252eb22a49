import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { GeneratorEvaluator } from '../../../../../src/proxy/credentials/generator/generator-evaluator.ts';
import type { GeneratorOutcome } from '../../../../../src/proxy/credentials/generator/generator-evaluator.ts';

const request = { method: 'GET', host: 'tool.example', path: '/a', query: 'b=1' };
const secret = [
  ['token', 'SECRET-VALUE'],
  ['digits', '9'.repeat(10_000)],
  ['long', 'ab'.repeat(30_000)],
  // A text in which V8 finds the other only after as many comparisons as the product of their lengths has.
  ['repeated', 'a'.repeat(30_000)],
  ['sought', `${'a'.repeat(8_000)}b${'a'.repeat(8_000)}`],
] as const;

function run(cel: string, data: readonly (readonly [string, string])[] = secret): GeneratorOutcome {
  return new GeneratorEvaluator().evaluate(cel, { secret: data, request, nowMs: 0 });
}

function header(value: string): string {
  return `{"headers": {"X": ${value}}}`;
}

describe('An expression of a generator', () => {
  const fixed: readonly (readonly [cel: string, isFixed: boolean])[] = [
    [header('secret.token'), true],
    [header('secret.token + "requested"'), true],
    [header('request.method'), false],
    [header('request["path"]'), false],
    [header('string(now)'), false],
    [header('has(request.path) ? "x" : "y"'), false],
    [header('[1].map(x, [2].map(y, request.host))[0][0]'), false],
    ['size(request) > 0 ? {"headers": {"X": "y"}} : {}', false],
  ];
  for (const [cel, isFixed] of fixed) {
    it(`depends on ${isFixed ? 'the Secret alone' : 'request or time'}: ${cel}`, () => {
      assert.equal(run(cel).kind, 'generated');
      const failing = run(cel.replaceAll('"X"', 'string(secret.token[0])'));
      assert.ok(failing.kind === 'failed');
      assert.equal(failing.isFixed, isFixed);
    });
  }

  it('can compute hashes, and encode them', () => {
    const outcome = run(
      '{"headers": {"A": hex.encode(sha256("abc")), "B": base64.encode(sha256(b"abc")), "C": hex.encode(hmac.sha256(hmac.sha256("k", "a"), b"b"))}}',
    );
    assert.ok(outcome.kind === 'generated');
    const [a, b, c] = outcome.headers.map(([, value]) => value);
    const hashed = createHash('sha256').update('abc').digest();
    const key = createHmac('sha256', 'k').update('a').digest();
    assert.deepEqual(
      [a, b, c],
      [hashed.toString('hex'), hashed.toString('base64'), createHmac('sha256', key).update('b').digest('hex')],
    );
  });

  it('sees keys that are also names of JavaScript', () => {
    const keys = ['__proto__', 'constructor', 'toString'];
    for (const key of keys) {
      assert.deepEqual(run(header(`secret["${key}"]`), [[key, 'v']]).kind, 'generated');
      assert.deepEqual(run(header(`secret["${key}"]`), []), { kind: 'missing', key });
    }
  });

  const worked: readonly (readonly [what: string, value: string])[] = [
    ['searches', 'string(secret.long.contains(secret.long.startsWith("a") ? "ba" + secret.long : ""))'],
    ['patterns', 'string(secret.long.matches("(a|b)*c"))'],
    ['texts that are slow to find', 'string(secret.repeated.contains(secret.sought))'],
    ['copies in patterns', 'string("x".matches("a{1000}b{1000}c{1000}"))'],
    ['conversions', 'string(int(secret.digits))'],
    ['time zones', `string([${'now.getHours("Asia/Tokyo"),'.repeat(40)}1].size())`],
    ['lists in lists', `string([${'[1,2,3,4,5,6,7,8].map(x, '.repeat(6)}1${')'.repeat(6)}] == [1])`],
    ['joins', 'secret.long + secret.long + secret.long'],
  ];
  for (const [what, value] of worked) {
    it(`has counted work: ${what}`, () => {
      const outcome = run(header(value));
      assert.ok(outcome.kind === 'failed', JSON.stringify(outcome).slice(0, 200));
      assert.match(outcome.message, /units of work/);
    });
  }

  it('never shows a value of the Secret in a message', () => {
    const values = [
      'bool(secret.token)',
      'string(timestamp(secret.token))',
      'string(duration(secret.token))',
      'string(int(secret.token))',
      'secret[secret.token]',
      '{secret.token: 1}[secret.token + "x"]',
      'string(b"\\xff" + bytes(secret.token))',
      'secret.token[0]',
      'string(now.getHours(secret.token))',
      'string("x".matches(secret.token + "("))',
      'string({secret.token: 1, secret.token: 2}.size())',
      'secret.token - 1',
      'secret.token ? "a" : "b"',
    ];
    for (const value of [
      ...values.map(header),
      `{"headers": {secret.token + "\\n": "x"}}`,
      '{secret.token: {}}',
      '{"query": {"a": {secret.token: "x"}}}',
    ]) {
      const outcome = run(value);
      assert.notEqual(outcome.kind, 'generated', value);
      assert.ok(!JSON.stringify(outcome).includes('SECRET'), `${value}: ${JSON.stringify(outcome)}`);
    }
  });

  const limited: readonly (readonly [what: string, cel: string, message: RegExp])[] = [
    ['depth of the parser', '('.repeat(4000), /nested too deep/],
  ];
  for (const [what, cel, message] of limited) {
    it(`has a limit: ${what}`, () => {
      const outcome = run(cel);
      assert.ok(outcome.kind === 'broken', JSON.stringify(outcome).slice(0, 200));
      assert.match(outcome.message, message);
    });
  }

  const results: readonly (readonly [what: string, cel: string, message: RegExp])[] = [
    [
      'headers',
      `{"headers": {${Array.from({ length: 17 }, (_each, at) => `"X-${at}": "a"`).join(', ')}}}`,
      /headers has more than 16 names/,
    ],
    ['characters', header('secret.long'), /more than 8192 characters/],
    ['names', '{"headers": {"X-A": "a", "x_a": "b"}}', /headers has the same name in two spellings/],
    ['names of parameters', '{"query": {"a.b": "a", "A_B[c]": "b"}}', /query has the same name in two spellings/],
    ['keys', '[{"header": {}}][0]', /a key that is neither "headers" nor "query"/],
    ['values', header('1'), /names and values of headers must be strings/],
  ];
  for (const [what, cel, message] of results) {
    it(`has a result with limits: ${what}`, () => {
      const outcome = run(cel);
      assert.ok(outcome.kind === 'failed', JSON.stringify(outcome));
      assert.match(outcome.message, message);
    });
  }

  it('leaves stack traces of other errors as they were', () => {
    const { stackTraceLimit } = Error;
    for (const value of ['secret.token', 'secret.absent', 'string(int(secret.token))']) run(header(value));
    assert.equal(Error.stackTraceLimit, stackTraceLimit);
  });

  it('keeps nothing of one evaluation for the next', () => {
    const evaluator = new GeneratorEvaluator();
    const evaluate = (token: string): GeneratorOutcome =>
      evaluator.evaluate(header('secret.token'), { secret: [['token', token]], request, nowMs: 0 });
    for (const token of ['a', 'b']) {
      assert.deepEqual(evaluate(token), { kind: 'generated', headers: [['X', token]], query: [] });
    }
    // Each evaluation has all of the work.
    const long = 'x'.repeat(8000);
    for (let times = 0; times < 40; times += 1) assert.equal(evaluate(long).kind, 'generated');
  });
});
