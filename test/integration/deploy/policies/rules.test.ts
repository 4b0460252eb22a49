import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Connector } from '../../../../src/shared/connectors/model.ts';
import { parseRules, RulesError } from '../../../../src/proxy/rules/parse-rules.ts';
import { connectorAnnotations, ownerProblem } from '../../../../src/proxy/rules/request-rules.ts';
import { classManifests } from '../../../support/classes/class-cases.ts';
import { api, namespace, optedOut, usePolicies } from '../../../support/deploy/installed-policies.ts';
import type { Manifest } from '../../../support/deploy/manifests.ts';
import { brokenRules, validRules } from '../../../support/rules/rules-corpus.ts';
import { annotated, type Annotations } from '../../../support/rules/rule-sets.ts';

function connectorWith(annotations: Annotations, place = namespace): Manifest {
  return {
    ...{ apiVersion: api, kind: 'Connector', metadata: { namespace: place, name: 'tried', ...annotated(annotations) } },
    spec: { connectorClassName: 'any', address: 'https://tool.example' },
  };
}

/** Whether the proxy denies every request. */
function isBroken(annotations: Annotations): boolean {
  const connector: Connector = {
    ref: { namespace, name: 'tool' },
    className: 'any',
    object: { metadata: annotated(annotations) },
  };
  return ownerProblem(connector, undefined) !== undefined;
}

function isRead(text: string): boolean {
  try {
    return parseRules(text).length > 0;
  } catch (error) {
    if (error instanceof RulesError) return false;
    throw error;
  }
}

