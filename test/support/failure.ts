import assert from 'node:assert/strict';
import { DriverError } from '../../src/errors.js';

/** What the promise is rejected with, which must be a DriverError. */
export async function failureOf(promise: Promise<unknown>): Promise<DriverError> {
  const failure: unknown = await promise.then(
    (value) => value,
    (error: unknown) => error,
  );
  assert.ok(failure instanceof DriverError, `no DriverError but ${String(failure)}`);
  return failure;
}
