import assert from 'node:assert/strict';
import { createCa } from '../../../../src/proxy/certificates/certificate-authority.js';
import { eventually } from '../../../support/poll.js';
import { ClusterStage } from '../../../support/proxy/cluster-stage.js';
import { connector, connectorClass, secret } from '../../../support/proxy/manifests.js';
import { credentialCanary } from '../../../support/proxy/proxy-stage.js';

const service = { kind: 'Service', namespace: 'connectors-system', name: 'connectors-proxy-service' };
const url = 'http://connectors-proxy-service.connectors-system.svc.cluster.local';
const writes = { verb: 'patch', subresource: 'status' };

describe('the status that the proxy writes', function () {
  this.timeout(60_000);

  let stage: ClusterStage;
  const login = (name = 'login'): object =>
    secret(name, 'kubernetes.io/basic-auth', { username: 'robot', password: credentialCanary });
  const becomes = (type: string, expected: string, name?: string): Promise<void> =>
    eventually(`${type} is ${expected}`, () => stage.condition(type, name) === expected, 30_000);

  beforeEach(async () => {
    stage = await ClusterStage.start();
    stage.put(
      connectorClass('any', { proxy: { ref: service } }),
      connector('tool', 'https://tool.example', { secret: 'login' }),
      login(),
    );
    stage.bindCredentials('ci');
  });
  afterEach(() => stage.stop());

  it('tells where the proxy is, how it is trusted and that all is well, once', async () => {
    const { authorityCertificate: CACerts } = await stage.replica();
    await becomes('Ready', 'True Ready');
    const { proxy, observedGeneration, conditions = [] } = stage.status();
    assert.deepEqual(proxy?.httpAddress, {
      url: `${url}/namespaces/ci/connectors/tool`,
      audience: 'connectors-proxy',
      CACerts,
    });
    assert.deepEqual(
      conditions.map(({ type, status }) => `${type} ${status}`),
      ['ConnectorClassReady True', 'SecretReady True', 'ProxyServiceReady True', 'Ready True'],
    );
    for (const condition of conditions) {
      assert.equal(condition.observedGeneration, 1);
      assert.match(condition.lastTransitionTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }
    assert.equal(observedGeneration, 1);
    const ofClass = (): unknown => stage.api.get('connectorclasses', { name: 'any' })?.['status'];
    await eventually('the class has it too', () => ofClass() !== undefined);
    assert.deepEqual(ofClass(), { proxy: { httpAddress: { url, audience: 'connectors-proxy', CACerts } } });

    // Its own changes come back to it, and what does not concern it, and are no reason to write.
    stage.put(connector('other', 'https://other.example'));
    await eventually('the other one is written', () => stage.condition('Ready', 'other') === 'True Ready');
    assert.equal(stage.api.count({ ...writes, name: 'tool' }), 1);
    assert.equal(stage.api.count({ ...writes, name: 'any' }), 1);
  });

  it('leaves Connectors of another proxy alone, and what others write into its own', async () => {
    stage.put(
      connectorClass('theirs', { proxy: { ref: { ...service, name: 'another' } } }),
      connectorClass('none'),
      connector('theirs', 'https://theirs.example', { className: 'theirs' }),
      connector('none', 'https://none.example', { className: 'none' }),
      {
        ...connector('tool', 'https://tool.example', { secret: 'login' }),
        status: { api: { path: '/x' }, conditions: [{ type: 'Theirs', status: 'True' }] },
      },
    );
    await stage.replica();
    await becomes('Ready', 'True Ready');
    assert.deepEqual([stage.status('theirs'), stage.status('none')], [{}, {}]);
    const status = stage.status() as { readonly api?: object; readonly conditions?: readonly object[] };
    assert.deepEqual(status.api, { path: '/x' });
    assert.deepEqual(status.conditions?.[0], { type: 'Theirs', status: 'True' });
    const written = stage.api.requestsOf(writes).map(({ name }) => name);
    assert.deepEqual([...new Set(written)].sort(), ['any', 'tool']);
  });

  it('says that a Secret cannot be called so, and does not ask for it', async () => {
    await stage.replica();
    for (const name of ['..', '../../../../apis', 'a?b']) {
      stage.put(connector('auth', 'https://tool.example', { secret: name }));
      stage.put(connector('ca', 'https://tool.example', { caSecret: name }));
      await eventually(`it is told of ${name}`, () =>
        ['auth', 'ca'].every((each) => stage.message('Ready', each).includes(JSON.stringify(name))),
      );
      assert.match(stage.message('Ready', 'auth'), /^spec\.auth\.secretRef\.name ".*" must be a DNS-1123 name: /);
      assert.match(stage.message('Ready', 'ca'), /^spec\.caCertSecretRef\.name ".*" must be a DNS-1123 name: /);
      assert.equal(stage.condition('SecretReady', 'auth'), 'False Unusable');
      assert.equal(stage.condition('SecretReady', 'ca'), 'False Unusable');
    }
    const asked = stage.api.requestsOf({ resource: 'secrets', verb: 'get' }).map(({ name }) => name);
    assert.deepEqual(
      asked.filter((name) => name !== 'login'),
      [],
    );
  });

  it('says what is missing, with the fix, and follows the Connector when it is mended', async () => {
    stage.put(connector('tool', 'https://tool.example', { secret: 'missing' }));
    await stage.replica();
    await becomes('SecretReady', 'False Unusable');
    assert.equal(stage.condition('Ready'), 'False Unusable');
    assert.match(stage.message('Ready'), /^Secret ci\/missing does not exist/);
    stage.put(connector('tool', 'https://tool.example', { secret: 'login' }));
    await becomes('Ready', 'True Ready');
    assert.equal(stage.status().observedGeneration, 3);
    stage.put(connector('tool', 'ftp://tool.example', { secret: 'login' }));
    await becomes('Ready', 'False NoAddress');
    const extensions = Array.from({ length: 64 }, (_, at) => `https://tool-${at}.example`);
    stage.put(connector('tool', 'https://tool.example', { secret: 'login', extensions }));
    await becomes('Ready', 'False TooManyAddresses');
    assert.match(stage.message('Ready'), /are 65 addresses, and at most 64 are allowed: leave some out/);
    stage.put(connector('tool', 'http://connectors-proxy-service.connectors-system.svc/x', { secret: 'login' }));
    await becomes('Ready', 'False AddressOfProxy');
    assert.match(
      stage.message('Ready'),
      /connectors-proxy-service\.connectors-system\.svc:80 is this proxy itself: set it/,
    );
  });

  it('says that a bare host in addressExtensions leads nowhere, whether the Connector is ready or not', async () => {
    const hint = 'so no request to it gets the credential: write https://auth.example';
    stage.put(connector('tool', 'https://tool.example', { secret: 'login', extensions: ['auth.example'] }));
    await stage.replica();
    await becomes('Ready', 'True Ready');
    assert.equal(stage.message('Ready'), `spec.addressExtensions[0] is no http or https URL, ${hint}`);
    stage.put(connector('tool', 'https://tool.example', { secret: 'missing', extensions: ['auth.example'] }));
    await becomes('Ready', 'False Unusable');
    assert.match(
      stage.message('Ready'),
      /^Secret ci\/missing does not exist \(connector ci\/\w+\): [^;]+; spec\.addressExtensions\[0\] is/,
    );
    stage.put(connector('tool', 'https://tool.example', { secret: 'login', extensions: ['https://auth.example'] }));
    await becomes('Ready', 'True Ready');
    assert.equal(stage.message('Ready'), '');
  });

  it('shows the RoleBinding where it may not read the Secret', async () => {
    stage.put({ ...connector('tool', 'https://tool.example', { namespace: 'far', secret: 'login' }) });
    await stage.replica();
    const far = (): string =>
      JSON.stringify(stage.api.get('connectors', { namespace: 'far', name: 'tool' })?.['status'] ?? {});
    await eventually('it is told', () => far().includes('"Ready"'));
    assert.match(far(), /bind its service account in \\"far\\" to the ClusterRole connectors-proxy-credentials/);
  });

  it('reports Connectors whose class does not exist, with the classes that do', async () => {
    stage.put(
      connectorClass('also', { proxy: { ref: { ...service, name: 'another' } } }),
      connector('lost', 'https://lost.example', { className: 'anny', secret: 'missing' }),
    );
    await stage.replica();
    await becomes('Ready', 'False NotFound', 'lost');
    const { proxy, conditions = [], observedGeneration } = stage.status('lost');
    assert.deepEqual([proxy, observedGeneration], [undefined, 1]);
    assert.deepEqual(
      conditions.map(({ type, status, message }) => [type, status, message]),
      ['ConnectorClassReady', 'Ready'].map((type) => [
        type,
        'False',
        'connectorclass anny does not exist: create it, or change spec.connectorClassName to one that exists (also, any)',
      ]),
    );
    stage.put(connectorClass('anny', { proxy: { ref: service } }));
    await becomes('Ready', 'False Unusable', 'lost');
    assert.equal(stage.status('lost').proxy?.httpAddress.url, `${url}/namespaces/ci/connectors/lost`);
  });

  it('takes its report back when the class turns out to be of another proxy, and leaves that of others', async () => {
    const theirs = { type: 'ConnectorClassReady', status: 'False', reason: 'NotFound', message: 'no such class' };
    const other = { type: 'Theirs', status: 'True' };
    const lost = (name: string, conditions: readonly object[]): object => ({
      ...connector(name, 'https://lost.example', { className: 'later' }),
      status: { conditions },
    });
    stage.put(lost('lost', [other]), lost('reported', [theirs]));
    await stage.replica();
    await becomes('Ready', 'False NotFound', 'lost');
    stage.put(connectorClass('later', { proxy: { ref: { ...service, name: 'another' } } }));
    await eventually('the report is taken back', () => stage.condition('Ready', 'lost') === '');
    assert.deepEqual(stage.status('lost'), { conditions: [other] });
    await becomes('Ready', 'True Ready');
    assert.deepEqual(stage.status('reported'), { conditions: [theirs] });
  });

  it('reports no class as missing before all classes are known', async () => {
    stage.put(connector('lost', 'https://lost.example', { className: 'nowhere' }));
    const fault = stage.api.faults.add({
      verb: 'list',
      resource: 'connectorclasses',
      effect: { kind: 'status', code: 500 },
    });
    await stage.replica({ untilReady: false });
    await eventually('the Lease is held', () => stage.log.includes('holds the Lease'));
    const lists = (): number => stage.api.count({ verb: 'list', resource: 'connectorclasses' });
    await eventually('classes are asked for again', () => lists() > 1);
    await eventually('Connectors are known', () => stage.api.count({ verb: 'watch', resource: 'connectors' }) > 0);
    assert.deepEqual(stage.status('lost'), {});
    fault.remove();
    await becomes('Ready', 'False NotFound', 'lost');
    assert.match(stage.message('Ready', 'lost'), /\(any\)$/);
  });

  it('tells of a class that has been deleted, and takes it back when it is there again', async () => {
    await stage.replica();
    await becomes('Ready', 'True Ready');
    stage.api.delete('connectorclasses', { name: 'any' });
    await becomes('ConnectorClassReady', 'False NotFound');
    stage.put(connectorClass('any', { proxy: { ref: service } }));
    await becomes('Ready', 'True Ready');
  });

  it('writes nothing about a Secret that is away for a moment, and does when it stays away', async () => {
    stage.statusTimings = { ...stage.statusTimings, checkMs: 400, confirmMs: 60_000 };
    const replica = await stage.replica();
    await becomes('Ready', 'True Ready');
    const before = stage.api.count({ ...writes, name: 'tool' });
    stage.api.delete('secrets', { namespace: 'ci', name: 'login' });
    const asked = stage.api.count({ resource: 'secrets', verb: 'get', code: 404 });
    await eventually(
      'it has seen that',
      () => stage.api.count({ resource: 'secrets', verb: 'get', code: 404 }) > asked,
      40_000,
    );
    // What would be written of it is written long before what comes of an event that is yet to come.
    for (const name of ['next', 'next-but-one']) {
      stage.put(connector(name, 'https://other.example'));
      await becomes('Ready', 'True Ready', name);
    }
    assert.equal(stage.condition('Ready'), 'True Ready');
    assert.equal(stage.api.count({ ...writes, name: 'tool' }), before);
    await replica.stop();
    stage.statusTimings = { ...stage.statusTimings, confirmMs: 50 };
    await stage.replica();
    await becomes('SecretReady', 'False Unusable');
    assert.equal(stage.api.count({ ...writes, name: 'tool' }), before + 1);
  });

  it('publishes certificates only of a CA whose Secret has the private key next to them', async () => {
    const { certificate, key } = createCa({ now: Date.now });
    const metadata = { namespace: 'connectors-system' };
    const data = { 'tls.crt': certificate + key.expose(), 'tls.key': key.expose() };
    stage.put(secret('connectors-proxy-ca', 'kubernetes.io/tls', data, metadata));
    await stage.replica({ httpAddress: '127.0.0.1:0' });
    await becomes('Ready', 'True Ready');
    assert.equal(stage.status().proxy?.httpAddress.CACerts, certificate);
    const ofClass = (): unknown => stage.api.get('connectorclasses', { name: 'any' })?.['status'];
    await eventually('the class has it too', () => ofClass() !== undefined);
    const httpAddress = { url, audience: 'connectors-proxy', CACerts: certificate };
    assert.deepEqual(ofClass(), { proxy: { httpAddress } });
    const served = await fetch(`http://127.0.0.1:${stage.ports.httpPort}/ca.crt`);
    assert.equal(await served.text(), certificate);
  });

  it('follows a change of the CA', async () => {
    const replica = await stage.replica();
    await becomes('Ready', 'True Ready');
    const before = replica.authorityCertificate;
    stage.api.delete('secrets', { namespace: 'connectors-system', name: 'connectors-proxy-ca' });
    await eventually('another CA is told of', () => {
      const now = stage.status().proxy?.httpAddress.CACerts;
      return now !== before && now === replica.authorityCertificate;
    });
  });

  it('says that it may not write, counts it, and serves all the same', async () => {
    const giveBack = stage.withoutRights('connectors/status');
    const replica = await stage.replica();
    await eventually('it has tried', async () =>
      (await replica.metrics.text()).includes('status_writes_total{resource="connectors",outcome="forbidden"} '),
    );
    assert.match(
      stage.log,
      /writing the status of connector ci\/tool failed: .*the proxy's own ClusterRole needs the rule .*connectors\/status/,
    );
    assert.equal(replica.notReadyReason(), undefined);
    giveBack();
    await becomes('Ready', 'True Ready');
  });

  it('says which Role lacks the right to the Lease', async () => {
    stage.withoutRights('leases');
    await stage.replica();
    const told =
      /taking lease connectors-system\/connectors-proxy-service failed: .*the proxy's own Role in namespace \\"connectors-system\\" needs the rule .*leases/;
    await eventually('it is told', () => told.test(stage.log));
  });

  it('starts anew from what is there after a conflict and after an outage', async () => {
    stage.api.faults.add({ ...writes, count: 2, effect: { kind: 'status', code: 409 } });
    const replica = await stage.replica();
    await becomes('Ready', 'True Ready');
    assert.match(await replica.metrics.text(), /status_writes_total\{resource="connector\w+",outcome="conflict"\} /);
    await stage.api.goOffline();
    stage.put(connector('tool', 'https://elsewhere.example', { secret: 'login' }));
    await stage.api.goOnline();
    await eventually('the change is taken in', () => stage.status().observedGeneration === 2, 30_000);
    assert.equal(stage.condition('Ready'), 'True Ready');
  });
});
