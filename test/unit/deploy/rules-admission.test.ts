import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import type { Connector } from '../../../src/shared/connectors/model.ts';
import { parseRules, RulesError } from '../../../src/proxy/rules/parse-rules.ts';
import { connectorAnnotations, ownerProblem } from '../../../src/proxy/rules/request-rules.ts';
import { verdict } from '../../support/deploy/admission-policy.ts';
import { classManifests } from '../../support/deploy/class-cases.ts';
import { chartFile, optOutLabel } from '../../support/deploy/manifests.ts';
import { brokenRules, validRules } from '../../support/rules/rules-corpus.ts';
import { annotated } from '../../support/rules/rule-sets.ts';
import type { Annotations } from '../../support/rules/rule-sets.ts';

const objects = chartFile('policies/admission').filter(({ metadata }) => metadata.name === 'connectors-csi-rules');
const [policy, binding] = objects;
assert.ok(policy !== undefined && binding !== undefined);
const classes = classManifests();

/** What authors are told; fails where an expression cannot be evaluated. */
function told(annotations: Annotations, before?: Annotations, kind = 'Connector'): readonly string[] {
  const { messages, errors } = verdict(policy!, {
    operation: before === undefined ? 'CREATE' : 'UPDATE',
    group: 'connectors.alauda.io',
    resource: 'connectors',
    namespace: 'ci',
    username: 'dev',
    extra: {},
    object: { kind, metadata: { name: 'tool', ...annotated(annotations) } },
    ...(before && { oldObject: { metadata: { name: 'tool', ...annotated(before) } } }),
  });
  assert.deepEqual(errors, []);
  return messages;
}

/** Whether the proxy denies every request. */
function isBroken(annotations: Annotations): boolean {
  const connector: Connector = {
    ref: { namespace: 'ci', name: 'tool' },
    className: 'any',
    object: { metadata: annotated(annotations) },
  };
  return ownerProblem(connector, undefined) !== undefined;
}

