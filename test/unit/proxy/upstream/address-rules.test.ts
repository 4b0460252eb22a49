import assert from 'node:assert/strict';
import { AddressRules, parseRange } from '../../../../src/proxy/upstream/address-rules.js';

describe('the rules about addresses', () => {
  const rules = new AddressRules({ allowed: [], apiServer: ['10.96.0.1', 'fd00::1'] });

  const refused = [
    ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.255.255.255', '169.254.169.254', '224.0.0.1', '255.255.255.255'],
    ...['::', '::1', 'fe80::1', 'fe80::1%eth0', 'ff02::1', 'fd00:ec2::254', '100.100.100.200'],
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::127.0.0.1', '64:ff9b::127.0.0.1', '2002:7f00:1::', '::ffff:a9fe:a9fe'],
    ...['10.96.0.1', '::ffff:10.96.0.1', '64:ff9b::a60:1', 'fd00::1', 'localhost', ''],
  ];
  for (const address of refused) {
    it(`refuse ${address === '' ? 'nothing' : address}`, () => assert.equal(rules.isAllowed(address), false));
  }

  for (const address of [
    '10.0.0.1',
    '10.96.0.2',
    '192.168.1.1',
    '8.8.8.8',
    '2001:db8::1',
    'fd00::2',
    '64:ff9b::808:808',
  ]) {
    it(`allow ${address}`, () => assert.equal(rules.isAllowed(address), true));
  }

  it('open what is asked for, in every spelling, and nothing beside it', () => {
    const open = new AddressRules({ allowed: ['127.0.0.0/8', 'fe80::1'].map(parseRange), apiServer: [] });
    assert.equal(open.isAllowed('127.0.0.1'), true);
    assert.equal(open.isAllowed('::ffff:127.0.0.1'), true);
    assert.equal(open.isAllowed('fe80::1'), true);
    assert.equal(open.isAllowed('fe80::2'), false);
    assert.equal(open.isAllowed('169.254.169.254'), false);
  });

  it('open the API server only by its very address', () => {
    const apiServer = ['10.96.0.1'];
    const wide = new AddressRules({ allowed: [parseRange('10.0.0.0/8')], apiServer });
    assert.equal(wide.isAllowed('10.96.0.1'), false);
    const exact = new AddressRules({ allowed: [parseRange('10.96.0.1')], apiServer });
    assert.equal(exact.isAllowed('10.96.0.1'), true);
  });

  it('are not written in any other way', () => {
    for (const text of ['10.0.0.0/33', '10.0.0/8', 'a', '', '::/129', '10.0.0.0/']) {
      assert.throws(() => parseRange(text), RangeError, text);
    }
  });
});
