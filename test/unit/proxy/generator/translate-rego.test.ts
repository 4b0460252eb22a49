import assert from 'node:assert/strict';
import { generatorOf } from '../../../../src/proxy/generator/generator-of-class.js';
import { GeneratorJobs } from '../../../../src/proxy/generator/run-generator-job.js';
import { translateRego } from '../../../../src/proxy/generator/rego/translate-rego.js';
import { processorTimeMs } from '../../../support/processor-time.js';

const secret = [
  ['token', 'T'],
  ['username', 'U'],
  ['password', 'P'],
  ['key', 'K'],
] as const;
const request = { method: 'GET', host: 'tool.example', path: '/a', query: '' };
const seconds = 1_700_000_000;

function policy(...lines: readonly string[]): string {
  return ['package proxy', '', ...lines].join('\n');
}

/** Policies with their expressions, in the shapes of the original's documentation. */
const shapes: readonly (readonly [what: string, rego: string, cel: string])[] = [
  [
    'a header from a key',
    policy('auth = {', '  "position": "header",', '  "auth": {', '    "Private-Token": input.data.token', '  }', '}'),
    '{"headers": {"Private-Token": secret.token}}',
  ],
  [
    'a header with a prefix',
    policy('auth = {"position": "header", "auth": {"Authorization": concat(" ", ["Bearer", input.data.token])}}'),
    '{"headers": {"Authorization": "Bearer " + secret.token}}',
  ],
  [
    'Basic from two keys',
    policy(
      'auth = {"position": "header", "auth": {',
      '  "Authorization": concat(" ", ["Basic", base64.encode(concat(":", [input.data.username, input.data.password]))])',
      '}}',
    ),
    '{"headers": {"Authorization": "Basic " + base64.encode(secret.username + ":" + secret.password)}}',
  ],
  [
    'an API key in the query',
    policy('auth = {"position": "query", "auth": {"api_key": input.data.key}}'),
    '{"query": {"api_key": secret.key}}',
  ],
  [
    'one of two by a condition',
    policy(
      '# Without a token, the key.',
      'auth = {"position": "header", "auth": {"X-Key": input.data.key}}',
      'auth = {"position": "header", "auth": {"X-Token": input.data.token}} {',
      '  input.data.token != ""',
      '}',
    ),
    'has(secret.token) && secret.token != "" ? {"headers": {"X-Token": secret.token}} : {"headers": {"X-Key": secret.key}}',
  ],
  [
    'a timestamp with an HMAC',
    policy(
      'import time',
      'now := time.now_ns() / 1000000000',
      'auth = {"position": "header", "auth": {',
      '  "X-Time": sprintf("%d", [now]),',
      '  "X-Signature": hmac.sha256(input.data.key, sprintf("%d", [now])),',
      '}}',
    ),
    '{"headers": {"X-Time": string(int(now)), "X-Signature": hex.encode(hmac.sha256(secret.key, string(int(now))))}}',
  ],
  [
    'rules of Rego 1 with a default',
    policy(
      'default auth := {"position": "header", "auth": {"X": "none"}}',
      'auth := {"position": "query", "auth": {"k": v}} if { v := input.data["a-b"]; not input.data.for }',
      'else := {"position": "header", "auth": {"X": sprintf("%s/%v", [input.request.path, 2])}} if input.data["a-b"]',
    ),
    '!has(secret["for"]) ? {"query": {"k": secret["a-b"]}} : "a-b" in secret ? {"headers": {"X": request.path + "/" + "2"}} : {"headers": {"X": "none"}}',
  ],
];

