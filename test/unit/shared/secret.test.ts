import assert from 'node:assert/strict';
import { format, inspect } from 'node:util';
import { pino } from 'pino';
import { Secret } from '../../../src/shared/secret.ts';
import { CodedError } from '../../../src/shared/errors.ts';
import { keptLog } from '../../support/log-lines.ts';

const canary = 'canary-7f3a';
const secret = new Secret(canary);

describe('Secret', () => {
  for (const [how, print] of [
    ['String', () => String(secret)],
    ['a template literal', () => `${secret.toString()} ${secret as unknown as string}`],
    ['concatenation', () => 'x'.concat(secret as unknown as string)],
    ['JSON', () => JSON.stringify({ secret, list: [secret] })],
    ['inspect', () => inspect({ deep: { secret } }, { depth: 9, showHidden: true })],
    ['format', () => format('%s %j %o %O', secret, secret, secret, secret)],
    ['its keys', () => JSON.stringify([Object.keys(secret), Object.getOwnPropertyNames(secret)])],
    ['a copy of its members', () => JSON.stringify(Object.assign({}, secret))],
    ['an error that has it as cause', () => inspect(new Error('failed', { cause: secret }), { depth: 9 })],
  ] as const) {
    it(`is not printed by ${how}`, () => {
      const printed = print();
      assert.ok(printed.length > 0 && !printed.includes(canary), printed);
    });
  }

  it('is redacted in lines that pino writes', () => {
    const lines: string[] = [];
    pino({}, { write: (line: string) => void lines.push(line) }).info({ secret, deep: { secret } }, 'message');
    assert.match(lines.join(''), /"secret":"\[REDACTED\]","deep":\{"secret":"\[REDACTED\]"\}/);
  });

  it('is not in the log as the cause of an error', () => {
    const { log, lines } = keptLog();
    log.error('failed', { error: new CodedError('INTERNAL', 'failed', { cause: secret }) });
    assert.equal(lines.length, 1);
    assert.ok(!lines[0]!.includes(canary), lines[0]);
  });

  it('is given by expose alone, and compares by value', () => {
    assert.equal(secret.expose(), canary);
    assert.equal(secret.equals(new Secret(canary)), true);
    assert.equal(secret.equals(new Secret('other')), false);
    assert.equal(secret.equals(undefined), false);
  });
});
