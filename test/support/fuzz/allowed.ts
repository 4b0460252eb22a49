import assert from 'node:assert/strict';
import { CodedError } from '../../../src/shared/errors.ts';

type Kind = new (...args: never[]) => Error;

/** Longer than what all bounds on messages let through together, and far shorter than the largest input. */
const maxMessageLength = 64 * 1024;

/** Asserts that the parser either succeeds or throws an error of a documented kind, in one line of bounded length. */
export function allows(kinds: readonly Kind[], parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    assertAllowed(kinds, error);
  }
}

function assertAllowed(kinds: readonly Kind[], error: unknown): void {
  if (!kinds.some((kind) => error instanceof kind)) throw error;
  if (!(error instanceof CodedError)) return;
  assert.notEqual(error.code, 'INTERNAL');
  assert.doesNotMatch(error.message, /[\r\n\u2028\u2029]/);
  assert.ok(error.message.length < maxMessageLength, `a message of ${error.message.length} characters`);
}
