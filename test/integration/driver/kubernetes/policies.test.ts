import assert from 'node:assert/strict';
import { denials } from '../../../support/deploy/admission-policy.ts';
import { chartFile } from '../../../support/deploy/manifests.ts';
import { Cluster } from '../../../support/driver/cluster.ts';
import { flagsConfigMap } from '../../../support/driver/manifests.ts';
import { rawRequest } from '../../../support/kube-api/raw-request.ts';
import { eventually } from '../../../support/poll.ts';
import { driverAccount, driverUser } from '../../../support/driver/driver-account.ts';
import { started } from '../../../support/started.ts';

const options = ['token-minting', 'approval'] as const;

/** As a cluster of Kubernetes 1.30 would: the policies of all options, and the claim of the driver's node. */
function enforce(cluster: Cluster): void {
  const policies = options
    .flatMap((option) => chartFile(`policies/${option}`))
    .filter(({ kind }) => kind === 'ValidatingAdmissionPolicy')
    // The conditions recognize the driver by its permissions.
    .map((policy) => ({ ...policy, spec: { ...(policy['spec'] as object), matchConditions: [] } }));
  const extra = { 'authentication.kubernetes.io/node-name': ['node-1'] };
  cluster.api.admit(({ verb, group, resource, subresource }, { name }, object) => {
    if (verb !== 'create' || name !== driverUser) return undefined;
    const whole = subresource === '' ? resource : `${resource}/${subresource}`;
    const request = { operation: 'CREATE' as const, group, resource: whole, username: name, extra, object };
    return policies.flatMap((policy) => denials(policy, request))[0];
  });
}

describe('where policies confine the driver’s permissions', () => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = started(await Cluster.start());
    enforce(cluster);
    for (const option of options) cluster.grantDriver(option);
  });

  it('the driver mints the tokens that volumes ask for', async () => {
    const volume = cluster.node.volume();
    cluster.putPod(volume);
    const driver = await cluster.readyDriver({ flags: ['--allow-token-minting'] });
    await driver.kubelet.publishVolume(volume, { attributes: { connectors: 'harbor', 'token.expiration': '24h' } });
    assert.notEqual(volume.read()['context.token'], volume.token);
  });

  it('the driver asks for approvals', async () => {
    cluster.put(flagsConfigMap({ 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' }));
    const driver = await cluster.readyDriver({ flags: ['--approval-wait', '1s'] });
    const published = driver.kubelet.publishVolume(cluster.node.volume()).catch(() => undefined);
    await eventually(
      'the request is there',
      () => cluster.api.count({ verb: 'create', resource: 'accessrequests' }) === 1,
    );
    await published;
    assert.equal(cluster.api.list('accessrequests').length, 1);
  });

  it('who has stolen its token mints none for the API server', async () => {
    const volume = cluster.node.volume();
    cluster.putPod(volume);
    const { token } = cluster.api.identities.issueServiceAccount(driverAccount);
    const answer = await rawRequest(cluster.api, {
      method: 'POST',
      path: '/api/v1/namespaces/ci/serviceaccounts/builder/token',
      token,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } },
    });
    assert.equal(answer.code, 422);
    assert.match(answer.text, /for the Connectors proxy's audience only/);
  });
});
