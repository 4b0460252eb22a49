import assert from 'node:assert/strict';
import { createCa } from '../../../../src/proxy/certificates/certificate-authority.ts';
import { caConfigMapName } from '../../../../src/proxy/status/ca-config-map.ts';
import { bindingsFor } from '../../../support/access/driver-rules.ts';
import { eventually } from '../../../support/poll.ts';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.ts';
import { secret } from '../../../support/proxy/manifests.ts';
import { started } from '../../../support/started.ts';

const flags = ['--publish-ca-config-map'];
const serviceAccount = 'connectors-system/connectors-proxy';
const namespace = 'connectors-system';

describe('the CA as a ConfigMap', () => {
  let fixture: ClusterFixture;
  beforeEach(async () => void (fixture = started(await ClusterFixture.start())));

  const allow = (): void => {
    for (const binding of bindingsFor('image-pulls', { serviceAccount })) {
      fixture.api.bind(binding);
    }
  };
  const published = (): unknown => fixture.api.get('configmaps', { namespace, name: caConfigMapName })?.['data'];
  const authority = (): string => fixture.replicas[0]!.authorityCertificate;

  it('is published with the permissions of its role, without the key, and follows the CA', async () => {
    allow();
    await fixture.replica({ flags });
    await eventually('it is there', () => published() !== undefined);
    assert.deepEqual(published(), { 'ca.crt': authority() });
    const [first, second] = [createCa({ now: Date.now }), createCa({ now: Date.now })];
    const both = `${first.certificate}${second.certificate}`;
    const data = { 'tls.crt': `${both}${first.key.expose()}`, 'tls.key': first.key.expose() };
    fixture.put(secret('connectors-proxy-ca', 'kubernetes.io/tls', data, { namespace }));
    await eventually('it has both', () => (published() as { 'ca.crt': string })['ca.crt'].trim() === both.trim());
  });

  it('is not published without permission, and the log has the rule', async () => {
    await fixture.replica({ flags });
    await eventually('the failure is logged', () => fixture.log.includes('Failed to publish CA'));
    assert.match(fixture.log, /Role in namespace .{0,2}connectors-system.{0,2} needs the rule .*configmaps/);
    assert.equal(published(), undefined);
  });
});
