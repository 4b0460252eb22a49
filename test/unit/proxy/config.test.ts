import assert from 'node:assert/strict';
import { parseProxyConfig, serviceOf } from '../../../src/proxy/config.ts';
import { classUrl, serviceNames } from '../../../src/proxy/status/proxy-service.ts';

describe('the Service of the flags', () => {
  it('has addresses in the domain of the cluster', () => {
    const flags = ['--cluster-domain', 'corp.example', '--service', 'gate', '--namespace', 'tools'];
    const service = serviceOf(parseProxyConfig(flags, {}));
    assert.equal(classUrl(service), 'http://gate.tools.svc.corp.example');
    assert.deepEqual(serviceNames(service), ['gate.tools.svc.corp.example', 'gate.tools.svc', 'gate.tools', 'gate']);
  });
});
