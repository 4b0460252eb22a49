import assert from 'node:assert/strict';
import {
  accessRequestFor,
  accessRequestName,
  isAbout,
  selectorOf,
} from '../../../../src/shared/access/access-request.ts';
import type { ApprovalSubject } from '../../../../src/shared/access/access-request.ts';
import { isJsonObject, jsonMember } from '../../../../src/shared/json.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { harbor, pod } from '../../../support/access/access-fixture.ts';

const about: ApprovalSubject = { pod, connector: harbor };
/** One change each, and every one makes it another case. */
const others: readonly (readonly [string, ApprovalSubject])[] = [
  ['another pod', { ...about, pod: { ...pod, name: 'build-2' } }],
  ['a later pod of the same name', { ...about, pod: { ...pod, uid: 'other' } }],
  ['another account', { ...about, pod: { ...pod, serviceAccountName: 'other' } }],
  ['another namespace of the pod', { ...about, pod: { ...pod, namespace: 'other' } }],
  ['another connector', { ...about, connector: { ...harbor, name: 'other' } }],
  ['the same name in another namespace', { ...about, connector: { ...harbor, namespace: 'other' } }],
];

describe('the AccessRequest of a case', () => {
  it('has the same name each time, and another one for any other case', () => {
    assert.equal(accessRequestName(about), accessRequestName({ pod: { ...pod }, connector: { ...harbor } }));
    const names = [about, ...others.map(([, other]) => other)].map(accessRequestName);
    assert.equal(new Set(names).size, names.length);
  });

  for (const name of ['a', '1', 'build-1', 'a.b-c', `${'x'.repeat(41)}-.y`, 'x'.repeat(253), `a${'.-'.repeat(60)}z`]) {
    it(`has a name that Kubernetes takes, also as a label, for a pod named ${name.slice(0, 50)}`, () => {
      const other = accessRequestName({ ...about, pod: { ...pod, name } });
      assert.match(other, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
      assert.ok(other.length <= 63 && other.startsWith(name[0] ?? ''));
    });
  }

  it('is about its case and no other', () => {
    const request = accessRequestFor(about, 'node-1');
    assert.equal(isAbout(about, request), true);
    for (const [what, other] of others) assert.equal(isAbout(other, request), false, what);
    assert.equal(isAbout(about, { ...request, spec: null }), false);
    assert.equal(isAbout(about, {}), false);
  });

  it('is still about its case with fields that the API server or a later version has added', () => {
    const request = accessRequestFor(about, 'node-1');
    const spec = jsonMember(request, 'spec');
    assert.ok(isJsonObject(spec));
    const subject: JsonObject = { kind: 'ServiceAccount', name: 'builder', namespace: 'ci', apiGroup: '' };
    assert.equal(isAbout(about, { ...request, spec: { ...spec, subject, ttl: 5n }, status: {} }), true);
  });

  it('has labels that Kubernetes takes for names that are longer', () => {
    const long = (letter: string): ApprovalSubject => ({
      pod: { ...pod, name: `${'p'.repeat(200)}-${letter}` },
      connector: { ...harbor, name: `c.${'d'.repeat(200)}.${letter}` },
    });
    const labels = (each: ApprovalSubject): Record<string, string> =>
      Object.fromEntries(
        selectorOf(each)
          .split(',')
          .map((text): [string, string] => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]),
      );
    const [one, two] = [labels(long('a')), labels(long('b'))];
    for (const value of Object.values(one)) assert.match(value, /^[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/);
    for (const key of ['connectors.cpaas.io/contextObjectName', 'connectors.cpaas.io/connector']) {
      assert.notEqual(one[key], two[key]);
    }
    assert.deepEqual(jsonMember(jsonMember(accessRequestFor(long('a'), 'node-1'), 'metadata'), 'labels'), one);
  });
});
