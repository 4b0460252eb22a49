import assert from 'node:assert/strict';
import { eventually } from '../../../support/poll.ts';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass, proxyService, secret } from '../../../support/proxy/manifests.ts';
import { credentialCanary, robotLogin } from '../../../support/proxy/proxy-fixture.ts';
import { ToolServer, toolAuthority } from '../../../support/proxy/tool-server.ts';
import { started } from '../../../support/started.ts';

describe('the CA of a Connector', function () {
  this.timeout(90_000);

  let tool: ToolServer;
  let fixture: ClusterFixture;
  const ca = (text: string): void => fixture.put(secret('tool-ca', 'Opaque', { 'ca.crt': text }));

  beforeEach(async () => {
    tool = started(await ToolServer.start('https'));
    fixture = started(await ClusterFixture.start());
    fixture.put(
      robotLogin,
      connectorClass('any', { proxy: { ref: proxyService }, livenessProbe: { http: { path: '/' } } }),
      connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca' }),
    );
    fixture.bindCredentials('ci');
  });

  it('has a condition of its own, which follows its Secret', async () => {
    await fixture.replica();
    await fixture.becomes('CACertReady', 'False CACertSecretNotFound');
    assert.equal(fixture.condition('Ready'), 'False CACertSecretNotFound');
    const problem = 'Secret ci/tool-ca of spec.caCertSecretRef does not exist (connector ci/tool)';
    assert.equal(fixture.message('Ready'), `${problem}: it has to hold the certificate of the CA`);
    assert.equal(fixture.condition('SecretReady'), 'True Ready');
    assert.equal(fixture.condition('LivenessReady'), '', 'the tool cannot be verified, so it is not probed');
    ca(`password ${credentialCanary}`);
    await fixture.becomes('CACertReady', 'False InvalidCACert');
    assert.match(fixture.message('CACertReady'), /holds no certificate in PEM/);
    ca(`-----BEGIN CERTIFICATE-----\n${Buffer.from('no certificate').toString('base64')}\n-----END CERTIFICATE-----\n`);
    await eventually('it is read', () => fixture.api.count({ resource: 'secrets', verb: 'get', name: 'tool-ca' }) > 2);
    await fixture.becomes('CACertReady', 'False InvalidCACert');
    ca(toolAuthority.certificate);
    await fixture.becomes('Ready', 'True Ready');
    assert.equal(fixture.condition('CACertReady'), 'True Ready');
    assert.equal(fixture.condition('LivenessReady'), 'True Answered');
    assert.deepEqual(
      fixture.status().conditions?.map(({ type }) => type),
      [
        ...['ConnectorClassReady', 'CACertReady', 'SecretReady', 'ProxyServiceReady'],
        ...['LivenessReady', 'AuthReady', 'Ready'],
      ],
    );
    fixture.put(connector('tool', tool.url(), { secret: 'login' }));
    await fixture.becomes('LivenessReady', 'False Unreachable');
    assert.equal(fixture.condition('CACertReady'), '', 'without a CA there is no condition of it');
  });

  it('that cannot be read shows the RoleBinding', async () => {
    fixture.put({ ...connector('tool', tool.url(), { namespace: 'far', caSecret: 'tool-ca' }) });
    await fixture.replica();
    const far = (): string =>
      JSON.stringify(fixture.api.get('connectors', { namespace: 'far', name: 'tool' })?.['status'] ?? {});
    await eventually('it is told', () => far().includes('"Ready"'));
    assert.match(far(), /"type":"CACertReady","status":"False","reason":"Unreadable","message":"[^"]*bind its service/);
    assert.match(far(), /"type":"SecretReady","status":"True","reason":"NotNeeded"/);
  });
});
