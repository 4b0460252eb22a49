import assert from 'node:assert/strict';
import { canary } from './tokens.ts';

/** Asserts that a text which anybody may read (a log, an error, metrics) carries no token, nor a proxy URL with one. */
export function assertNoToken(text: string, where: string): void {
  const position = text.indexOf(canary);
  assert.equal(position, -1, `a token is in ${where}: ${text.slice(Math.max(0, position - 200), position)}`);
  assert.doesNotMatch(text, /eyJ[-\w]{20,}/, `a part of a token is in ${where}`);
}
