import assert from 'node:assert/strict';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { knownSecretTypes } from '../../../../src/proxy/credentials/tool-credentials.ts';
import { generatorOf } from '../../../../src/proxy/credentials/generator/generators.ts';
import { GeneratorEvaluator } from '../../../../src/proxy/credentials/generator/generator-evaluator.ts';
import { classManifests } from '../../../support/classes/class-cases.ts';
import { api, usePolicies } from '../../../support/deploy/installed-policies.ts';
import type { Manifest } from '../../../support/deploy/manifests.ts';

const evaluator = new GeneratorEvaluator();
const classOf = (...types: readonly object[]): Manifest => ({
  ...{ apiVersion: api, kind: 'ConnectorClass', metadata: { name: 'tried' }, spec: { auth: { types } } },
});

/** Reports whether the proxy cannot use the auth type with a Secret of its type. */
function isUnusable(type: JsonObject): boolean {
  try {
    const generator = generatorOf(type, 'tried');
    return generator !== undefined && evaluator.compile(generator.cel).kind === 'broken';
  } catch {
    const { secretType } = type;
    return typeof secretType !== 'string' || !knownSecretTypes.includes(secretType);
  }
}

describe('the admission policy about generators', () => {
  const wrong = classOf({ name: 'own', generator: { cel: '' } });
  const policies = usePolicies(['admission'], wrong);

  it('only warns', async () => {
    const { code, warnings } = await policies.plane.admin.create(wrong, 'dryRun=All');
    assert.deepEqual([code, warnings.length], [201, 1]);
  });

  it('accepts what the repository has', async () => {
    const withGenerators = classManifests().filter((each) => JSON.stringify(each).includes('"generator"'));
    assert.ok(withGenerators.length >= 4);
    for (const each of withGenerators) assert.deepEqual(await policies.create(each), [], each.metadata.name);
    assert.deepEqual(await policies.create({ ...wrong, spec: {} }), []);
  });

  const rego = 'package proxy';
  const cel = '{"headers": {"X": secret.key}}';
  const cases: readonly (readonly [type: JsonObject, message: RegExp | undefined])[] = [
    [{ name: 'own', secretType: 'Opaque', generator: { rego } }, /^auth type "own": generator\.rego is not run: add/],
    [{ secretType: 'Opaque', generator: { rego } }, /^an auth type is wrong: generator\.rego is not run/],
    [{ name: 'own', secretType: 'Opaque', generator: { rego, cel } }, undefined],
    [{ name: 'own', secretType: 'kubernetes.io/basic-auth', generator: { rego } }, undefined],
    [{ name: 'own', secretType: 'connectors.alauda.io/github-app', generator: { rego } }, undefined],
    [{ name: 'own', generator: { cel: '' } }, /^auth type "own": generator\.cel is empty: write an expression/],
    [{ name: 'own', secretType: 'Opaque', generator: { rego, cel: ' \n\t' } }, /generator\.cel is empty/],
    // Denied by the chart's definition of the kind already.
    [{ name: 'own', generator: { cel: 7 } }, /generator\.cel: Invalid value/],
    [{ name: 'own', generator: { cel: `"${'x'.repeat(8191)}"` } }, /has more than 8192 characters: shorten it$/],
    [{ name: 'own', generator: { cel: `${cel}${' '.repeat(8192 - cel.length)}` } }, undefined],
  ];
  for (const [type, message] of cases) {
    it(`${message === undefined ? 'accepts' : 'reports'} ${JSON.stringify(type).slice(0, 100)}`, async () => {
      const both = classOf({ name: 'fine', secretType: 'Opaque', generator: { cel } }, type);
      const [first, ...more] = await policies.create(both);
      assert.deepEqual(more, []);
      if (message === undefined) assert.equal(first, undefined);
      else assert.match(first ?? '', message);
      assert.equal(isUnusable(type), message !== undefined);
    });
  }

  it('leaves changes of something else alone', async () => {
    const labels = { a: 'b' };
    assert.deepEqual(await policies.change(wrong, { ...wrong, metadata: { name: 'tried', labels } }), []);
    assert.equal((await policies.change(classOf(), wrong)).length, 1);
    assert.equal((await policies.change({ ...wrong, spec: {} }, wrong)).length, 1);
  });
});
