import assert from 'node:assert/strict';
import { CodedError } from '../../../../src/shared/errors.ts';
import { silentLog } from '../../../../src/shared/log.ts';
import { createLog } from '../../../../src/shared/process/json-log.ts';
import type { LogFields } from '../../../../src/shared/log.ts';
import { keptLog } from '../../../support/log-lines.ts';

const canary = 'canary-51c0';

function lineOf(fields: LogFields): Readonly<Record<string, unknown>> {
  const { log, lines } = keptLog();
  log.warn('message', fields);
  assert.equal(lines.length, 1);
  return JSON.parse(lines[0]!) as Record<string, unknown>;
}

describe('the log', () => {
  it('writes one line of JSON with level, ISO time, fields and message', () => {
    const { time, ...rest } = lineOf({
      rpc: 'NodePublishVolume',
      code: 'OK',
      pod: undefined,
      durationMs: 0.8,
      steps: { read: 0.1 },
    });
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(rest, {
      level: 'warn',
      rpc: 'NodePublishVolume',
      code: 'OK',
      durationMs: 0.8,
      steps: { read: 0.1 },
      msg: 'message',
    });
  });

  it('replaces characters with which a text of others could control a terminal, or hide', () => {
    const { log, lines } = keptLog();
    log.warn('\u009b31m \u007f \u202e \u2028 \u001b[31m é \u{1f600}', { reason: 'a\nb' });
    assert.match(lines[0] ?? '', /"reason":"a\\nb","msg":"\?31m \? \? \? \\u001b\[31m é \u{1f600}"/u);
  });

  it('tells every millisecond as it is, also when the clock is set back', () => {
    const { log, lines } = keptLog();
    const { now } = Date;
    const moments = [1_700_000_000_005, 1_700_000_000_999, 1_700_000_001_000, 1_700_000_000_050, 1_800_000_000_000];
    try {
      for (const moment of moments) {
        Date.now = () => moment;
        log.warn('message');
      }
    } finally {
      Date.now = now;
    }
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { readonly time: string }).time),
      moments.map((moment) => new Date(moment).toISOString()),
    );
  });

  it('writes no field that is not on its list, whatever object it is given', () => {
    const request = { volumeId: 'csi-1', volume_context: { 'csi.storage.k8s.io/serviceAccount.tokens': canary } };
    const line = lineOf(request);
    assert.deepEqual(Object.keys(line), ['level', 'time', 'volumeId', 'msg']);
  });

  it('keeps to its level', () => {
    const { log, lines } = keptLog('warn');
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { msg: string }).msg),
      ['c', 'd'],
    );
  });

  it('says nothing at level silent', () => {
    const lines: string[] = [];
    createLog('silent', { write: (line: string) => void lines.push(line) }).error('a');
    silentLog.error('b');
    silentLog.warn('b');
    silentLog.info('b');
    silentLog.debug('b');
    assert.deepEqual(lines, []);
  });
});

describe('an error in the log', () => {
  it('is described by name, code and message down the chain of causes', () => {
    const root = Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' });
    const { error } = lineOf({ error: new CodedError('UNAVAILABLE', 'API server away', { cause: root }) });
    assert.deepEqual(error, {
      name: 'CodedError',
      code: 'UNAVAILABLE',
      message: 'API server away',
      cause: { name: 'Error', code: 'ECONNREFUSED', message: 'connect failed' },
    });
  });

  it('loses every other property that it carries', () => {
    const carrier = Object.assign(new Error('failed'), { request: { token: canary }, metadata: canary });
    const { error } = lineOf({ error: new CodedError('INTERNAL', 'failed', { cause: carrier }) });
    assert.ok(!JSON.stringify(error).includes(canary));
  });

  it('has a stack only when it is a programming error', () => {
    assert.ok('stack' in (lineOf({ error: new TypeError('x is undefined') })['error'] as object));
    assert.ok(!('stack' in (lineOf({ error: new Error('expected') })['error'] as object)));
  });

  it('that is no Error object is not printed', () => {
    assert.deepEqual(lineOf({ error: canary })['error'], { name: 'string', message: 'not an Error object' });
  });

  it('that is its own cause does not stop the process', () => {
    const loop = new Error('round and round');
    loop.cause = loop;
    assert.ok(JSON.stringify(lineOf({ error: loop })).includes('round and round'));
  });
});
