import assert from 'node:assert/strict';
import { parseRange } from '../../../../src/proxy/tool/address-rules.ts';
import { Resolver } from '../../../../src/proxy/tool/resolver.ts';
import { AddressRules } from '../../../../src/proxy/tool/address-rules.ts';
import type { Endpoint } from '../../../../src/proxy/tool/address-rules.ts';

const port = 443;
const node = '192.168.7.10';
const noEndpoints: readonly Endpoint[] = [];
const own: readonly Endpoint[] = [
  { address: '10.1.2.3', port: 8080 },
  { address: '10.96.0.77', port: undefined },
];

function rulesThatAllow(allowed: readonly string[], apiServer: readonly string[] = []): AddressRules {
  const endpoints = [node, 'fd00::7'].map((address) => ({ address, port: 6443 }));
  return new AddressRules({
    allowed: allowed.map(parseRange),
    apiServer,
    apiServerEndpoints: () => endpoints,
    self: () => own,
  });
}

describe('the rules about addresses', () => {
  const rules = rulesThatAllow([], ['10.96.0.1', 'fd00::1']);

  const refused = [
    ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.255.255.255', '169.254.169.254', '224.0.0.1', '255.255.255.255'],
    ...['::', '::1', 'fe80::1', 'fe80::1%eth0', 'ff02::1', '100.100.100.200', '192.0.0.192', '168.63.129.16'],
    ...['fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254', 'fd00:c1::a9fe:a9fe', 'fd00:00c1::169.254.169.254'],
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::127.0.0.1', '64:ff9b::127.0.0.1', '2002:7f00:1::', '::ffff:a9fe:a9fe'],
    ...['::ffff:168.63.129.16', '64:ff9b::a83f:8110', '64:ff9b:1::a9fe:a9fe', '64:ff9b:1:a9fe:a9:fe00::'],
    ...['::ffff:0:127.0.0.1', '::ffff:0:a9fe:a9fe', '2001::1', '2001:0:a9fe:a9fe::'],
    ...['10.96.0.1', '::ffff:10.96.0.1', '64:ff9b::a60:1', 'fd00::1', 'fd00:0:0::1', 'localhost', ''],
  ];
  for (const address of refused) {
    it(`refuse ${address === '' ? 'nothing' : address}`, () => assert.equal(rules.allowedAt(port)(address), false));
  }

  const allowed = [
    ...['10.0.0.1', '10.96.0.2', '192.168.1.1', '8.8.8.8', '168.63.129.17', '2001:db8::1', '2001:1::1', 'fd00::2'],
    ...['64:ff9b::808:808', '64:ff9b:2::1', '::ffff:8.8.8.8', 'fd20:ce::253', 'fd00:ec3::1'],
  ];
  for (const address of allowed) {
    it(`allow ${address}`, () => assert.equal(rules.allowedAt(port)(address), true));
  }

  it('open what is asked for, in every spelling, and nothing beside it', () => {
    const open = rulesThatAllow(['127.0.0.0/8', 'fe80::1']);
    assert.equal(open.allowedAt(port)('127.0.0.1'), true);
    assert.equal(open.allowedAt(port)('::ffff:127.0.0.1'), true);
    assert.equal(open.allowedAt(port)('fe80::1'), true);
    assert.equal(open.allowedAt(port)('fe80::2'), false);
    assert.equal(open.allowedAt(port)('169.254.169.254'), false);
  });

  it('open the API server only by its very address', () => {
    const apiServer = ['10.96.0.1'];
    assert.equal(rulesThatAllow(['10.0.0.0/8'], apiServer).allowedAt(port)('10.96.0.1'), false);
    assert.equal(rulesThatAllow(['10.96.0.1'], apiServer).allowedAt(port)('10.96.0.1'), true);
  });

  it('refuse the endpoints of the API server in every spelling, and leave other ports of these addresses', () => {
    for (const address of [node, `::ffff:${node}`, `64:ff9b::${node}`, 'fd00::7', 'fd00:0:0::7']) {
      assert.equal(rules.allowedAt(6443)(address), false, address);
      assert.equal(rules.allowedAt(443)(address), true, address);
    }
    assert.equal(rulesThatAllow(['192.168.0.0/16']).allowedAt(6443)(node), false);
    assert.equal(rulesThatAllow([node]).allowedAt(6443)(node), true);
  });

  it('follow the endpoints as they change', () => {
    let endpoints = noEndpoints;
    const following = new AddressRules({
      allowed: [],
      apiServer: [],
      apiServerEndpoints: () => endpoints,
      self: () => noEndpoints,
    });
    assert.equal(following.allowedAt(6443)(node), true);
    endpoints = [{ address: node, port: 6443 }];
    assert.equal(following.allowedAt(6443)(node), false);
    endpoints = [{ address: node, port: undefined }];
    assert.equal(following.allowedAt(1)(node), false);
    endpoints = noEndpoints;
    assert.equal(following.allowedAt(6443)(node), true);
  });

  it('know the proxy itself in every spelling, and nothing opens it', () => {
    const open = rulesThatAllow(['10.1.2.3', '10.96.0.77', '10.0.0.0/8']);
    const itself = [
      ...['10.1.2.3', '::ffff:10.1.2.3', '64:ff9b::10.1.2.3'].map((address) => ({ address, at: 8080 })),
      ...[80, 9808].map((at) => ({ address: '10.96.0.77', at })),
    ];
    for (const { address, at } of itself) {
      assert.equal(open.selfAt(at)(address), true, address);
      assert.equal(open.allowedAt(at)(address), false, address);
    }
    assert.equal(open.selfAt(443)('10.1.2.3'), false);
    assert.equal(open.allowedAt(443)('10.1.2.3'), true);
  });

  it('spend no time on a name: a Connector can have 64 of them, and be changed all the time', () => {
    const rules = new AddressRules({
      ...{ allowed: [], apiServer: [], apiServerEndpoints: () => noEndpoints },
      self: () => assert.fail('the list of addresses was made for a name'),
    });
    const resolver = new Resolver({ rules, isSelfName: () => false } as never);
    assert.equal(resolver.isSelf('tool.example', port), false);
  });

  it('are not written in any other way', () => {
    for (const text of ['10.0.0.0/33', '10.0.0/8', 'a', '', '::/129', '10.0.0.0/']) {
      assert.throws(() => parseRange(text), RangeError, text);
    }
  });
});
