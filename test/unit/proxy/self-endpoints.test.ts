import assert from 'node:assert/strict';
import { SelfEndpoints } from '../../../src/proxy/self-endpoints.ts';
import { eventually } from '../../support/poll.ts';

const service = { name: 'proxy', namespace: 'tools', clusterDomain: 'Cluster.Local', scheme: 'http' } as const;

describe('where the proxy can be reached', () => {
  it('is its Service by all of its names, and no other Service', () => {
    const self = new SelfEndpoints(service, () => Promise.resolve([]));
    for (const name of ['proxy', 'proxy.tools', 'proxy.tools.svc', 'proxy.tools.svc.cluster.local']) {
      assert.equal(self.isSelfName(name), true, name);
    }
    for (const name of ['proxy.other', 'proxy.tools.svc.other', 'x.proxy.tools', '']) {
      assert.equal(self.isSelfName(name), false, name);
    }
  });

  it('is every port of the addresses that its Service resolves to, which are never loopback', async () => {
    const asked: string[] = [];
    const found = [
      { address: '10.96.0.77', family: 4 },
      { address: '127.0.0.1', family: 4 },
      { address: 'fd00::77', family: 6 },
      { address: '::1', family: 6 },
    ];
    const lookUp = (host: string): Promise<typeof found> => {
      asked.push(host);
      return Promise.resolve(found);
    };
    const self = new SelfEndpoints(service, lookUp);
    self.start([]);
    await eventually('the Service is looked up', () => self.current().length > 0);
    self.stop();
    assert.deepEqual(self.serviceAddresses, ['10.96.0.77', 'fd00::77']);
    assert.deepEqual(self.current(), [
      { address: '10.96.0.77', port: undefined },
      { address: 'fd00::77', port: undefined },
    ]);
    assert.deepEqual(asked, ['proxy.tools.svc.cluster.local']);
  });
});
