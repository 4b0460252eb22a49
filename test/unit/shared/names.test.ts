import assert from 'node:assert/strict';
import { dns1123LabelProblem, dns1123SubdomainProblem } from '../../../src/shared/names.ts';

describe('DNS-1123 names', () => {
  for (const name of ['a', '0', 'team-a', 'a--b', 'x'.repeat(63)]) {
    it(`${name.slice(0, 20)} (${name.length}) is a label and a subdomain`, () => {
      assert.equal(dns1123LabelProblem(name), undefined);
      assert.equal(dns1123SubdomainProblem(name), undefined);
    });
  }

  for (const name of ['a.b', '1.2.3', 'x'.repeat(253)]) {
    it(`${name.slice(0, 20)} (${name.length}) is a subdomain only`, () => {
      assert.match(dns1123LabelProblem(name) ?? '', /^must be /);
      assert.equal(dns1123SubdomainProblem(name), undefined);
    });
  }

  for (const name of [
    '',
    'A',
    '-a',
    'a-',
    'a_b',
    'a/b',
    'a b',
    'a\n',
    '.a',
    'a.',
    'a..b',
    'a.-b',
    'ü',
    'x'.repeat(254),
  ]) {
    it(`${JSON.stringify(name.slice(0, 20))} (${name.length}) is neither`, () => {
      assert.match(dns1123LabelProblem(name) ?? '', /^must /);
      assert.match(dns1123SubdomainProblem(name) ?? '', /^must /);
    });
  }
});
