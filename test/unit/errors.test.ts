import assert from 'node:assert/strict';
import { DriverError, abortError, asDriverError, errorCodes, isFinal, throwIfAborted } from '../../src/errors.js';

describe('DriverError', () => {
  it('is not final for exactly the codes after which the kubelet comes back', () => {
    assert.deepEqual(
      errorCodes.filter((code) => !isFinal(code)),
      ['CANCELLED', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED', 'UNAVAILABLE'],
    );
  });

  it('has a message of one line', () => {
    assert.equal(new DriverError('INTERNAL', 'first \r\n\n  second\nthird').message, 'first second third');
    assert.equal(new DriverError('INTERNAL', ' as it is ').message, ' as it is ');
    assert.equal(new DriverError('INTERNAL', 'first\u2028second\u2029third').message, 'first second third');
  });

  it('is made in no time of a message that is mostly blanks', () => {
    // With backtracking it would take minutes.
    const blanks = ' '.repeat(1_000_000);
    assert.equal(new DriverError('INTERNAL', `${blanks}x`).message.length, 1_000_001);
    assert.equal(new DriverError('INTERNAL', `a${blanks}\n${blanks}b`).message, 'a b');
  });

  it('gets context that keeps its code and its chain of causes', () => {
    const cause = new Error('why');
    const error = new DriverError('NOT_FOUND', 'gone', { cause });
    const within = error.within('manifest');
    assert.equal(within.code, 'NOT_FOUND');
    assert.equal(within.message, 'manifest: gone');
    assert.equal(within.cause, error);
    assert.equal(error.cause, cause);
  });
});

describe('asDriverError', () => {
  it('keeps a DriverError', () => {
    const error = new DriverError('ABORTED', 'busy');
    assert.equal(asDriverError(error, 'ignored'), error);
  });

  it('hides what anything else says behind a summary, and keeps it as the cause', () => {
    const cause = new TypeError('internals');
    const error = asDriverError(cause, 'it failed');
    assert.deepEqual([error.code, error.message, error.cause], ['INTERNAL', 'it failed', cause]);
  });
});

describe('an aborted signal', () => {
  it('gives the DriverError that it was aborted with', () => {
    const reason = new DriverError('DEADLINE_EXCEEDED', 'late');
    assert.equal(abortError(AbortSignal.abort(reason)), reason);
  });

  it('means CANCELLED for any other reason', () => {
    const error = abortError(AbortSignal.abort('SIGTERM'));
    assert.deepEqual([error.code, error.cause], ['CANCELLED', 'SIGTERM']);
  });

  it('is what throwIfAborted throws, and nothing else is', () => {
    throwIfAborted(new AbortController().signal);
    assert.throws(() => throwIfAborted(AbortSignal.abort()), { name: 'DriverError', code: 'CANCELLED' });
  });
});
