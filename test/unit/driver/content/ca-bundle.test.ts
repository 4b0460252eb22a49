import assert from 'node:assert/strict';
import { joinCaBundles } from '../../../../src/driver/content/ca-bundle.js';
import { processorTimeMs } from '../../../support/processor-time.js';

const pem = (body: string, kind = 'CERTIFICATE'): string => `-----BEGIN ${kind}-----\n${body}\n-----END ${kind}-----`;
const [one, two, three] = [pem('MIIBone'), pem('MIIBtwo'), pem('MIIBthree', 'TRUSTED CERTIFICATE')] as const;

describe('two CA bundles', () => {
  it('are one as it is where there is one alone', () => {
    assert.equal(joinCaBundles(undefined, undefined), undefined);
    assert.equal(joinCaBundles('any text', undefined), 'any text');
    assert.equal(joinCaBundles(undefined, 'any text'), 'any text');
  });

  it('are joined with each certificate once, the first bundle as it is', () => {
    assert.equal(joinCaBundles(`# ours\n${one}`, `${two}\n# theirs\n${three}\n`), `# ours\n${one}\n${two}\n${three}\n`);
    assert.equal(joinCaBundles(`${one}\n`, `${two}\n${one}\n${two}\n`), `${one}\n${two}\n`);
    assert.equal(joinCaBundles(one, pem('MII\r\nBone')), one);
  });

  it('take a time that grows as their length', () => {
    const startMs = processorTimeMs();
    for (const text of ['-----BEGIN CERTIFICATE-----'.repeat(20_000), `${one}\n`.repeat(10_000)])
      joinCaBundles(one, text);
    assert.ok(processorTimeMs() - startMs < 2000);
  });
});
