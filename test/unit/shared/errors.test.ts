import assert from 'node:assert/strict';
import { CodedError, abortError, toCodedError, throwIfAborted } from '../../../src/shared/errors.ts';

describe('CodedError', () => {
  it('has a message of one line', () => {
    assert.equal(new CodedError('INTERNAL', 'first \r\n\n  second\nthird').message, 'first second third');
    assert.equal(new CodedError('INTERNAL', ' as it is ').message, ' as it is ');
    assert.equal(new CodedError('INTERNAL', 'first\u2028second\u2029third').message, 'first second third');
  });

  it('is made in no time of a message that is mostly blanks', () => {
    // With backtracking it would take minutes.
    const blanks = ' '.repeat(1_000_000);
    assert.equal(new CodedError('INTERNAL', `${blanks}x`).message.length, 1_000_001);
    assert.equal(new CodedError('INTERNAL', `a${blanks}\n${blanks}b`).message, 'a b');
  });
});

describe('toCodedError', () => {
  it('keeps a CodedError', () => {
    const error = new CodedError('ABORTED', 'busy');
    assert.equal(toCodedError(error, 'ignored'), error);
  });

  it('hides what anything else says behind a summary, and keeps it as the cause', () => {
    const cause = new TypeError('internals');
    const error = toCodedError(cause, 'it failed');
    assert.deepEqual([error.code, error.message, error.cause], ['INTERNAL', 'it failed', cause]);
  });
});

describe('an aborted signal', () => {
  it('gives the CodedError that it was aborted with', () => {
    const reason = new CodedError('DEADLINE_EXCEEDED', 'late');
    assert.equal(abortError(AbortSignal.abort(reason)), reason);
  });

  it('means CANCELLED for any other reason', () => {
    const error = abortError(AbortSignal.abort('SIGTERM'));
    assert.deepEqual([error.code, error.cause], ['CANCELLED', 'SIGTERM']);
  });

  it('is what throwIfAborted throws, and nothing else is', () => {
    throwIfAborted(new AbortController().signal);
    assert.throws(() => throwIfAborted(AbortSignal.abort()), { name: 'CodedError', code: 'CANCELLED' });
  });
});