describe('the admission policy about rules', () => {
  it('has patterns that RE2 takes', () => {
    const patterns = [...JSON.stringify(policy).matchAll(/r'([^']*)'/g)].map(([, pattern = '']) => pattern);
    assert.ok(patterns.length > 5);
    for (const pattern of patterns) RE2JS.compile(JSON.parse(`"${pattern}"`) as string);
  });

  it('warns, but for namespaces that opt out', () => {
    const matchExpressions = [{ key: optOutLabel, operator: 'NotIn', values: ['off'] }];
    assert.deepEqual(binding['spec'], {
      policyName: policy.metadata.name,
      validationActions: ['Warn'],
      matchResources: { namespaceSelector: { matchExpressions } },
    });
  });

  for (const text of validRules) {
    it(`accepts ${JSON.stringify(text)}`, () => assert.deepEqual(told({ rules: text }), []));
  }

  it('accepts what the repository has', () => {
    for (const { metadata } of classes) {
      const { annotations = {} } = metadata as { annotations?: Annotations };
      const own = Object.entries(annotations).flatMap(([name, value]) =>
        name.startsWith('connectors.alauda.io/') ? [[name.replace(/^.*\//, ''), value]] : [],
      );
      assert.deepEqual(told(Object.fromEntries(own) as Annotations, undefined, 'ConnectorClass'), [], metadata.name);
    }
  });

  it('reports mistakes of the corpus that a line shows', () => {
    const reported = brokenRules.filter(([rules]) => told({ rules }).length > 0);
    assert.ok(reported.length >= 10, `${reported.length} of ${brokenRules.length}`);
  });

  it('reports the line of a mistake', () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      [
        '- allow: {methods: [GET]}\n- forbid: { paths: [/a] }',
        /line "- forbid: \{ paths: \[\/a\] \}": write allow or deny/,
      ],
      ['- deny: {path: [/a]}', /line "- deny: \{path: \[\/a\]\}": write allow or deny with methods/],
      ['- deny: {methods: [get]}', /: write allow or deny with methods \(GET, HEAD/],
      ['- deny: {paths: ["a/b"]}', /with paths that begin with \//],
      ['- deny:\n    path:\n      - /a', /line "path:": write methods/],
      ['- deny:\n    methods: [GET, get]', /line "methods: \[GET, get\]": write methods/],
      [
        '- deny:\n    paths:\n      - /a\n      - b # here',
        /line "- b # here": write a method in upper case, or a path/,
      ],
      ['', /is empty: write a list/],
      [' \n', /is empty: write a list/],
      [`#${'x'.repeat(20_000)}`, /has more than 16384 characters/],
    ];
    for (const [rules, message] of cases) {
      const [first, ...more] = told({ rules });
      assert.match(first ?? '', message);
      assert.deepEqual(more, []);
      assert.ok(isBroken({ rules }));
    }
  });

  it('knows the values of the other annotations', () => {
    for (const access of ['full', 'read-only']) assert.deepEqual(told({ access }), []);
    assert.deepEqual(told({ access: 'rules', rules: '- deny: {paths: [/a]}', 'rules-mode': 'audit' }), []);
    assert.match(told({ access: 'readonly' })[0] ?? '', /access must be one of full, read-only, rules$/);
    assert.match(told({ access: '' })[0] ?? '', /access must be one of/);
    assert.match(told({ access: 'rules' })[0] ?? '', /there is no annotation connectors\.alauda\.io\/rules: add it$/);
    assert.match(told({ 'rules-mode': 'warn' })[0] ?? '', /rules-mode must be one of enforce, audit$/);
    assert.deepEqual(told({ access: 'full', rules: '- x: y' }), []);
  });

  it('reports names that are unknown, as they are written', () => {
    const unknown = { acess: 'read-only' } as Annotations;
    assert.match(told(unknown).join(), /^annotation connectors\.alauda\.io\/acess is unknown: write one of .*\/access/);
    assert.ok(isBroken(unknown));
    assert.equal(told(unknown, { access: 'full' }).length, 1);
    assert.deepEqual(told(unknown, unknown), []);
    assert.equal(told({ 'read-only-protocol': 'git' }).length, 1);
    for (const name of connectorAnnotations) {
      assert.doesNotMatch(told({ [name.replace(/^.*\//, '')]: 'x' }).join(), /is unknown/);
    }
  });

  it('looks at changes alone', () => {
    const wrong = { access: 'none' };
    assert.deepEqual(told(wrong, wrong), []);
    assert.equal(told(wrong, {}).length, 1);
    assert.equal(told({ ...wrong, 'concurrent-requests': '1' }, wrong).length, 1);
    assert.equal(told({ access: 'rules' }, { access: 'rules', rules: '- deny: {paths: [/a]}' }).length, 1);
  });

  it('reports nothing that the proxy accepts, whatever the rules', () => {
    const key = fc.constantFrom('allow', 'deny', 'methods', 'paths', 'path', '"deny"', 'GET');
    const value = fc.constantFrom(
      'GET',
      'get',
      '/a',
      '/a/**',
      '"/a b"',
      "'/x'",
      'b',
      '"/,"',
      '- /a',
      '[/a]',
      '/a # x',
      '""',
    );
    const space = fc.constantFrom('', ' ', '  ', '    ', '      ');
    const list = fc.array(value, { maxLength: 3 }).map((values) => `[${values.join(', ')}]`);
    const mapping = fc.tuple(key, list).map(([name, values]) => `{ ${name}: ${values} }`);
    const lineOf = fc.oneof(
      fc.tuple(space, key, mapping).map(([indent, name, members]) => `${indent}- ${name}: ${members}`),
      fc.tuple(space, key).map(([indent, name]) => `${indent}- ${name}:`),
      fc.tuple(space, key, list).map(([indent, name, values]) => `${indent}${name}: ${values}`),
      fc.tuple(space, key).map(([indent, name]) => `${indent}${name}:`),
      fc.tuple(space, value).map(([indent, text]) => `${indent}- ${text}`),
      fc.tuple(space, value).map(([indent, text]) => `${indent}${text}`),
      fc.constantFrom('', '# x', '---', '...', '  - |', '    - >-'),
    );
    const right = fc.constantFrom('/a', '/a/**', '"/a b"', "'/x'", '/-', '/a # x');
    const words = fc.oneof({ weight: 6, arbitrary: right }, { weight: 1, arbitrary: value });
    const block = fc
      .tuple(
        fc.constantFrom('allow', 'deny', '"deny"'),
        fc.constantFrom('paths', "'paths'", 'methods'),
        space,
        words,
        words,
      )
      .map(([name, member, indent, one, two]) => `- ${name}:\n    ${member}:\n      - ${one}\n${indent}- ${two}`);
    const flow = fc
      .tuple(fc.constantFrom('allow', 'deny'), fc.constantFrom('paths', 'methods'), words, words)
      .map(([name, member, one, two]) => `- ${name}: { ${member}: [${one}, ${two}] }`);
    const texts = fc.oneof(
      fc.array(lineOf, { minLength: 1, maxLength: 6 }),
      fc.array(fc.oneof(block, flow), { minLength: 1, maxLength: 3 }),
    );
    let reported = 0;
    let accepted = 0;
    const isRead = (text: string): boolean => {
      try {
        return parseRules(text).length > 0;
      } catch (error) {
        if (error instanceof RulesError) return false;
        throw error;
      }
    };
    fc.assert(
      fc.property(texts, (lines) => {
        const rules = lines.join('\n');
        const messages = told({ rules });
        if (messages.length > 0) reported += 1;
        if (!isRead(rules)) return;
        accepted += 1;
        assert.deepEqual(messages, []);
      }),
      { numRuns: 4000 },
    );
    assert.ok(reported > 100 && accepted > 100, `${reported} reported, ${accepted} accepted`);
  });
});