describe('A policy in Rego', () => {
  for (const [what, rego, cel] of shapes.slice(0, 6)) {
    it(`is translated: ${what}`, () => {
      assert.deepEqual(translateRego(rego), { cel });
      const outcome = new GeneratorJobs().run({ cel, secret, request, nowMs: seconds * 1000 });
      assert.equal(outcome.kind, 'generated', JSON.stringify(outcome));
    });
  }

  it('of Rego 1 is translated to an expression that can be evaluated', () => {
    const [, rego = ''] = shapes[6] ?? [];
    const translated = translateRego(rego);
    assert.ok('cel' in translated, JSON.stringify(translated));
    const run = (data: readonly (readonly [string, string])[]): unknown =>
      new GeneratorJobs().run({ cel: translated.cel, secret: data, request, nowMs: 0 });
    const fixed = { kind: 'generated', isFixed: false };
    assert.deepEqual(run([['a-b', 'v']]), { ...fixed, headers: [], query: [['k', 'v']] });
    assert.deepEqual(
      run([
        ['a-b', 'v'],
        ['for', 'x'],
      ]),
      { ...fixed, headers: [['X', '/a/2']], query: [] },
    );
    assert.deepEqual(run([['for', 'x']]), { ...fixed, headers: [['X', 'none']], query: [] });
  });

  const untranslatable: readonly (readonly [what: string, rego: string, problem: RegExp])[] = [
    ['is empty', '', /no rule auth/],
    [
      'has another position',
      policy('auth = {"position": "body", "auth": {"a": "b"}}'),
      /line 3 has the position "body"/,
    ],
    [
      'calls other functions',
      policy('auth = {"position": "header", "auth": {"A": http.send({})}}'),
      /line 3 calls http\.send/,
    ],
    [
      'reads headers',
      policy('auth = {"position": "header", "auth": {"A": input.request.headers.A}}'),
      /uses input\.request\.headers\.A/,
    ],
    [
      'depends on itself',
      policy('a := b', 'b := a', 'auth = {"position": "header", "auth": {"A": a}}'),
      /depends on itself/,
    ],
    ['is nested deep', policy(`auth = ${'('.repeat(500)}`), /nested too deep/],
    ['is long', policy(`auth = "${'x'.repeat(9000)}"`), /more than 8192 characters/],
    ['has many tokens', policy('a = 1 '.repeat(500)), /too long/],
    ['is no Rego', 'auth = "', /line 1 cannot be read/],
  ];
  for (const [what, rego, problem] of untranslatable) {
    it(`that ${what} has no translation`, () => {
      const translated = translateRego(rego);
      assert.ok('problem' in translated);
      assert.match(translated.problem, problem);
    });
  }

  it('is never expanded, whatever its variables multiply', () => {
    const chains = [
      (at: number): string => `a${at} := concat(a${at - 1}, [a${at - 1}, a${at - 1}])`,
      (at: number): string => `a${at} := a${at - 1} == a${at - 1}`,
      (at: number): string => `a${at} := [a${at - 1}, a${at - 1}]`,
      (at: number): string => `a${at} := sprintf("%s%s%s", [a${at - 1}, a${at - 1}, a${at - 1}])`,
    ];
    for (const [first, chain] of ['input.data.token', '"xy"'].flatMap((each) =>
      chains.map((chain) => [each, chain] as const),
    )) {
      const steps = Array.from({ length: 60 }, (_each, at) => chain(at + 1));
      const uses = ['auth = {"position": "header", "auth": {"A": a60}} { a60 != "" }', 'auth = a60'];
      const started = processorTimeMs();
      for (const use of uses) assert.ok('problem' in translateRego(policy(`a0 := ${first}`, ...steps, use)));
      // Without a bound it would take longer than any test.
      assert.ok(processorTimeMs() - started < 5000);
    }
  });

  it('is reported with its translation, in one line', () => {
    const type = { name: 'own', generator: { rego: shapes[4]?.[1] ?? '' } };
    assert.throws(() => generatorOf(type, 'tool'), {
      reason: 'UnsupportedGenerator',
      status: 502,
      message: `connectorclass tool: generator.rego of auth type "own" is not run: add generator.cel with the same result: ${shapes[4]?.[2]}`,
    });
  });
});
