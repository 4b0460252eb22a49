import assert from 'node:assert/strict';
import { eventually } from '../../../support/poll.js';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.js';
import type { ConnectorStatus } from '../../../support/proxy/cluster-fixture.js';
import { connector, connectorClass, proxyService, secret } from '../../../support/proxy/manifests.js';

const another = { ...proxyService, name: 'another' };
const marker = 'reported by Service connectors-system/connectors-proxy-service';
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
    fixture = await ClusterFixture.start();
    fixture.put(connectorClass('any', { proxy: { ref: proxyService } }), connector('tool', 'https://tool.example'));
  });
  afterEach(() => fixture.stop());

  it('says that the proxy is ready, and where the class is malformed', async () => {
    await fixture.replica();
    await becomes('Ready', `True Ready ${marker}`);
    assert.equal(condition('ProxyReady'), `True Ready ${marker}`);
    fixture.put(connectorClass('any', { proxy: { ref: proxyService }, configurations: [{ name: 7 }] }));
    const problem = 'connectorclass any: spec.configurations[0].name must be a string';
    await becomes('Ready', `False Unusable ${problem}; ${marker}`);
    assert.equal(condition('ProxyReady'), `True Ready ${marker}`);
    fixture.put(connectorClass('any', { proxy: { ref: proxyService } }));
    await becomes('Ready', `True Ready ${marker}`);
  });

  it('says where a generator has a mistake, until it is corrected', async () => {
    const put = (...cels: readonly unknown[]): void => {
      const types = cels.map((cel, at) => ({ name: `type-${at}`, secretType: 'Opaque', generator: { cel } }));
      fixture.put(connectorClass('any', { proxy: { ref: proxyService }, auth: { types } }));
    };
    const good = '{"headers": {"X-Key": secret.key}}';
    put(good, '{"headers": {\n"X-Key": secrets.key}}');
    await fixture.replica();
    const place = 'connectorclass any: generator.cel of auth type "type-1"';
    await eventually('it is broken', () => condition('Ready').startsWith('False BrokenGenerator'));
    const [, problem = ''] = /^False BrokenGenerator (.*); reported by Service \S+$/.exec(condition('Ready')) ?? [];
    assert.ok(problem.startsWith(`${place}: line 2, column 10: unknown name "secrets"`), problem);
    assert.equal(condition('ProxyReady'), `True Ready ${marker}`);
    fixture.put(
      secret('login', 'Opaque', { key: 'x' }),
      connector('tool', 'https://tool.example', { secret: 'login', auth: 'type-1' }),
    );
    fixture.bindCredentials('ci');
    await eventually('the Connector too', () => fixture.condition('Ready') === 'False BrokenGenerator');
    assert.equal(fixture.message('Ready'), `${problem} (connector ci/tool)`);
    put(good, 7);
    await becomes('Ready', `False BrokenGenerator ${place} must be a string; ${marker}`);
    // Only an evaluation shows that the result is no map.
    put(good, '[secret.key][0]');
    await becomes('Ready', `True Ready ${marker}`);
    await eventually('not for the Connector', () => fixture.condition('Ready') === 'False Unusable');
    put(good, good);
    await eventually('the Connector too', () => fixture.condition('Ready') === 'True Ready', 40_000);
    assert.equal(condition('Ready'), `True Ready ${marker}`);
  });

  it('is taken back with that of its Connectors when the class names another proxy', async () => {
    fixture.put({ ...connectorClass('any', { proxy: { ref: proxyService } }), status: { conditions: [theirs] } });
    await fixture.replica();
    await becomes('Ready', `True Ready ${marker}`);
    await fixture.becomes('Ready', 'True Ready');
    fixture.put(connectorClass('any', { proxy: { ref: another } }));
    await eventually('nothing of it is left', () => condition('Ready') === '', 40_000);
    assert.deepEqual(statusOf('any'), { conditions: [theirs] });
    await fixture.becomes('Ready', '');
    assert.deepEqual(fixture.status(), {});
    fixture.put(connectorClass('any', { proxy: { ref: proxyService } }));
    await becomes('Ready', `True Ready ${marker}`);
    await fixture.becomes('Ready', 'True Ready');
  });

  it('is taken back after a restart too, and what the other proxy has written stays', async () => {
    const url = 'http://another.connectors-system.svc.cluster.local';
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'Ready',
      message: 'reported by Service connectors-system/another',
    };
    const ours = { type: 'ProxyReady', status: 'True', reason: 'Ready', message: marker };
    const proxy = { httpAddress: { url } };
    fixture.put({
      ...connectorClass('moved', { proxy: { ref: another } }),
      status: { proxy, conditions: [ours, ready, theirs] },
    });
    await fixture.replica();
    await eventually('ours is gone', () => condition('ProxyReady', 'moved') === '', 40_000);
    assert.deepEqual(statusOf('moved'), { proxy, conditions: [ready, theirs] });
  });

  it('says that a class names no proxy, as that of its Connectors does, unless another controller reports', async () => {
    const reported = { conditions: [{ type: 'Ready', status: 'True', reason: '', message: '' }] };
    const missing = { type: 'ConnectorClassReady', status: 'True', reason: '', message: '' };
    fixture.put(
      connectorClass('files'),
      { ...connectorClass('reported'), status: reported },
      connectorClass('uri', { proxy: { uri: 'https://proxy.example' } }),
      connector('files', 'https://tool.example', { className: 'files', secret: 'missing' }),
      { ...connector('reported', 'https://tool.example', { className: 'files' }), status: { conditions: [missing] } },
      connector('uri', 'https://tool.example', { className: 'uri' }),
    );
    await fixture.replica();
    await becomes('ProxyReady', `True NonProxy ${marker}`, 'files');
    assert.equal(condition('Ready', 'files'), `True Ready ${marker}`);
    await fixture.becomes('Ready', 'True Ready', 'files');
    assert.equal(fixture.condition('ProxyServiceReady', 'files'), 'True NonProxy');
    assert.equal(fixture.condition('SecretReady', 'files'), '', 'nothing uses it');
    assert.equal(fixture.status('files').proxy, undefined);
    await fixture.becomes('Ready', 'True Ready');
    assert.deepEqual(statusOf('reported'), reported);
    assert.deepEqual(fixture.status('reported'), { conditions: [missing] });
    assert.deepEqual([statusOf('uri'), fixture.status('uri')], [{}, {}]);

    // The class loses its proxy, and gets one.
    fixture.put(connectorClass('any'));
    await becomes('ProxyReady', `True NonProxy ${marker}`);
    await fixture.becomes('ProxyServiceReady', 'True NonProxy');
    assert.deepEqual([statusOf('any').proxy, fixture.status().proxy], [undefined, undefined]);
    fixture.put(connectorClass('any', { proxy: { ref: proxyService } }));
    await becomes('ProxyReady', `True Ready ${marker}`);
    await fixture.becomes('ProxyServiceReady', 'True Ready');
  });

  it('is written by the replica with the Lease alone, and once', async () => {
    await fixture.replica();
    await becomes('Ready', `True Ready ${marker}`);
    await fixture.replica();
    fixture.put(connector('next', 'https://tool.example'));
    await fixture.becomes('Ready', 'True Ready', 'next');
    assert.equal(fixture.api.count({ verb: 'patch', subresource: 'status', name: 'any' }), 1);
  });
});
