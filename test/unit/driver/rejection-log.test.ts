import assert from 'node:assert/strict';
import type { LogFields } from '../../../src/shared/log.js';
import { silentLog } from '../../../src/shared/log.js';
import { RejectionLog } from '../../../src/driver/rejection-log.js';

describe('RejectionLog', () => {
  let nowMs: number;
  let lines: (readonly [string, LogFields | undefined])[];
  let refusals: RejectionLog;
  beforeEach(() => {
    nowMs = 0;
    lines = [];
    const log = { ...silentLog, warn: (message: string, fields?: LogFields) => void lines.push([message, fields]) };
    refusals = new RejectionLog(log, () => nowMs);
  });

  it('logs the first refusal of a pod at once, and the number of the others a minute later at the next one', () => {
    for (let refusal = 0; refusal < 700; refusal += 1) refusals.rejected('publishes', 'pod', 'evil/a');
    assert.deepEqual(lines, [
      ['Rejected requests over limit', { limit: 'publishes', scope: 'pod', pod: 'evil/a', count: 1 }],
    ]);
    nowMs = 60_000;
    refusals.rejected('publishes', 'namespace', 'evil/a');
    assert.deepEqual(lines[1], [
      'Rejected requests over limit',
      { limit: 'publishes', scope: 'namespace', pod: 'evil/a', count: 700 },
    ]);
  });

  it('tells pods apart, but not more than a node has', () => {
    for (let pod = 0; pod < 5000; pod += 1) refusals.rejected('publishes', 'node', `evil/${pod}`);
    assert.equal(lines.length, 1000);
    nowMs = 60_000;
    refusals.rejected('publishes', 'node', 'evil/another');
    assert.equal(lines.length, 1001);
  });
});
