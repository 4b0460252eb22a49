import assert from 'node:assert/strict';
import path from 'node:path';
import { generateCases } from '../../support/gotemplate-fuzz/generate.js';
import { Random } from '../../support/gotemplate-fuzz/random.js';
import { seedOf } from '../../support/gotemplate-fuzz/seed.js';
import { loadVectors, runVector } from '../../support/vectors.js';

const recorded = path.join(import.meta.dirname, '../../fixtures/gotemplate-fuzz/recorded.jsonl');

describe('random templates, recorded with real Go', () => {
  const vectors = loadVectors(recorded);

  it('are thousands', () => {
    assert.ok(vectors.length > 5000);
  });

  it('give what Go gave', () => {
    const failures = vectors.map(runVector).filter((failure) => failure !== undefined);
    assert.deepEqual(failures, []);
  });

  it('are the ones that the generator makes', () => {
    const templates = new Map(vectors.map(({ name, template }) => [name, template]));
    const generated = generateCases((seed) => new Random(seedOf(seed)), 0, 200);
    const known = generated.filter(({ name }) => templates.has(name));
    assert.ok(known.length > 150);
    for (const { name, template } of known) assert.equal(templates.get(name), template);
  });
});
