import assert from 'node:assert/strict';
import { ObjectReader } from '../../../src/shared/object-reader.ts';
import { parseJson } from '../../../src/shared/json.ts';
import type { JsonObject } from '../../../src/shared/json.ts';

const reader = new ObjectReader(
  'connector ci/harbor',
  parseJson(
    '{"text": "x", "empty": "", "null": null, "number": 1, "list": [{"name": "a"}, {"name": 2}, "b"], "object": {"inner": {}}}',
  ) as JsonObject,
);

describe('ObjectReader', () => {
  it('takes missing and null for the same', () => {
    for (const key of ['missing', 'null', 'toString', '__proto__']) {
      assert.equal(reader.optionalString(key), undefined);
      assert.equal(reader.has(key), false);
      assert.equal(reader.value(key), undefined);
      assert.deepEqual(reader.list(key), []);
      assert.deepEqual(reader.children(key), []);
      assert.deepEqual(reader.child(key).keys(), []);
    }
  });

  it('reads what is there', () => {
    assert.equal(reader.requiredString('text'), 'x');
    assert.equal(reader.optionalString('empty'), '');
    assert.equal(reader.value('number'), 1n);
    assert.deepEqual(reader.child('object').keys(), ['inner']);
    assert.equal(reader.list('list').length, 3);
  });

  for (const [what, read, message] of [
    ['a string of another type', () => reader.optionalString('number'), 'number must be a string'],
    ['a string that is missing', () => reader.requiredString('missing'), 'missing must be set'],
    ['a string that is empty', () => reader.requiredString('empty'), 'empty must be set'],
    ['an object of another type', () => reader.child('list'), 'list must be an object'],
    ['a list of another type', () => reader.list('object'), 'object must be a list'],
    ['an item of another type', () => reader.children('list'), 'list[2] must be an object'],
    ['a nested field', () => reader.child('object').child('inner').requiredString('x'), 'object.inner.x must be set'],
  ] as const) {
    it(`names object and path of ${what}`, () => {
      assert.throws(read, { code: 'FAILED_PRECONDITION', message: `connector ci/harbor: ${message}` });
    });
  }

  it('names the index of an item', () => {
    const items = new ObjectReader('x', { list: [{ name: 'a' }, { name: 2n }] }).child('').children('list');
    assert.deepEqual(items, []);
    const [, second] = new ObjectReader('x', { list: [{ name: 'a' }, { name: 2n }] }).children('list');
    assert.throws(() => second!.requiredString('name'), { message: 'x: list[1].name must be a string' });
  });
});
