import assert from 'node:assert/strict';
import path from 'node:path';
import { generateCases } from '../../../support/gotemplate-fuzz/generate.js';
import { Random } from '../../../support/random.js';
import { seedOf } from '../../../support/gotemplate-fuzz/seed.js';
import { loadVectors, runVectorExactly } from '../../../support/vectors.js';

const fixtures = path.join(import.meta.dirname, '../../../fixtures/gotemplate-fuzz');

describe('templates of odd corners, recorded with real Go', () => {
  const vectors = loadVectors(path.join(fixtures, 'corners.jsonl'));

  it('are many', () => {
    assert.ok(vectors.length > 1500);
  });

  it('give what Go gave', () => {
    const failures = vectors.map(runVectorExactly).filter((failure) => failure !== undefined);
    assert.deepEqual(failures, []);
  });
});

describe('random templates, recorded with real Go', () => {
  const vectors = ['recorded.jsonl', 'focused.jsonl'].flatMap((file) => loadVectors(path.join(fixtures, file)));

  it('are thousands', () => {
    assert.ok(vectors.length > 9000);
  });

  it('give what Go gave', () => {
    const failures = vectors.map(runVectorExactly).filter((failure) => failure !== undefined);
    assert.deepEqual(failures, []);
  });

  it('are the ones that the generator makes', () => {
    const templates = new Map(vectors.map(({ name, template }) => [name, template]));
    const random = (seed: number): Random => new Random(seedOf(seed));
    const generated = [...generateCases(random, 0, 100), ...generateCases(random, 1_000_000, 1_000_100)];
    const known = generated.filter(({ name }) => templates.has(name));
    assert.ok(known.length > 180);
    for (const { name, template } of known) assert.equal(templates.get(name), template);
  });
});
