import assert from 'node:assert/strict';
import type { LogFields } from '../../../src/shared/log.ts';
import { silentLog } from '../../../src/shared/log.ts';
import { withRejectionLog } from '../../../src/driver/driver.ts';

describe('the log of rejections', () => {
  it('has one line a minute for each pod and limit, and all are counted', () => {
    let nowMs = 0;
    let counted = 0;
    const lines: (readonly [string, LogFields | undefined])[] = [];
    const log = { ...silentLog, warn: (message: string, fields?: LogFields) => void lines.push([message, fields]) };
    const observer = withRejectionLog({ rejected: () => void (counted += 1) }, log, () => nowMs);
    for (let refusal = 0; refusal < 700; refusal += 1) observer.rejected('publishes', 'pod', 'evil/a');
    observer.rejected('publishes', 'node', 'other/b');
    observer.rejected('watches', 'pod', 'evil/a');
    nowMs = 60_000;
    observer.rejected('publishes', 'namespace', 'evil/a');
    assert.equal(counted, 703);
    assert.deepEqual(lines, [
      ['Rejected requests over limit', { limit: 'publishes', scope: 'pod', pod: 'evil/a' }],
      ['Rejected requests over limit', { limit: 'publishes', scope: 'node', pod: 'other/b' }],
      ['Rejected requests over limit', { limit: 'watches', scope: 'pod', pod: 'evil/a' }],
      ['Rejected requests over limit', { limit: 'publishes', scope: 'namespace', pod: 'evil/a' }],
    ]);
  });
});
