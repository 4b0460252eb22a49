import assert from 'node:assert/strict';
import { trustBundleName, trustBundleSigner } from '../../../../src/proxy/status/trust-bundle.js';
import { createCa } from '../../../../src/proxy/certificates/certificate-authority.js';
import { driverBindings } from '../../../support/access/driver-rules.js';
import { eventually } from '../../../support/poll.js';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.js';
import { secret } from '../../../support/proxy/manifests.js';

const flags = ['--publish-trust-bundle'];
const serviceAccount = 'connectors-system/connectors-proxy';

describe('the CA as a ClusterTrustBundle', () => {
  let fixture: ClusterFixture;
  beforeEach(async () => void (fixture = await ClusterFixture.start()));
  afterEach(() => fixture.stop());

  const allow = (): void => {
    for (const binding of driverBindings('components/trust-bundle/rbac.yaml', { serviceAccount })) {
      fixture.api.bind(binding);
    }
  };
  const published = (): unknown => fixture.api.get('clustertrustbundles', { name: trustBundleName })?.['spec'];
  const authority = (): string => fixture.replicas[0]!.authorityCertificate;

  it('is published with the permissions of the component, also where the API server has an older version', async () => {
    allow();
    await fixture.replica({ flags });
    await eventually('it is there', () => published() !== undefined);
    assert.deepEqual(published(), { signerName: trustBundleSigner, trustBundle: authority() });
    assert.ok(trustBundleName.startsWith(`${trustBundleSigner.replace('/', ':')}:`));
  });

  it('follows the CA, with all certificates of a rotation', async () => {
    allow();
    await fixture.replica({ flags });
    await eventually('it is there', () => published() !== undefined);
    const [first, second] = [createCa({ now: Date.now }), createCa({ now: Date.now })];
    const both = `${first.certificate}${second.certificate}`;
    fixture.put(
      secret(
        'connectors-proxy-ca',
        'kubernetes.io/tls',
        { 'tls.crt': both, 'tls.key': first.key.expose() },
        { namespace: 'connectors-system' },
      ),
    );
    await eventually('it has both', () => (published() as { trustBundle: string }).trustBundle === both);
  });

  it('is not published without permission, and the log has the rule', async () => {
    await fixture.replica({ flags });
    await eventually('the failure is logged', () => fixture.log.includes('Failed to publish CA'));
    assert.match(fixture.log, /clustertrustbundles/);
    assert.equal(published(), undefined);
  });

  it('names the verb on the signer where the API server does not let the proxy attest for it', async () => {
    allow();
    // As the admission plugin ClusterTrustBundleAttest words it.
    const message = `clustertrustbundles.certificates.k8s.io "${trustBundleName}" is forbidden: user not permitted to attest for signerName "${trustBundleSigner}"`;
    const effect = { kind: 'status', code: 403, reason: 'Forbidden', message } as const;
    fixture.api.faults.add({ resource: 'clustertrustbundles', verb: 'create', effect });
    await fixture.replica({ flags });
    await eventually('the failure is logged', () => fixture.log.includes('Failed to publish CA'));
    assert.ok(
      fixture.log.includes(
        JSON.stringify(
          `needs the verb "attest" on the signer: - {apiGroups: ["certificates.k8s.io"], resources: ["signers"], resourceNames: ["${trustBundleSigner}"], verbs: ["attest"]}`,
        ).slice(1, -1),
      ),
      fixture.log,
    );
    assert.equal(published(), undefined);
  });
});