describe('the admission policy about rules', () => {
  const policies = usePolicies(['admission'], connectorWith({ access: 'none' }));
  const told = (annotations: Annotations, before?: Annotations): Promise<readonly string[]> =>
    before === undefined
      ? policies.create(connectorWith(annotations))
      : policies.change(connectorWith(before), connectorWith(annotations));

  it('only warns, but for namespaces that opt out', async () => {
    const { admin } = policies.plane;
    const { code, warnings } = await admin.create(connectorWith({ access: 'none' }), 'dryRun=All');
    assert.deepEqual([code, warnings.length], [201, 1]);
    assert.deepEqual(await policies.create(connectorWith({ access: 'none' }, optedOut)), []);
  });

  it('accepts what the proxy reads, and what the repository has', async () => {
    for (const rules of validRules) assert.deepEqual(await told({ rules }), [], rules);
    for (const each of classManifests()) assert.deepEqual(await policies.create(each), [], each.metadata.name);
  });

  it('reports mistakes of the corpus that a line shows', async () => {
    let reported = 0;
    for (const [rules] of brokenRules) if ((await told({ rules })).length > 0) reported += 1;
    assert.ok(reported >= 10, `${reported} of ${brokenRules.length}`);
  });

  for (const [rules, message] of [
    [
      '- allow: {methods: [GET]}\n- forbid: { paths: [/a] }',
      /line "- forbid: \{ paths: \[\/a\] \}": write allow or deny/,
    ],
    ['- deny: {path: [/a]}', /line "- deny: \{path: \[\/a\]\}": write allow or deny with methods/],
    ['- deny: {methods: [get]}', /: write allow or deny with methods \(GET, HEAD/],
    ['- deny: {paths: ["a/b"]}', /with paths that begin with \//],
    ['- deny:\n    path:\n      - /a', /line "path:": write methods/],
    ['- deny:\n    methods: [GET, get]', /line "methods: \[GET, get\]": write methods/],
    ['- deny:\n    paths:\n      - /a\n      - b # here', /line "- b # here": write a method in upper case, or a path/],
    ['', /is empty: write a list/],
    [' \n', /is empty: write a list/],
    [`#${'x'.repeat(20_000)}`, /has more than 16384 characters/],
  ] as const) {
    it(`reports the line of ${JSON.stringify(rules.slice(0, 60))}`, async () => {
      const [first, ...more] = await told({ rules });
      assert.match(first ?? '', message);
      assert.deepEqual(more, []);
      assert.ok(isBroken({ rules }));
    });
  }

  for (const [annotations, message] of [
    [{ access: 'full' }, undefined],
    [{ access: 'read-only' }, undefined],
    [{ access: 'rules', rules: '- deny: {paths: [/a]}', 'rules-mode': 'audit' }, undefined],
    [{ access: 'full', rules: '- x: y' }, undefined],
    [{ access: 'readonly' }, /access must be one of full, read-only, rules$/],
    [{ access: '' }, /access must be one of/],
    [{ access: 'rules' }, /there is no annotation connectors\.alauda\.io\/rules: add it$/],
    [{ 'rules-mode': 'warn' }, /rules-mode must be one of enforce, audit$/],
    [{ 'read-only-protocol': 'git' }, /is unknown/],
  ] as const) {
    it(`${message === undefined ? 'accepts' : 'reports'} ${JSON.stringify(annotations)}`, async () => {
      const messages = await told(annotations);
      if (message === undefined) assert.deepEqual(messages, []);
      else assert.match(messages[0] ?? '', message);
    });
  }

  it('reports names that are unknown, as they are written', async () => {
    const unknown = { acess: 'read-only' } as Annotations;
    assert.match(
      (await told(unknown)).join(),
      /^annotation connectors\.alauda\.io\/acess is unknown: write one of .*\/access/,
    );
    assert.ok(isBroken(unknown));
    assert.equal((await told(unknown, { access: 'full' })).length, 1);
    assert.deepEqual(await told(unknown, unknown), []);
    for (const name of connectorAnnotations) {
      assert.doesNotMatch((await told({ [name.replace(/^.*\//, '')]: 'x' })).join(), /is unknown/);
    }
  });

  it('looks at changes alone', async () => {
    const wrong = { access: 'none' };
    assert.deepEqual(await told(wrong, wrong), []);
    assert.equal((await told(wrong, {})).length, 1);
    assert.equal((await told({ ...wrong, 'concurrent-requests': '1' }, wrong)).length, 1);
    assert.equal((await told({ access: 'rules' }, { access: 'rules', rules: '- deny: {paths: [/a]}' })).length, 1);
  });

  it('reports nothing that the proxy accepts, whatever the rules', async () => {
    const accepted = fc.sample(anyRules, 4000).filter(isRead);
    assert.ok(accepted.length > 100, String(accepted.length));
    for (const rules of accepted.slice(0, 150)) assert.deepEqual(await told({ rules }), [], rules);
  });
});

const key = fc.constantFrom('allow', 'deny', 'methods', 'paths', 'path', '"deny"', 'GET');
const value = fc.constantFrom(
  ...['GET', 'get', '/a', '/a/**', '"/a b"', "'/x'", 'b', '"/,"', '- /a', '[/a]', '/a # x', '""'],
);
const space = fc.constantFrom('', ' ', '  ', '    ', '      ');
const list = fc.array(value, { maxLength: 3 }).map((values) => `[${values.join(', ')}]`);
const mapping = fc.tuple(key, list).map(([name, values]) => `{ ${name}: ${values} }`);
const line = fc.oneof(
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
const verb = fc.constantFrom('allow', 'deny', '"deny"');
const block = fc
  .tuple(verb, fc.constantFrom('paths', "'paths'", 'methods'), space, words, words)
  .map(([name, member, indent, one, two]) => `- ${name}:\n    ${member}:\n      - ${one}\n${indent}- ${two}`);
const flow = fc
  .tuple(verb, fc.constantFrom('paths', 'methods'), words, words)
  .map(([name, member, one, two]) => `- ${name}: { ${member}: [${one}, ${two}] }`);
/** Texts that are rules, or nearly. */
const anyRules = fc
  .oneof(
    fc.array(line, { minLength: 1, maxLength: 6 }),
    fc.array(fc.oneof(block, flow), { minLength: 1, maxLength: 3 }),
  )
  .map((lines) => lines.join('\n'));
