import assert from 'node:assert/strict';
import { eventually } from '../../../support/poll.ts';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.ts';
import type { ConnectorStatus } from '../../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass, proxyService, secret } from '../../../support/proxy/manifests.ts';
import { started } from '../../../support/started.ts';

const another = { ...proxyService, name: 'another' };
const theirs = { type: 'Theirs', status: 'True' };

describe('the status of a class', function () {
  this.timeout(90_000);

  let fixture: ClusterFixture;
  const statusOf = (name: string): ConnectorStatus => fixture.api.get('connectorclasses', { name })?.['status'] ?? {};
  const condition = (type: string, name = 'any'): string => {
    const found = statusOf(name).conditions?.find((each) => each.type === type);
    return found === undefined ? '' : `${found.status} ${found.reason} ${found.message}`;
  };
  const becomes = (type: string, expected: string, name?: string): Promise<void> =>
    eventually(
      `${type} is ${expected}, not ${condition(type, name)}`,
      () => condition(type, name) === expected,
      40_000,
    );

  beforeEach(async () => {
    fixture = started(await ClusterFixture.start());
    fixture.put(connectorClass('any', { proxy: { ref: proxyService } }), connector('tool', 'https://tool.example'));
  });

  it('says that the proxy is ready, and where the class is malformed', async () => {
    await fixture.replica();
    await becomes('Ready', `True Ready `);
    assert.equal(condition('ProxyReady'), `True Ready `);
    fixture.put(connectorClass('any', { proxy: { ref: proxyService }, configurations: [{ name: 7 }] }));
    const problem = 'connectorclass any: spec.configurations[0].name must be a string';
    await becomes('Ready', `False Unusable ${problem}`);
    assert.equal(condition('ProxyReady'), `True Ready `);
    fixture.put(connectorClass('any', { proxy: { ref: proxyService } }));
    await becomes('Ready', `True Ready `);
  });

  it('says where a generator has a mistake, until it is corrected', async () => {
    const put = (...cels: readonly unknown[]): void => {
      const types = cels.map((cel, at) => ({ name: `type-${at}`, secretType: 'Opaque', generator: { cel } }));
      fixture.put(connectorClass('any', { proxy: { ref: proxyService }, auth: { types } }));
    };
    const good = '{"headers": {"X-Key": secret.key}}';
    put(good, '{"headers": {\n"X-Key": }}');
    await fixture.replica();
    const place = 'connectorclass any: generator.cel of auth type "type-1"';
    await eventually('it is broken', () => condition('Ready').startsWith('False BrokenGenerator'));
    const [, problem = ''] = /^False BrokenGenerator (.*)$/.exec(condition('Ready')) ?? [];
    assert.ok(problem.startsWith(`${place}: line 2, column 10: unexpected "}"`), problem);
    assert.equal(condition('ProxyReady'), `True Ready `);
    fixture.put(
      secret('login', 'Opaque', { key: 'x' }),
      connector('tool', 'https://tool.example', { secret: 'login', auth: 'type-1' }),
    );
    fixture.bindCredentials('ci');
    await eventually('the Connector too', () => fixture.condition('Ready') === 'False BrokenGenerator');
    assert.equal(fixture.message('Ready'), `${problem} (connector ci/tool)`);
    put(good, 7);
    await becomes('Ready', `False BrokenGenerator ${place} must be a string`);
    // Only an evaluation shows that the result is no map.
    put(good, '[secret.key][0]');
    await becomes('Ready', `True Ready `);
    await eventually('not for the Connector', () => fixture.condition('Ready') === 'False Unusable');
    put(good, good);
    await eventually('the Connector too', () => fixture.condition('Ready') === 'True Ready', 40_000);
    assert.equal(condition('Ready'), `True Ready `);
  });

  it('is that of other controllers where the class names another proxy or none, and stays there', async () => {
    fixture.put({ ...connectorClass('any', { proxy: { ref: proxyService } }), status: { conditions: [theirs] } });
    fixture.put(connectorClass('none'), connectorClass('uri', { proxy: { uri: 'https://proxy.example' } }));
    await fixture.replica();
    await becomes('Ready', 'True Ready ');
    await fixture.becomes('Ready', 'True Ready');
    assert.deepEqual([statusOf('none'), statusOf('uri')], [{}, {}]);
    const before = [statusOf('any'), fixture.status()];
    assert.deepEqual(before[0]?.conditions?.[0], theirs);
    fixture.put(
      connectorClass('any', { proxy: { ref: another } }),
      connectorClass('next', { proxy: { ref: proxyService } }),
    );
    await becomes('Ready', 'True Ready ', 'next');
    assert.deepEqual([statusOf('any'), fixture.status()], before);
  });

  it('is written by the replica with the Lease alone, and once', async () => {
    await fixture.replica();
    await becomes('Ready', `True Ready `);
    await fixture.replica();
    fixture.put(connector('next', 'https://tool.example'));
    await fixture.becomes('Ready', 'True Ready', 'next');
    assert.equal(fixture.api.count({ verb: 'patch', subresource: 'status', name: 'any' }), 1);
  });
});
