import assert from 'node:assert/strict';
import { KubeError, isKubeError, parseStatus } from '../../../../src/shared/kube/kube-error.ts';
import type { KubeErrorParts } from '../../../../src/shared/kube/kube-error.ts';

const parts: KubeErrorParts = { code: 404, reason: 'NotFound', message: 'gone', path: 'GET /api', mayHaveActed: true };
const error = (changes: Partial<KubeErrorParts>): KubeError => new KubeError({ ...parts, ...changes });

describe('KubeError', () => {
  it('begins with the path, is one line and bounded', () => {
    assert.equal(error({ message: 'a\n  b' }).message, 'GET /api: a b');
    assert.ok(error({ message: 'x'.repeat(5000) }).message.length < 1100);
  });

  it('is made in no time of a message that is mostly blanks', () => {
    assert.ok(error({ message: `${' '.repeat(1_000_000)}x` }).message.length < 1100);
  });

  it('knows what may pass by itself', () => {
    for (const code of [0, 429, 500, 502, 503, 504]) assert.equal(error({ code }).isTransient, true, String(code));
    for (const code of [200, 400, 401, 403, 404, 409, 410, 422, 501]) {
      assert.equal(error({ code }).isTransient, false, String(code));
    }
  });

  it('knows when history is gone', () => {
    assert.equal(error({ code: 410, reason: '' }).isExpired, true);
    assert.equal(error({ code: 500, reason: 'Expired' }).isExpired, true);
    assert.equal(error({}).isExpired, false);
  });

  it('is recognised by its code', () => {
    assert.equal(isKubeError(error({}), 404), true);
    assert.equal(isKubeError(error({}), 403), false);
    assert.equal(isKubeError(new Error('x'), 404), false);
  });
});

describe('parseStatus', () => {
  it('takes what is there', () => {
    assert.deepEqual(parseStatus({ kind: 'Status', code: 409n, reason: 'Conflict', message: 'no' }), {
      code: 409,
      reason: 'Conflict',
      message: 'no',
    });
    assert.deepEqual(parseStatus({ kind: 'Status', code: 'x', reason: 1n }), { reason: '', message: '' });
  });

  it('takes nothing else for a Status', () => {
    for (const value of [null, 'Status', [], {}, { kind: 'Pod' }]) assert.equal(parseStatus(value), undefined);
  });
});
