import assert from 'node:assert/strict';
import { LatePublishes } from '../../../../src/driver/csi/late-publishes.js';
import { DriverError } from '../../../../src/errors.js';

describe('late publishes', () => {
  let nowMs: number;
  let late: LatePublishes;
  beforeEach(() => {
    nowMs = 1000;
    late = new LatePublishes(() => nowMs);
    late.unpublished('one', 'connection-10');
  });

  const isRefused = (volumeId: string, peer: string): boolean => {
    try {
      late.ensureInTime(volumeId, peer);
      return false;
    } catch (error) {
      assert.ok(error instanceof DriverError && error.code === 'ABORTED');
      return true;
    }
  };

  it('are those on earlier connections than that of the last unpublish of the volume', () => {
    assert.equal(isRefused('one', 'connection-9'), true);
    assert.equal(isRefused('one', 'connection-10'), false);
    assert.equal(isRefused('one', 'connection-11'), false);
    assert.equal(isRefused('two', 'connection-9'), false);
    late.unpublished('one', 'connection-12');
    assert.equal(isRefused('one', 'connection-11'), true);
  });

  it('are none on a connection without a number', () => {
    assert.equal(isRefused('one', 'unknown'), false);
  });

  it('are forgotten when the kubelet has given up all that it may have asked', () => {
    nowMs += 150_001;
    assert.equal(isRefused('one', 'connection-9'), false);
  });
});
