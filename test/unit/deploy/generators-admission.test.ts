import assert from 'node:assert/strict';
import type { JsonObject } from '../../../src/shared/json.ts';
import { knownSecretTypes } from '../../../src/proxy/credentials/tool-credentials.ts';
import { generatorOf } from '../../../src/proxy/credentials/generator/generators.ts';
import { GeneratorEvaluator } from '../../../src/proxy/credentials/generator/generator-evaluator.ts';
import { verdict } from '../../support/deploy/admission-policy.ts';
import { classManifests } from '../../support/deploy/class-cases.ts';
import { chartFile } from '../../support/deploy/manifests.ts';

const objects = chartFile('policies/admission').filter(({ metadata }) => metadata.name === 'connectors-csi-generators');
const [policy, binding] = objects;
assert.ok(policy !== undefined && binding !== undefined);
const classes = classManifests();
const evaluator = new GeneratorEvaluator();

function messagesOf(object: object, oldObject?: object): readonly string[] {
  const { messages, errors } = verdict(policy!, {
    operation: oldObject === undefined ? 'CREATE' : 'UPDATE',
    ...{ group: 'connectors.alauda.io', resource: 'connectorclasses', username: 'author', extra: {}, object },
    ...(oldObject && { oldObject }),
  });
  assert.deepEqual(errors, []);
  return messages;
}

function classOf(...types: readonly object[]): object {
  return { metadata: { name: 'made' }, spec: { auth: { types } } };
}

/** Reports whether the proxy cannot use the auth type with a Secret of its type. */
function isUnusable(type: JsonObject): boolean {
  try {
    const generator = generatorOf(type, 'made');
    return generator !== undefined && evaluator.compile(generator.cel).kind === 'broken';
  } catch {
    const { secretType } = type;
    return typeof secretType !== 'string' || !knownSecretTypes.includes(secretType);
  }
}

describe('the admission policy about generators', () => {
  it('warns', () => {
    assert.deepEqual(binding['spec'], { policyName: policy.metadata.name, validationActions: ['Warn'] });
  });

  it('accepts what the repository has', () => {
    const withGenerators = classes.filter((each) => JSON.stringify(each).includes('"generator"'));
    assert.ok(withGenerators.length >= 4);
    for (const each of classes) assert.deepEqual(messagesOf(each), [], each.metadata.name);
    assert.deepEqual(messagesOf({ metadata: { name: 'files' }, spec: {} }), []);
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
    [{ name: 'own', generator: { cel: 7 } }, /^auth type "own": generator\.cel must be a string$/],
    [{ name: 'own', generator: { cel: { a: 'b' } } }, /generator\.cel must be a string$/],
    [{ name: 'own', generator: { cel: `"${'x'.repeat(8191)}"` } }, /has more than 8192 characters: shorten it$/],
    [{ name: 'own', generator: { cel: `${cel}${' '.repeat(8192 - cel.length)}` } }, undefined],
  ];
  for (const [type, message] of cases) {
    it(`${message === undefined ? 'accepts' : 'reports'} ${JSON.stringify(type).slice(0, 100)}`, () => {
      const [first, ...more] = messagesOf(classOf({ name: 'fine', secretType: 'Opaque', generator: { cel } }, type));
      assert.deepEqual(more, []);
      if (message === undefined) assert.equal(first, undefined);
      else assert.match(first ?? '', message);
      assert.equal(isUnusable(type), message !== undefined);
    });
  }

  it('leaves changes of something else alone', () => {
    const wrong = classOf({ name: 'own', generator: { cel: '' } });
    assert.deepEqual(messagesOf({ ...wrong, metadata: { name: 'made', labels: { a: 'b' } } }, wrong), []);
    assert.equal(messagesOf(wrong, classOf()).length, 1);
    assert.equal(messagesOf(wrong, { metadata: { name: 'made' }, spec: {} }).length, 1);
  });
});
