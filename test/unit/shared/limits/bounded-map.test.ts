import assert from 'node:assert/strict';
import { BoundedMap } from '../../../../src/shared/limits/bounded-map.ts';

describe('a map that holders share', () => {
  let map: BoundedMap<number>;
  const fill = (holder: string, count: number, from = 0): void => {
    for (let at = from; at < from + count; at += 1) map.set(`${holder}-${at}`, at, holder);
  };
  const countOf = (holder: string): number =>
    Array.from({ length: 1000 }, (_, at) => map.get(`${holder}-${at}`)).filter((value) => value !== undefined).length;

  beforeEach(() => {
    map = new BoundedMap(100);
  });

  it('evicts the oldest entries of a holder that has it alone', () => {
    fill('a', 150);
    assert.deepEqual([map.get('a-49'), map.get('a-50'), countOf('a')], [undefined, 50, 100]);
  });

  it('evicts from the holder with the most entries, whichever adds one', () => {
    fill('b', 10);
    fill('a', 500);
    assert.deepEqual([countOf('a'), countOf('b')], [90, 10]);
    fill('c', 500);
    assert.deepEqual([countOf('a'), countOf('b'), countOf('c')], [45, 10, 45]);
    fill('b', 500, 10);
    assert.deepEqual([countOf('a'), countOf('c')].sort(), [33, 34]);
  });

  it('lists its values, oldest first', () => {
    fill('a', 3);
    map.set('a-0', 9, 'b');
    assert.deepEqual([...map.values()], [1, 2, 9]);
  });

  it('keeps the newest entries where all have the same holder', () => {
    const small = new BoundedMap<number>(2);
    for (const [key, value] of Object.entries({ a: 1, b: 2, c: 3 })) small.set(key, value);
    small.set('b', 4);
    small.set('d', 5);
    assert.deepEqual([[...small.values()], small.size, small.has('b'), small.has('c')], [[4, 5], 2, true, false]);
  });

  it('counts an entry once, for the holder that set it last', () => {
    for (let round = 0; round < 500; round += 1) map.set('same', round, round % 2 === 0 ? 'a' : 'b');
    fill('c', 99);
    assert.deepEqual([map.get('same'), countOf('c')], [499, 99]);
  });

  it('evicts by size, where entries have one', () => {
    for (let at = 0; at < 3; at += 1) map.set(`large-${at}`, at, 'a', 40);
    fill('b', 40);
    assert.deepEqual(
      [map.get('large-0'), map.get('large-1'), map.get('large-2'), countOf('b')],
      [undefined, undefined, 2, 40],
    );
    map.set('too large', 1, 'c', 101);
    assert.equal(map.get('too large'), undefined);
  });

  it('has room for others once entries are deleted', () => {
    fill('a', 100);
    for (let at = 0; at < 100; at += 1) map.delete(`a-${at}`);
    map.delete('none');
    fill('b', 100);
    assert.deepEqual([countOf('a'), countOf('b')], [0, 100]);
  });
});
