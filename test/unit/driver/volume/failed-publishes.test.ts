import assert from 'node:assert/strict';
import { CodedError } from '../../../../src/errors.js';
import type { ErrorCode } from '../../../../src/errors.js';
import { FailedPublishes } from '../../../../src/driver/volume/failed-publishes.js';
import { reasonOfFailedPublish } from '../../../../src/driver/volume/health-reasons.js';

describe('FailedPublishes', () => {
  const failure = (code: ErrorCode): CodedError => new CodedError(code, 'x');

  it('knows the last failure of a volume, by its path and without', () => {
    const failed = new FailedPublishes();
    failed.record('/a', { volumeId: 'csi-a', error: failure('NOT_FOUND') });
    failed.record('/a', { volumeId: 'csi-a', error: failure('PERMISSION_DENIED') });
    for (const path of ['/a', '']) assert.equal(failed.find('csi-a', path)?.error.code, 'PERMISSION_DENIED');
    assert.equal(failed.find('csi-b', '/a'), undefined);
    assert.equal(failed.find('csi-a', '/b'), undefined);
    failed.forget('/a');
    assert.equal(failed.find('csi-a', ''), undefined);
  });

  it('takes no call that was given up or came beside another for one that failed', () => {
    const failed = new FailedPublishes();
    failed.record('/a', { volumeId: 'csi-a', error: failure('NOT_FOUND') });
    for (const code of ['CANCELLED', 'ABORTED'] as const)
      failed.record('/a', { volumeId: 'csi-a', error: failure(code) });
    assert.equal(failed.find('csi-a', '/a')?.error.code, 'NOT_FOUND');
  });

  it('keeps the last thousand, however many come and whatever their paths are', () => {
    const failed = new FailedPublishes();
    for (let index = 0; index < 3000; index++) {
      failed.record(`/${index.toString()}`, { volumeId: `csi-${index.toString()}`, error: failure('NOT_FOUND') });
    }
    failed.record('/'.repeat(5000), { volumeId: 'csi-long', error: failure('NOT_FOUND') });
    assert.equal(failed.find('csi-long', ''), undefined);
    assert.equal(failed.find('csi-100', ''), undefined);
    assert.ok(failed.find('csi-2999', '') !== undefined);
    assert.equal(failed.find('csi-1975', ''), undefined);
    assert.ok(failed.find('csi-1976', '') !== undefined);
  });

  it('tells apart what has the same code', () => {
    const reasonOf = (...args: ConstructorParameters<typeof CodedError>): string =>
      reasonOfFailedPublish(new CodedError(...args));
    assert.equal(reasonOf('UNAVAILABLE', 'x'), 'DependencyUnavailable');
    assert.equal(reasonOf('UNAVAILABLE', 'x', { reason: 'approval pending' }), 'ApprovalPending');
    assert.equal(reasonOf('UNAVAILABLE', 'x', { reason: 'not reconciled' }), 'ConnectorNotReady');
    assert.equal(reasonOf('NOT_FOUND', 'x', { reason: 'no configuration' }), 'ConfigurationNotFound');
    assert.equal(reasonOf('RESOURCE_EXHAUSTED', 'x'), 'LimitReached');
    assert.equal(reasonOf('INTERNAL', 'x'), 'MountFailed');
  });
});
