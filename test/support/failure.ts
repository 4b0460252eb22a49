import assert from 'node:assert/strict';
import { CodedError } from '../../src/shared/errors.ts';

/** What the promise is rejected with, which must be a CodedError. */
export async function failureOf(promise: Promise<unknown>): Promise<CodedError> {
  const failure: unknown = await promise.then(
    (value) => value,
    (error: unknown) => error,
  );
  assert.ok(failure instanceof CodedError, `no CodedError but ${String(failure)}`);
  return failure;
}
