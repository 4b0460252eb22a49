import assert from 'node:assert/strict';
import { driverBindings } from '../../../support/access/driver-rules.js';
import type { StoredObject } from '../../../support/kube-api/resources.js';
import { eventually } from '../../../support/poll.js';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.js';
import { connector, connectorClass, proxyService, secret } from '../../../support/proxy/manifests.js';
import { credentialCanary } from '../../../support/proxy/proxy-fixture.js';
import { ToolServer, toolAuthority } from '../../../support/proxy/tool-server.js';

const serviceAccount = 'connectors-system/connectors-proxy';
const flags = ['--connector-events'];

interface ConnectorEvent extends StoredObject {
  readonly reason: string;
  readonly note: string;
}

describe('events on a Connector', function () {
  this.timeout(120_000);

  let tool: ToolServer;
  let fixture: ClusterFixture;
  const ca = (text: string): void => fixture.put(secret('tool-ca', 'Opaque', { 'ca.crt': text }));
  const events = (): readonly ConnectorEvent[] => fixture.api.list('events') as unknown as readonly ConnectorEvent[];
  const reasons = (): readonly string[] => events().map(({ reason }) => reason);
  const told = (count: number): Promise<void> => eventually(`${count} events`, () => events().length >= count, 40_000);
  /** Until the CA has been checked again some times. */
  const checked = async (times: number): Promise<void> => {
    const reads = (): number => fixture.api.count({ resource: 'secrets', verb: 'get', name: 'tool-ca' });
    const before = reads();
    await eventually('it is checked again', () => reads() >= before + times, 40_000);
  };
  const outcomes = async (outcome: string): Promise<number> => {
    const texts = await Promise.all(fixture.replicas.map(({ metrics }) => metrics.text()));
    const pattern = new RegExp(`^connectors_proxy_connector_events_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm');
    return texts.reduce((sum, text) => sum + Number(pattern.exec(text)?.[1] ?? 0), 0);
  };
  const grant = (): void => {
    for (const binding of driverBindings('components/proxy-events/rbac.yaml', { serviceAccount }))
      fixture.api.bind(binding);
  };

  beforeEach(async () => {
    tool = await ToolServer.start('https');
    fixture = await ClusterFixture.start();
    // Another holder of the Lease would report the problems again.
    fixture.statusTimings = { ...fixture.statusTimings, durationMs: 60_000, renewDeadlineMs: 50_000 };
    fixture.put(
      connectorClass('any', { proxy: { ref: proxyService }, livenessProbe: { http: { path: '/' } } }),
      connector('tool', tool.url(), { caSecret: 'tool-ca' }),
    );
    fixture.bindCredentials('ci');
  });
  afterEach(async () => {
    await fixture.stop();
    await tool.stop();
  });

  it('tell once that its CA does not exist, or cannot be used, and nothing when that is mended', async () => {
    grant();
    await fixture.replica({ flags });
    await fixture.replica({ flags });
    await told(1);
    const [missing] = events();
    const { uid } = fixture.api.get('connectors', { namespace: 'ci', name: 'tool' })!.metadata;
    const { apiVersion } = connector('tool', tool.url()) as { readonly apiVersion: string };
    assert.deepEqual(missing!['regarding'], { apiVersion, kind: 'Connector', namespace: 'ci', name: 'tool', uid });
    assert.deepEqual(
      [missing!.metadata.namespace, missing!.reason, missing!['type'], missing!['action']],
      ['ci', 'CACertSecretNotFound', 'Warning', 'Check'],
    );
    assert.equal(missing!['reportingController'], 'connectors-proxy');
    assert.match(missing!.metadata.name, /^tool\.[0-9a-f]{16}$/);
    assert.equal(missing!.note, fixture.message('CACertReady'));
    assert.match(missing!.note, /^Secret ci\/tool-ca of spec\.caCertSecretRef does not exist/);
    await checked(4);
    assert.deepEqual(reasons(), ['CACertSecretNotFound']);

    ca(`password ${credentialCanary}`);
    await told(2);
    assert.equal(fixture.condition('CACertReady'), 'False InvalidCACert');
    const invalid = events().find(({ reason }) => reason === 'InvalidCACert')!;
    assert.equal(invalid.note, fixture.message('CACertReady'));
    await checked(4);
    assert.equal(events().length, 2);

    ca(toolAuthority.certificate);
    await fixture.becomes('Ready', 'True Ready');
    // Another Connector's event comes after all that this one could have had.
    fixture.put(connector('other', tool.url(), { caSecret: 'no-such-ca' }));
    await told(3);
    assert.deepEqual([...reasons()].sort(), ['CACertSecretNotFound', 'CACertSecretNotFound', 'InvalidCACert']);
    assert.equal(events().filter(({ metadata }) => metadata.name.startsWith('tool.')).length, 2);

    fixture.api.delete('secrets', { namespace: 'ci', name: 'tool-ca' });
    fixture.put(connector('tool', tool.url('/changed'), { caSecret: 'tool-ca' }));
    await told(4);
    assert.equal(events().filter(({ metadata }) => metadata.name.startsWith('tool.')).length, 3);
    await eventually('all are counted', async () => (await outcomes('written')) === 4);
    assert.ok(!JSON.stringify(events()).includes(credentialCanary));
  });

  it('that may not be written are one warning with the rule, and the status goes on', async () => {
    await fixture.replica({ flags });
    await fixture.becomes('CACertReady', 'False CACertSecretNotFound');
    await eventually('it is refused twice', async () => (await outcomes('failed')) >= 2, 40_000);
    ca(toolAuthority.certificate);
    await fixture.becomes('Ready', 'True Ready');
    const lines = fixture.log.split('\n').filter((line) => line.includes('Failed to write event on Connector'));
    const warnings = lines.filter((line) => !line.includes('"level":"debug"'));
    assert.equal(warnings.length, 1, lines.join('\n'));
    assert.match(warnings[0]!, /"level":"warn"/);
    assert.match(warnings[0]!, /writing an event about connector ci\/tool failed: .* ClusterRole needs the rule - \{/);
    assert.match(warnings[0]!, /events\.k8s\.io/);
    assert.equal(events().length, 0);
  });

  it('are none without the flag', async () => {
    grant();
    await fixture.replica();
    await fixture.becomes('CACertReady', 'False CACertSecretNotFound');
    await checked(3);
    assert.equal(fixture.api.count({ resource: 'events' }), 0);
  });
});
