import assert from 'node:assert/strict';
import { LateCalls } from '../../../../src/driver/csi/late-calls.js';
import { DriverError } from '../../../../src/errors.js';

describe('late calls', () => {
  let nowMs: number;
  let late: LateCalls;
  beforeEach(() => {
    nowMs = 1000;
    late = new LateCalls(() => nowMs);
  });

  const isRefused = (call: 'publish' | 'unpublish', volumeId: string, peer: string): boolean => {
    try {
      late[call](volumeId, peer);
      return false;
    } catch (error) {
      assert.ok(error instanceof DriverError && error.code === 'ABORTED');
      return true;
    }
  };

  for (const [call, other] of [
    ['publish', 'unpublish'],
    ['unpublish', 'publish'],
  ] as const) {
    describe(`to ${call}`, () => {
      beforeEach(() => late[other]('one', 'connection-10'));

      it(`are those on earlier connections than that of the last ${other} of the volume`, () => {
        assert.equal(isRefused(call, 'one', 'connection-9'), true);
        assert.equal(isRefused(call, 'two', 'connection-9'), false);
        late[other]('one', 'connection-12');
        assert.equal(isRefused(call, 'one', 'connection-11'), true);
        assert.equal(isRefused(call, 'one', 'connection-12'), false);
        assert.equal(isRefused(call, 'one', 'connection-13'), false);
      });

      it('are none on a connection without a number', () => {
        assert.equal(isRefused(call, 'one', 'used-connection-9'), false);
        late[other]('one', 'used-connection-10');
        assert.equal(isRefused(call, 'one', 'connection-9'), false);
      });

      it('are forgotten when the kubelet has given up all that it may have asked', () => {
        nowMs += 150_001;
        assert.equal(isRefused(call, 'one', 'connection-9'), false);
      });
    });
  }
});
