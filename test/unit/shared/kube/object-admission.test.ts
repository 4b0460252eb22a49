import assert from 'node:assert/strict';
import fc from 'fast-check';
import { stringify } from 'lossless-json';
import { parseJson } from '../../../../src/shared/json.ts';
import { KubeError } from '../../../../src/shared/kube/kube-error.ts';
import { parseIfAdmitted, parseRawObject } from '../../../../src/shared/kube/object-admission.ts';
import type { AdmittedObject } from '../../../../src/shared/kube/object-admission.ts';

const type = { apiVersion: 'v1', kind: 'Thing' };
const admission = { maxObjectBytes: 1000 };

function admit(object: unknown): AdmittedObject {
  return parseIfAdmitted(parseRawObject(stringify(object) ?? '', type.kind, 'GET /x'), type, admission);
}

describe('parseIfAdmitted', () => {
  it('parses the object as it is, without managed fields', () => {
    const texts = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
    const managedFields = fc.option(fc.array(fc.jsonValue({ maxDepth: 3 })), { nil: undefined });
    fc.assert(
      fc.property(texts, managedFields, fc.jsonValue({ maxDepth: 4 }), (name, fields, spec) => {
        const object = { ...type, metadata: { name, namespace: 'ci', resourceVersion: '7' }, spec };
        const sent = { ...object, metadata: { ...(fields && { managedFields: fields }), ...object.metadata } };
        const { object: parsed, rejected } = admit(sent);
        if (rejected === undefined) assert.deepEqual(parsed, parseJson(stringify(object) ?? ''));
        else assert.ok(Buffer.byteLength(stringify(object) ?? '') > admission.maxObjectBytes);
      }),
      { numRuns: 300 },
    );
  });

  it('names an object over the limit, and its largest part', () => {
    const junk = Array.from({ length: 5000 }, () => ({}));
    const metadata = { managedFields: junk, name: 'a"b', namespace: 'ci', resourceVersion: '7' };
    const { rejected } = admit({ metadata, spec: { address: 'x', junk }, status: {} });
    assert.deepEqual([rejected?.namespace, rejected?.name], ['ci', 'a"b']);
    assert.match(rejected?.error.message ?? '', /is larger than 1 KiB: make it smaller$/);
  });

  it('does not count managed fields, however large', () => {
    const metadata = { managedFields: ['x'.repeat(50_000)], name: 'a', resourceVersion: '7' };
    assert.deepEqual(admit({ metadata, spec: {} }).object, {
      ...type,
      metadata: { name: 'a', resourceVersion: '7' },
      spec: {},
    });
  });

  it('takes the name from the metadata of the object alone', () => {
    const inner = { metadata: { name: 'other', managedFields: [1] } };
    const { object } = admit({ spec: inner, metadata: { name: 'a', resourceVersion: '7' } });
    assert.deepEqual(object?.['spec'], { metadata: { name: 'other', managedFields: [1n] } });
  });

  it('refuses what has no name, no revision or is no object', () => {
    const broken = [1, null, [], {}, { metadata: { name: 'a' } }, { metadata: { name: 5, resourceVersion: '7' } }];
    for (const object of broken) assert.throws(() => admit(object), KubeError);
    for (const metadata of [null, [], 'x']) assert.throws(() => admit({ metadata }));
  });
});
