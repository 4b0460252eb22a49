import assert from 'node:assert/strict';
import { createCa } from '../../../../src/proxy/certificates/certificate-authority.ts';
import { eventually } from '../../../support/poll.ts';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.ts';
import type { ConnectorStatus } from '../../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass, proxyService, secret } from '../../../support/proxy/manifests.ts';
import { credentialCanary } from '../../../support/proxy/proxy-fixture.ts';
import { started } from '../../../support/started.ts';

const url = 'http://connectors-proxy-service.connectors-system.svc.cluster.local';
const writes = { verb: 'patch', subresource: 'status' };

describe('the status that the proxy writes', function () {
  this.timeout(60_000);

  let fixture: ClusterFixture;
  const login = (name = 'login'): object =>
    secret(name, 'kubernetes.io/basic-auth', { username: 'robot', password: credentialCanary });

  beforeEach(async () => {
    fixture = started(await ClusterFixture.start());
    fixture.put(
      connectorClass('any', { proxy: { ref: proxyService } }),
      connector('tool', 'https://tool.example', { secret: 'login' }),
      login(),
    );
    fixture.bindCredentials('ci');
  });

  it('tells where the proxy is, how it is trusted and that all is well, once', async () => {
    const { authorityCertificate: CACerts } = await fixture.replica();
    await fixture.becomes('Ready', 'True Ready');
    const { proxy, observedGeneration, conditions = [] } = fixture.status();
    assert.deepEqual(proxy?.httpAddress, {
      url: `${url}/namespaces/ci/connectors/tool`,
      audience: 'connectors-proxy',
      CACerts,
    });
    assert.deepEqual(
      conditions.map(({ type, status }) => `${type} ${status}`),
      ['ConnectorClassReady True', 'SecretReady True', 'ProxyServiceReady True', 'AuthReady True', 'Ready True'],
    );
    for (const condition of conditions) {
      assert.equal(condition.observedGeneration, 1);
      assert.match(condition.lastTransitionTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }
    assert.equal(observedGeneration, 1);
    const ofClass = (): unknown => fixture.api.get('connectorclasses', { name: 'any' })?.['status'];
    await eventually('the class has it too', () => ofClass() !== undefined);
    const { proxy: ofProxy, conditions: ofClassConditions = [] } = ofClass() as ConnectorStatus;
    assert.deepEqual(ofProxy, { httpAddress: { url, audience: 'connectors-proxy', CACerts } });
    assert.deepEqual(
      ofClassConditions.map(({ type, status, reason }) => [type, status, reason]),
      ['ProxyReady', 'Ready'].map((type) => [type, 'True', 'Ready']),
    );

    // Its own changes come back to it, and what does not concern it, and are no reason to write.
    fixture.put(connector('other', 'https://other.example'));
    await fixture.becomes('Ready', 'True Ready', 'other');
    assert.equal(fixture.api.count({ ...writes, name: 'tool' }), 1);
    assert.equal(fixture.api.count({ ...writes, name: 'any' }), 1);
  });

  it('leaves Connectors of another proxy and of none alone, and what others write into its own', async () => {
    fixture.put(
      connectorClass('theirs', { proxy: { ref: { ...proxyService, name: 'another' } } }),
      connectorClass('none'),
      connector('theirs', 'https://theirs.example', { className: 'theirs' }),
      connector('none', 'https://none.example', { className: 'none' }),
      {
        ...connector('tool', 'https://tool.example', { secret: 'login' }),
        status: { api: { path: '/x' }, conditions: [{ type: 'Theirs', status: 'True' }] },
      },
    );
    await fixture.replica();
    await fixture.becomes('Ready', 'True Ready');
    for (const name of ['theirs', 'none']) assert.deepEqual(fixture.status(name), {});
    const status = fixture.status() as { readonly api?: object; readonly conditions?: readonly object[] };
    assert.deepEqual(status.api, { path: '/x' });
    assert.deepEqual(status.conditions?.[0], { type: 'Theirs', status: 'True' });
    const written = fixture.api.requestsOf(writes).map(({ name }) => name);
    assert.deepEqual([...new Set(written)].sort(), ['any', 'tool']);
  });

  it('says that a Secret cannot be called so, and does not ask for it', async () => {
    await fixture.replica();
    for (const name of ['..', '../../../../apis', 'a?b']) {
      fixture.put(connector('auth', 'https://tool.example', { secret: name }));
      fixture.put(connector('ca', 'https://tool.example', { caSecret: name }));
      await eventually(`it is told of ${name}`, () =>
        ['auth', 'ca'].every((each) => fixture.message('Ready', each).includes(JSON.stringify(name))),
      );
      assert.match(fixture.message('Ready', 'auth'), /^spec\.auth\.secretRef\.name ".*" must be a DNS-1123 name: /);
      assert.match(fixture.message('Ready', 'ca'), /^spec\.caCertSecretRef\.name ".*" must be a DNS-1123 name: /);
      assert.equal(fixture.condition('SecretReady', 'auth'), 'False Unusable');
      assert.equal(fixture.condition('CACertReady', 'ca'), 'False InvalidCACert');
      assert.equal(fixture.condition('SecretReady', 'ca'), 'True NotNeeded');
    }
    const asked = fixture.api.requestsOf({ resource: 'secrets', verb: 'get' }).map(({ name }) => name);
    assert.deepEqual(
      asked.filter((name) => name !== 'login'),
      [],
    );
  });

  it('says what is missing, with the fix, and follows the Connector when it is mended', async () => {
    fixture.put(connector('tool', 'https://tool.example', { secret: 'missing' }));
    await fixture.replica();
    await fixture.becomes('SecretReady', 'False Unusable');
    assert.equal(fixture.condition('Ready'), 'False Unusable');
    assert.match(fixture.message('Ready'), /^Secret ci\/missing does not exist/);
    fixture.put(connector('tool', 'https://tool.example', { secret: 'login' }));
    await fixture.becomes('Ready', 'True Ready');
    assert.equal(fixture.status().observedGeneration, 3);
    fixture.put(connector('tool', 'ftp://tool.example', { secret: 'login' }));
    await fixture.becomes('Ready', 'False NoAddress');
    const extensions = Array.from({ length: 64 }, (_, at) => `https://tool-${at}.example`);
    fixture.put(connector('tool', 'https://tool.example', { secret: 'login', extensions }));
    await fixture.becomes('Ready', 'False TooManyAddresses');
    assert.match(fixture.message('Ready'), /are 65 addresses, and at most 64 are allowed: leave some out/);
    fixture.put(connector('tool', 'http://connectors-proxy-service.connectors-system.svc/x', { secret: 'login' }));
    await fixture.becomes('Ready', 'False AddressOfProxy');
    assert.match(
      fixture.message('Ready'),
      /connectors-proxy-service\.connectors-system\.svc:80 is this proxy itself: set it/,
    );
    const auth = { types: [{ name: 'basicAuth', secretType: 'kubernetes.io/basic-auth' }] };
    fixture.put(connectorClass('typed', { proxy: { ref: proxyService }, auth }));
    const typed = { secret: 'login', className: 'typed' };
    fixture.put(connector('tool', 'https://tool.example', { ...typed, auth: 'basicAuht' }));
    await fixture.becomes('Ready', 'False UnknownAuth');
    assert.match(fixture.message('Ready'), /^spec\.auth\.name "basicAuht" is no entry of .* typed: write basicAuth$/);
    fixture.put(connector('tool', 'https://tool.example', { ...typed, auth: 'basicAuth' }));
    await fixture.becomes('Ready', 'True Ready');
  });

  it('says of a Connector without a Secret whether its class could have one', async () => {
    const types = [{ name: 'basicAuth', secretType: 'kubernetes.io/basic-auth', optional: true }];
    fixture.put(
      connectorClass('optional', { proxy: { ref: proxyService }, auth: { types } }),
      connector('optional', 'https://tool.example', { className: 'optional' }),
      connector('none', 'https://tool.example'),
      connector('probed', 'https://tool.example', { className: 'optional', secret: 'login' }),
    );
    await fixture.replica();
    for (const name of ['optional', 'none', 'probed']) await fixture.becomes('Ready', 'True Ready', name);
    assert.equal(fixture.condition('SecretReady', 'optional'), 'True SecretOptional');
    assert.equal(fixture.condition('SecretReady', 'none'), 'True NotNeeded');
    assert.equal(fixture.condition('SecretReady', 'probed'), 'True Ready');
    assert.equal(fixture.condition('AuthReady', 'optional'), '');
    assert.equal(fixture.condition('AuthReady', 'probed'), 'True NonAuthProbe');
  });

  it('says where rules are broken, of the Connector or its class, and leaves the credential its own condition', async () => {
    const tool = (rules: Record<string, string>): object =>
      connector('tool', 'https://tool.example', { secret: 'login', rules });
    fixture.put(tool({ rules: '- deny: {paths: [/x]}' }));
    await fixture.replica();
    await fixture.becomes('Ready', 'True Ready');
    fixture.put(tool({ rules: '- deny: {paths: [x]}' }));
    await fixture.becomes('Ready', 'False BrokenRules');
    assert.equal(
      fixture.message('Ready'),
      'rules of connector ci/tool are broken: annotation connectors.alauda.io/rules, line 1, column 18: path "x" must begin with /',
    );
    assert.equal(fixture.condition('SecretReady'), 'True Ready');
    fixture.put(tool({ access: 'read-only' }));
    await fixture.becomes('Ready', 'True Ready');
    fixture.put(connectorClass('any', { proxy: { ref: proxyService } }, { access: 'readonly' }));
    await fixture.becomes('Ready', 'False BrokenRules');
    assert.match(
      fixture.message('Ready'),
      /^rules of connectorclass any are broken: annotation connectors\.alauda\.io\/access is "readonly": write full/,
    );
    fixture.put(tool({ access: 'full' }));
    await fixture.becomes('Ready', 'True Ready');
  });

  it('says where a generator of the class is wrong, and that one in Rego is not run', async () => {
    const withGenerator = (generator: object): object =>
      connectorClass('any', { proxy: { ref: proxyService }, auth: { types: [{ name: 'own', generator }] } });
    fixture.put(
      secret('login', 'Opaque', { token: credentialCanary }),
      connector('tool', 'https://tool.example', { secret: 'login', auth: 'own' }),
      withGenerator({ cel: '{"headers": {"X-Key": secret.token}}' }),
    );
    await fixture.replica();
    await fixture.becomes('Ready', 'True Ready');
    fixture.put(withGenerator({ cel: '{"headers": {\n  "X-Key": }}' }));
    await fixture.becomes('Ready', 'False BrokenGenerator');
    assert.equal(
      fixture.message('Ready'),
      'connectorclass any: generator.cel of auth type "own": line 2, column 12: unexpected "}" (connector ci/tool)',
    );
    fixture.put(withGenerator({ cel: '{"headers": {"X-Key": secret.key}}' }));
    await fixture.becomes('Ready', 'False Unusable');
    assert.match(fixture.message('Ready'), /^Secret ci\/login has no key, which connectorclass any: generator\.cel/);
    fixture.put(withGenerator({ cel: '{"headers": {"X-Key": request.query.size() > 5 ? secret.key : secret.token}}' }));
    await fixture.becomes('Ready', 'True Ready');
    fixture.put(withGenerator({ rego: 'auth = {"position": "query", "auth": {"key": input.data.token}}' }));
    await fixture.becomes('Ready', 'False UnsupportedGenerator');
    assert.match(fixture.message('Ready'), /is not run: add generator\.cel with the same result \(docs\//);
  });

  it('tells of a class that has been deleted, and takes it back when it is there again', async () => {
    await fixture.replica();
    await fixture.becomes('Ready', 'True Ready');
    fixture.put(connectorClass('also', { proxy: { ref: { ...proxyService, name: 'another' } } }));
    fixture.api.delete('connectorclasses', { name: 'any' });
    await fixture.becomes('ConnectorClassReady', 'False NotFound');
    assert.equal(
      fixture.message('Ready'),
      'connectorclass any does not exist: create it, or change spec.connectorClassName to one that exists (also)',
    );
    fixture.put(connectorClass('any', { proxy: { ref: proxyService } }));
    await fixture.becomes('Ready', 'True Ready');
  });

  it('tells of the mistyped class of a new Connector, which gets an address with its class', async () => {
    fixture.put(connector('typo', 'https://tool.example', { secret: 'login', className: 'ani' }));
    await fixture.replica();
    await fixture.becomes('ConnectorClassReady', 'False NotFound', 'typo');
    assert.equal(
      fixture.message('Ready', 'typo'),
      'connectorclass ani does not exist: create it, or change spec.connectorClassName to one that exists (any)',
    );
    assert.equal(fixture.status('typo').proxy, undefined);
    fixture.put(connectorClass('ani', { proxy: { ref: proxyService } }));
    await fixture.becomes('Ready', 'True Ready', 'typo');
    assert.equal(fixture.status('typo').proxy?.httpAddress.url, `${url}/namespaces/ci/connectors/typo`);
  });

  it('publishes certificates only of a CA whose Secret has the private key next to them', async () => {
    const { certificate, key } = createCa({ now: Date.now });
    const metadata = { namespace: 'connectors-system' };
    const data = { 'tls.crt': certificate + key.expose(), 'tls.key': key.expose() };
    fixture.put(secret('connectors-proxy-ca', 'kubernetes.io/tls', data, metadata));
    await fixture.replica();
    await fixture.becomes('Ready', 'True Ready');
    assert.equal(fixture.status().proxy?.httpAddress.CACerts, certificate);
    const ofClass = (): unknown => fixture.api.get('connectorclasses', { name: 'any' })?.['status'];
    await eventually('the class has it too', () => ofClass() !== undefined);
    const httpAddress = { url, audience: 'connectors-proxy', CACerts: certificate };
    assert.deepEqual((ofClass() as ConnectorStatus).proxy, { httpAddress });
  });

  it('follows a change of the CA', async () => {
    const replica = await fixture.replica();
    await fixture.becomes('Ready', 'True Ready');
    const before = replica.authorityCertificate;
    fixture.api.delete('secrets', { namespace: 'connectors-system', name: 'connectors-proxy-ca' });
    await eventually('another CA is told of', () => {
      const now = fixture.status().proxy?.httpAddress.CACerts;
      return now !== before && now === replica.authorityCertificate;
    });
  });

  it('says that it may not write, counts it, and serves all the same', async () => {
    const giveBack = fixture.withoutRights('connectors/status');
    const replica = await fixture.replica();
    await eventually('it has tried', async () =>
      (await replica.metrics.text()).includes('status_writes_total{resource="connectors",outcome="forbidden"} '),
    );
    assert.match(
      fixture.log,
      /writing the status of connector ci\/tool failed: .*the proxy's own ClusterRole needs the rule .*connectors\/status/,
    );
    assert.equal(replica.notReadyReason(), undefined);
    giveBack();
    await fixture.becomes('Ready', 'True Ready');
  });

  it('says which Role lacks the right to the Lease', async () => {
    fixture.withoutRights('leases');
    await fixture.replica();
    const told =
      /taking lease connectors-system\/connectors-proxy-service failed: .*the proxy's own Role in namespace \\"connectors-system\\" needs the rule .*leases/;
    await eventually('it is told', () => told.test(fixture.log));
  });

  it('starts anew from what is there after a conflict and after an outage', async () => {
    fixture.api.faults.add({ ...writes, count: 2, effect: { kind: 'status', code: 409 } });
    const replica = await fixture.replica();
    await fixture.becomes('Ready', 'True Ready');
    assert.match(await replica.metrics.text(), /status_writes_total\{resource="connector\w+",outcome="conflict"\} /);
    await fixture.api.goOffline();
    fixture.put(connector('tool', 'https://elsewhere.example', { secret: 'login' }));
    await fixture.api.goOnline();
    await eventually('the change is taken in', () => fixture.status().observedGeneration === 2, 30_000);
    assert.equal(fixture.condition('Ready'), 'True Ready');
  });
});
