import assert from 'node:assert/strict';
import fc from 'fast-check';
import { attributeNames } from '../../../src/driver/publish/attribute-table.js';
import { editDistance, similarNames } from '../../../src/shared/spelling.js';

describe('the names that somebody may have meant', () => {
  for (const [written, ...meant] of [
    ['connectorName', 'connector.name'],
    ['connector-namespace', 'connector.namespace'],
    ['connector', 'connectors'],
    ['Connectors', 'connectors'],
    ['conectors', 'connectors'],
    ['configuration', 'configuration.names', 'configuration.params'],
    ['configuration.param', 'configuration.params'],
    ['configurationNames', 'configuration.names'],
    ['token', 'token.expiration'],
    ['tokenExpiration', 'token.expiration'],
    ['secretName'],
    ['a'],
    [''],
    ['x'.repeat(1_000_000)],
  ] as const) {
    it(`for ${written.slice(0, 20) || 'nothing'} are ${meant.join(' and ') || 'none'}`, () => {
      assert.deepEqual(similarNames(written, attributeNames), meant);
    });
  }
});

describe('the distance between two texts', () => {
  it('counts the letters to put in, leave out and exchange', () => {
    assert.equal(editDistance('kitten', 'sitting'), 3);
    assert.equal(editDistance('', 'abc'), 3);
    assert.equal(editDistance('abc', ''), 3);
  });

  it('is that of a metric', () => {
    const text = fc.stringMatching(/^[abc]{0,6}$/);
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        assert.equal(editDistance(a, a), 0);
        assert.equal(editDistance(a, b), editDistance(b, a));
        assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c));
      }),
    );
  });
});
