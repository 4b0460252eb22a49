import assert from 'node:assert/strict';
import type { Log, LogFields } from '../../../../src/shared/log.ts';
import { silentLog } from '../../../../src/shared/log.ts';
import { RequestLog } from '../../../../src/proxy/server/request-log.ts';
import { eventually } from '../../../support/poll.ts';

const limits = { burst: 3, everyMs: 1000, keys: 2, reportMs: 60_000 };

describe('the lines about requests that fail', () => {
  let nowMs: number;
  let lines: LogFields[];
  let reports: LogFields[];
  let log: Log;
  let requests: RequestLog;

  beforeEach(() => {
    nowMs = 0;
    lines = [];
    reports = [];
    log = {
      ...silentLog,
      info: (_message, fields = {}) => lines.push(fields),
      warn: (_message, fields = {}) => reports.push(fields),
    };
    requests = new RequestLog({ log, monotonicNow: () => nowMs, limits });
  });

  const fail = (count: number, address: string, fields: LogFields = {}): void => {
    for (let made = 0; made < count; made += 1) requests.failed(fields, address);
  };

  it('are limited per client, which is a pod, a service account or an address', () => {
    const pod = { pod: 'ci/build-1', serviceAccount: 'ci/builder' };
    fail(5, '10.0.0.1', pod);
    fail(5, '10.0.0.2', pod);
    assert.equal(lines.length, 3);
    fail(5, '10.0.0.1');
    assert.equal(lines.length, 6);
    requests.report();
    assert.deepEqual(reports, [{ count: 9 }]);
    fail(5, '10.0.0.1', { serviceAccount: 'ci/builder' });
    assert.equal(lines.length, 9);
  });

  it('come again after a while, one by one', () => {
    fail(10, 'a');
    nowMs = 2000;
    fail(10, 'a');
    assert.equal(lines.length, 5);
    nowMs = 3_600_000;
    fail(10, 'a');
    assert.equal(lines.length, 8);
  });

  it('are counted once each when they are suppressed', () => {
    fail(5, 'a');
    requests.report();
    requests.report();
    assert.deepEqual(reports, [{ count: 2 }]);
  });

  it('are counted in the log by itself', async () => {
    requests = new RequestLog({ log, monotonicNow: () => nowMs, limits: { ...limits, reportMs: 1 } });
    fail(5, 'a');
    await eventually('the report is there', () => reports.length > 0);
    assert.deepEqual(reports, [{ count: 2 }]);
  });

  it('leave those that are served alone', () => {
    fail(5, 'a');
    for (let made = 0; made < 100; made += 1) requests.served({ status: 200 });
    assert.equal(lines.length, 103);
  });
});
