import assert from 'node:assert/strict';
import fc from 'fast-check';
import { stringify } from 'lossless-json';
import { parseJson } from '../../../src/json.js';
import type { JsonObject } from '../../../src/json.js';
import { ObjectSplitter } from '../../../src/kube/object-splitter.js';
import type { SplitDocument } from '../../../src/kube/object-splitter.js';

const limits = { maxObjectBytes: 1000, maxDocumentBytes: 100_000 };

function split(member: 'items' | 'object', text: string, cuts: readonly number[] = [1 << 20]): SplitDocument {
  const splitter = new ObjectSplitter(member, limits);
  let rest = Buffer.from(text);
  for (let turn = 0; rest.length > 0; turn += 1) {
    const size = cuts[turn % cuts.length]!;
    // A copy, as the next chunk of a socket may overwrite this one.
    splitter.write(Buffer.from(rest.subarray(0, size)));
    rest = rest.subarray(size);
  }
  return splitter.finish()!;
}

const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
const texts = fc.string({ unit: 'grapheme', maxLength: 8 });
const spec = fc.jsonValue({ maxDepth: 4 });
const managedFields = fc.option(fc.array(fc.jsonValue({ maxDepth: 3 })), { nil: undefined });
const objects = fc.record({ name: texts, managedFields, spec });

describe('ObjectSplitter', () => {
  it('finds the same in a list wherever the chunks end, and leaves managed fields out', () => {
    fc.assert(
      fc.property(fc.array(objects, { maxLength: 4 }), cuts, (list, sizes) => {
        const items = list.map(({ name, managedFields: fields, spec: content }) => ({
          apiVersion: 'v1',
          metadata: { ...(fields === undefined ? {} : { managedFields: fields }), name, namespace: 'ci' },
          spec: content,
        }));
        const document = { apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '7' } };
        const found = split('items', stringify(document)!, sizes);
        assert.deepEqual(
          parseJson(found.envelope.toString()),
          parseJson(JSON.stringify({ ...document, items: items.map(() => null) })),
        );
        assert.equal(found.objects.length, items.length);
        for (const [index, { bytes, sizeBytes, identity }] of found.objects.entries()) {
          const { metadata, ...rest } = items[index]!;
          const kept = {
            ...rest,
            metadata: { ...metadata, ...('managedFields' in metadata ? { managedFields: null } : {}) },
          };
          assert.equal(
            sizeBytes,
            Buffer.byteLength(stringify({ ...kept, apiVersion: 'v1' })!) - ('managedFields' in metadata ? 4 : 0),
          );
          assert.deepEqual(identity, { name: metadata.name, namespace: 'ci' });
          if (bytes !== undefined) assert.deepEqual(parseJson(bytes.toString()), parseJson(stringify(kept)!));
          else assert.ok(sizeBytes > limits.maxObjectBytes);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('takes the object out of an event, and leaves what is deeper alone', () => {
    const object = {
      metadata: { name: 'a', resourceVersion: '5' },
      spec: { metadata: { managedFields: [1] }, object: {} },
    };
    const { envelope, objects: found } = split('object', JSON.stringify({ type: 'ADDED', object }), [3]);
    assert.equal(envelope.toString(), '{"type":"ADDED","object":null}');
    assert.deepEqual(JSON.parse(found[0]!.bytes!.toString()), object);
    assert.deepEqual(found[0]!.identity, { name: 'a', resourceVersion: '5' });
  });

  it('keeps nothing of an object beyond the limit but who it is, how large, and where', () => {
    const junk = Array.from({ length: 5000 }, () => ({}));
    const object = {
      metadata: { managedFields: junk, name: 'a"b', namespace: 'ci' },
      spec: { address: 'x', junk },
      status: {},
    };
    const [found] = split('object', JSON.stringify({ type: 'ADDED', object }), [7, 50]).objects;
    assert.equal(found!.bytes, undefined);
    assert.deepEqual(found!.identity, { name: 'a"b', namespace: 'ci' });
    assert.equal(found!.largestPart, 'spec.junk');
    const metadata = { name: 'a"b', namespace: 'ci' };
    const sizeBytes =
      Buffer.byteLength(JSON.stringify({ ...object, metadata: { managedFields: null, ...metadata } })) - 4;
    assert.equal(found!.sizeBytes, sizeBytes);
  });

  it('does not count managed fields, however large', () => {
    const object: JsonObject = { metadata: { managedFields: ['x'.repeat(50_000)], name: 'a' }, spec: {} };
    const [found] = split('object', JSON.stringify({ type: 'ADDED', object })).objects;
    assert.deepEqual(JSON.parse(found!.bytes!.toString()), { metadata: { managedFields: null, name: 'a' }, spec: {} });
    assert.ok(found!.heapBytes < 1000);
  });

  it('is ready for another document after each', () => {
    const reused = new ObjectSplitter('object', limits);
    assert.equal(reused.finish(), undefined);
    reused.write(Buffer.from('{"type":"ADDED","object":{"metadata":{"managedFields":[{'));
    reused.finish();
    reused.write(Buffer.from('{"type":"ADDED","object":{"spec":1}}'));
    assert.equal(reused.finish()!.objects[0]!.bytes!.toString(), '{"spec":1}');
  });

  it('takes no document without bounds', () => {
    assert.throws(() => split('items', `{"items":[${' '.repeat(100_000)}]}`), RangeError);
    const many = new ObjectSplitter('items', { maxObjectBytes: 10, maxDocumentBytes: 8 << 20 });
    assert.throws(() => many.write(Buffer.from(`{"items":[${'{},'.repeat(20_000)}{}]}`)), RangeError);
  });

  it('lets anything pass that is no JSON, for the parser to refuse', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', '0', ' ', 'items', 'object', 'metadata'),
        }),
        cuts,
        (text, sizes) => {
          for (const member of ['items', 'object'] as const) {
            const kept = split(member, `{"${member}":${text}`, sizes);
            assert.ok(kept.envelope.length <= Buffer.byteLength(text) + 4 * kept.objects.length + 20);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
