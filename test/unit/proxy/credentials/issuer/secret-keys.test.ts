import assert from 'node:assert/strict';
import { SecretKeys } from '../../../../../src/proxy/credentials/issuer/secret-keys.ts';
import { Secret } from '../../../../../src/shared/secret.ts';
import { problemOf } from '../../../../support/proxy/issuer-plan.ts';

function keysWith(text: string): SecretKeys {
  return new SecretKeys({
    ref: { namespace: 'ci', name: 'app' },
    readId: '1',
    type: 'connectors.alauda.io/github-app',
    data: new Map([['list', new Secret(text)]]),
  });
}

describe('the keys of a Secret', () => {
  it('can be lists, with blank lines between the entries', () => {
    const keys = keysWith(' a: read,\n\n b\tc \n');
    assert.deepEqual(keys.list('list', /[\n,]/), ['a: read', 'b\tc']);
    assert.deepEqual(keys.list('list', /[\s,]+/), ['a:', 'read', 'b', 'c']);
  });

  it('cannot be lists of more than 1,000 entries, which each request would read', () => {
    const keys = keysWith('a,'.repeat(1001));
    const problem = problemOf(() => keys.list('list', /,/));
    assert.equal(problem, 'its list has more than 1000 entries: shorten the key list');
  });
});
