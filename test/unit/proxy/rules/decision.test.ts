import assert from 'node:assert/strict';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { ambiguityOf, pathProblem } from '../../../../src/proxy/rules/request-path.ts';
import { decide } from '../../../../src/proxy/rules/decision.ts';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { ownerProblem, rulesOf } from '../../../../src/proxy/rules/request-rules.ts';
import { referenceAllows } from '../../../support/rules/reference-rules.ts';
import type { ReferenceRule } from '../../../support/rules/reference-rules.ts';
import { annotated, requestForRules, rulesWith } from '../../../support/rules/rule-sets.ts';

describe('the decision about a request', () => {
  it('is to allow it, without rules', () => {
    assert.deepEqual(decide(rulesWith({}), requestForRules('DELETE', '/')), { outcome: 'allowed' });
    assert.deepEqual(decide(rulesWith({ access: 'full' }), requestForRules('DELETE', '/')), { outcome: 'allowed' });
  });

  it('is that of the first rule that matches', () => {
    const sets = rulesWith({
      rules: `- deny: { paths: ["/api/tokens/**"] }
- allow: { methods: [GET, HEAD] }
- allow: { methods: [POST], paths: ["/**/git-upload-pack"] }
- deny: { methods: [PUT], paths: [/x] }`,
    });
    assert.deepEqual(decide(sets, requestForRules('GET', '/api/projects')), { outcome: 'allowed', rule: 'ci/tool:2' });
    assert.equal(decide(sets, requestForRules('POST', '/a/git-upload-pack')).rule, 'ci/tool:3');
    assert.deepEqual(decide(sets, requestForRules('GET', '/api/tokens/1')), {
      outcome: 'denied',
      rule: 'ci/tool:1',
      reason: 'a rule of connector ci/tool denies this request: line 1 of annotation connectors.alauda.io/rules',
    });
    assert.deepEqual(decide(sets, requestForRules('PATCH', '/api/projects')), {
      outcome: 'denied',
      rule: 'ci/tool',
      reason: 'no rule of connector ci/tool allows this request: annotation connectors.alauda.io/rules',
    });
  });

  it('is to allow what no rule matches, if all rules deny', () => {
    const sets = rulesWith({ rules: '- deny: { methods: [DELETE] }' });
    assert.deepEqual(decide(sets, requestForRules('PUT', '/x')), { outcome: 'allowed' });
    assert.equal(decide(sets, requestForRules('DELETE', '/x')).outcome, 'denied');
  });

  it('is to deny writes by read-only, also where rules allow them', () => {
    const readOnly = rulesWith({ access: 'read-only' });
    assert.deepEqual(decide(readOnly, requestForRules('GET', '/x')), { outcome: 'allowed', rule: 'read-only' });
    assert.deepEqual(decide(readOnly, requestForRules('PUT', '/x')), {
      outcome: 'denied',
      rule: 'read-only',
      reason: 'connector ci/tool is read-only: PUT can write here (annotation connectors.alauda.io/access)',
    });
    assert.match(
      decide(readOnly, requestForRules('GET', '/x', { isUpgrade: true })).reason ?? '',
      /a change of the proto/,
    );
    const both = rulesWith({ access: 'read-only', rules: '- allow: { paths: [/x] }' });
    assert.equal(decide(both, requestForRules('PUT', '/x')).rule, 'read-only');
    assert.equal(decide(both, requestForRules('GET', '/y')).rule, 'ci/tool');
    assert.equal(decide(both, requestForRules('GET', '/x')).rule, 'ci/tool:1');
  });

  it('is made by the rules of the class as well, unless access is full', () => {
    const ofClass = { rules: '- deny: { paths: [/tokens] }' };
    assert.equal(decide(rulesWith({}, ofClass), requestForRules('GET', '/tokens')).rule, 'class git:1');
    assert.equal(decide(rulesWith({}, ofClass), requestForRules('GET', '/x')).outcome, 'allowed');
    assert.equal(decide(rulesWith({ access: 'full' }, ofClass), requestForRules('GET', '/tokens')).outcome, 'allowed');
    const own = { rules: '- allow: { methods: [GET] }' };
    assert.equal(decide(rulesWith(own, ofClass), requestForRules('GET', '/tokens')).rule, 'class git:1');
    assert.equal(decide(rulesWith(own, ofClass), requestForRules('GET', '/x')).rule, 'ci/tool:1');
    assert.equal(decide(rulesWith(own, ofClass), requestForRules('PUT', '/x')).rule, 'ci/tool');
    const { rule } = decide(rulesWith({}, { access: 'read-only' }), requestForRules('PUT', '/x'));
    assert.equal(rule, 'class git:read-only');
    assert.equal(decide(rulesWith({}, { access: 'full' }), requestForRules('PUT', '/x')).outcome, 'allowed');
  });

  it('is to allow %2F for * only where the tool keeps it, and to deny it everywhere', () => {
    const allows = rulesWith({ rules: '- allow: { paths: ["/projects/*/keys", "/groups/team%2Fapp", "/files/**"] }' });
    const request = requestForRules('GET', '/projects/team%2Fapp/keys');
    assert.equal(decide(allows, request, true).outcome, 'allowed');
    for (const path of ['/projects/team%2Fapp/keys', '/projects/team%252Fapp/keys', '/projects/a%2fb/keys']) {
      const { reason } = decide(allows, requestForRules('GET', path));
      assert.match(reason ?? '', /^no rule of .* allows this request, as \* matches no %2F: annotation /);
    }
    for (const path of ['/projects/1/keys', '/groups/team%2Fapp', '/files/a%2Fb', '/files/a/b%2Fc/d']) {
      assert.equal(decide(allows, requestForRules('GET', path)).outcome, 'allowed', path);
    }
    const denies = rulesWith({ rules: '- deny: { paths: ["/projects/*/keys"] }' });
    for (const keepsSlash of [false, true]) assert.equal(decide(denies, request, keepsSlash).outcome, 'denied');
  });

  it('is audited where the mode says so, for the object that says it', () => {
    const sets = rulesWith({ access: 'read-only', 'rules-mode': 'audit' }, { rules: '- deny: { paths: [/tokens] }' });
    const audited = decide(sets, requestForRules('PUT', '/x'));
    assert.equal(audited.outcome, 'audit');
    assert.equal(audited.rule, 'read-only');
    assert.equal(decide(sets, requestForRules('GET', '/x')).outcome, 'allowed');
    assert.equal(decide(sets, requestForRules('PUT', '/tokens')).outcome, 'denied');
    assert.equal(decide(sets, requestForRules('PUT', '/tokens')).rule, 'class git:1');
  });

  it('is to deny an override of the method, and a path without a certain meaning', () => {
    const sets = rulesWith({ rules: '- deny: { methods: [DELETE] }' });
    assert.deepEqual(
      decide(sets, requestForRules('POST', '/x', { rawHeaders: ['X-HTTP-Method-Override', 'DELETE'] })),
      {
        outcome: 'denied',
        rule: 'ci/tool',
        reason:
          'rules of connector ci/tool deny this request: its "X-HTTP-Method-Override" names another method or path',
        isAmbiguous: false,
      },
    );
    assert.deepEqual(decide(sets, requestForRules('GET', '/a//b')), {
      outcome: 'denied',
      rule: 'ci/tool',
      reason:
        'rules of connector ci/tool need another spelling of the path: at "/a//b" it has an empty segment: send one slash',
      isAmbiguous: true,
    });
    assert.deepEqual(decide(sets, requestForRules('GET', `/a?${'&'.repeat(256)}`)), {
      outcome: 'denied',
      rule: 'ci/tool',
      reason: 'rules of connector ci/tool need a query of at most 256 parameters: send fewer',
      isAmbiguous: true,
    });
    assert.equal(decide(rulesWith({}), requestForRules('GET', '/a//b?_method=DELETE')).outcome, 'allowed');
    const audited = rulesWith({ rules: '- deny: { paths: [/x] }', 'rules-mode': 'audit' });
    assert.equal(decide(audited, requestForRules('GET', '/a//b')).outcome, 'audit');
  });

  it('is to deny everything by broken rules, in audit mode as well', () => {
    const broken: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
      [{ rules: '- deny: {path: [/a]}' }, /annotation connectors\.alauda\.io\/rules, line 1, column 10: unknown key/],
      [{ rules: '' }, /annotation connectors\.alauda\.io\/rules is empty: write a list/],
      [
        { access: 'readonly' },
        /annotation connectors\.alauda\.io\/access is "readonly": write full, read-only, rules$/,
      ],
      [{ access: '' }, /access is "": write full/],
      [{ access: 'rules' }, /access is "rules" without annotation connectors\.alauda\.io\/rules: add it$/],
      [{ access: 'read-only', 'rules-mode': 'warn' }, /rules-mode is "warn": write enforce, audit$/],
      [{ access: 'full', 'rules-mode': 'warn' }, /rules-mode is "warn"/],
      [{ 'rules-mode': 'warn' }, /rules-mode is "warn"/],
      [
        { acess: 'read-only' },
        /"connectors\.alauda\.io\/acess" is unknown: write one of connectors\.alauda\.io\/access, /,
      ],
      [{ access: 'full', 'rule-mode': 'audit' }, /rule-mode" is unknown: write one of /],
      [{ colour: 'red' }, /colour" is unknown: write one of /],
      [{ 'read-only-protocol': 'git' }, /read-only-protocol" is unknown/],
    ];
    for (const [annotations, problem] of broken) {
      for (const more of [{}, annotations['rules-mode'] === undefined ? { 'rules-mode': 'audit' } : {}]) {
        const {
          outcome,
          rule,
          reason = '',
        } = decide(rulesWith({ ...annotations, ...more }), requestForRules('GET', '/'));
        assert.equal(outcome, 'denied', reason);
        assert.equal(rule, 'ci/tool');
        assert.match(reason, /^rules of connector ci\/tool are broken: annotation /);
        assert.match(reason, problem);
      }
    }
    const { reason } = decide(rulesWith({}, { access: 'none' }), requestForRules('GET', '/'));
    assert.match(reason ?? '', /^rules of connectorclass git are broken: annotation /);
  });

  it('follows an object that is replaced, and reads one object once', () => {
    const annotations: Record<string, string> = { 'connectors.alauda.io/access': 'read-only' };
    const object = { metadata: { annotations } };
    const connector = { ref: { namespace: 'ci', name: 'tool' }, className: 'git', object };
    assert.equal(ownerProblem(connector, undefined), undefined);
    assert.match(
      ownerProblem({ ...connector, object: { metadata: annotated({ access: 'x' }) } }, undefined)?.message ?? '',
      /^rules of connector ci\/tool are broken/,
    );
    const [kept] = rulesOf(connector, undefined);
    // The same object, although a test has changed what is immutable.
    annotations['connectors.alauda.io/access'] = 'x';
    assert.equal(rulesOf(connector, undefined)[0], kept);
    assert.match(ownerProblem(connector, undefined)?.message ?? '', / are broken/, 'which nobody keeps');
  });

  it('keeps parsed rules while another namespace has any number of them', () => {
    const { characters, keptCharacters } = proxyLimits.rules;
    const rules = '- allow: { methods: [GET] }'.padEnd(characters);
    const using = (namespace: string, at: number): readonly unknown[] => {
      const object = objects[`${namespace} ${at}`] ?? { metadata: annotated({ rules }) };
      objects[`${namespace} ${at}`] = object;
      return rulesOf({ ref: { namespace, name: `c${at}` }, className: 'git', object }, undefined);
    };
    const objects: Record<string, JsonObject> = {};
    const [kept] = using('ci', 0);
    for (let at = 0; at <= keptCharacters / characters; at += 1) using('hostile', at);
    assert.equal(using('ci', 0)[0], kept);
  });
});

/** Rules that the spellings below are compared with. */
const ruleLists: readonly (readonly ReferenceRule[])[] = [
  [{ effect: 'deny', paths: ['/api/v4/tokens', '/api/v4/tokens/**'] }],
  [
    { effect: 'deny', paths: ['/**/tokens'] },
    { effect: 'allow', methods: ['GET'] },
  ],
  [{ effect: 'allow', paths: ['/api/v4/tokens'] }],
  [{ effect: 'allow', paths: ['/api/*/tokens/**'] }],
  [
    { effect: 'deny', paths: ['/api/v4/tokens/*'] },
    { effect: 'allow', paths: ['/api/**'] },
  ],
  [
    { effect: 'allow', paths: ['/api/v4/**'] },
    { effect: 'deny', paths: ['/**/tokens'] },
  ],
];

const separators = ['/', '//', '/./', '%2f', '%2F', '%5C', ';x/', '%3Bx/', '%20/'];
const targets = ['tokens', 'TOKENS', '%74okens', '%2574okens', 'token%73', 'tokens;x=1', 'tokens%3Bx', 'tokens.json'];
const ends = ['', '/', '/.', '%2F', '%3F', '/x', '%2Fx', '.'];

describe('the spellings of a path', () => {
  const spellings = separators.flatMap((first) =>
    targets.flatMap((target) =>
      ends.flatMap((end) => [`/api${first}v4/${target}${end}`, `/API/v4${first}${target}${end}`]),
    ),
  );

  it('are at least 300', () => assert.ok(new Set(spellings).size >= 300));

  for (const rules of ruleLists) {
    it(`are decided by what the tool sees: ${JSON.stringify(rules)}`, () => {
      const sets = rulesWith({ rules: textOf(rules) });
      for (const spelling of new Set(spellings)) {
        if (pathProblem(spelling) !== undefined) continue;
        const { outcome, isAmbiguous = false } = decide(sets, requestForRules('GET', spelling));
        assert.equal(isAmbiguous, ambiguityOf(spelling) !== undefined, spelling);
        if (!isAmbiguous) assert.equal(outcome === 'allowed', referenceAllows(rules, 'GET', spelling), spelling);
      }
    });
  }

  it('are no way around rules that a reference denies', () => {
    const segment = fc.constantFrom('a', 'b', 'A', '%61', 'a;b', 'a%2Fb', 'c', 'b%2fa', 'a.json', 'a%3B', '%62');
    const pattern = fc
      .array(fc.constantFrom('a', 'b', '*', '**'), { maxLength: 4 })
      .map((parts) => `/${parts.join('/')}`);
    const rule = fc.record({
      effect: fc.constantFrom('allow' as const, 'deny' as const),
      methods: fc.subarray(['GET', 'PUT'], { minLength: 1 }),
      paths: fc.array(pattern, { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('GET', 'PUT'),
        fc.array(segment, { maxLength: 5 }),
        (rules, method, segments) => {
          const path = `/${segments.join('/')}`;
          fc.pre(pathProblem(path) === undefined && ambiguityOf(path) === undefined);
          const { outcome } = decide(rulesWith({ rules: textOf(rules) }), requestForRules(method, path));
          assert.equal(outcome === 'allowed', referenceAllows(rules, method, path), path);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

function textOf(rules: readonly ReferenceRule[]): string {
  return stringify(
    rules.map(({ effect, methods, paths }) => ({ [effect]: { ...(methods && { methods }), ...(paths && { paths }) } })),
  );
}
