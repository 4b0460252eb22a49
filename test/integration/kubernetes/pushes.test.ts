import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { needsHelm } from '../../support/deploy/helm.ts';
import { removeInstallation } from '../../support/deploy/installation.ts';
import type { Manifest } from '../../support/deploy/manifests.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { copyFiles } from '../../support/e2e/activation.ts';
import { DockerRegistry } from '../../support/e2e/docker-registry.ts';
import { serviceName } from '../../support/e2e/flow-fixture.ts';
import { hostNames, needsKnownPorts, otherAddress, ownAddress } from '../../support/e2e/host-names.ts';
import { containersEnvironment, needsRootForContainers, runTask } from '../../support/e2e/programs.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';
import { imagePolicy } from '../../support/e2e/tekton-step.ts';
import type { PodVolume } from '../../support/kubelet/pod-volume.ts';
import { InstalledPrograms, login, toolHost } from '../../support/kubernetes/installed-programs.ts';
import { sharedControlPlane } from '../../support/kubernetes/shared-control-plane.ts';
import { eventually } from '../../support/poll.ts';
import { connector, grant, secret } from '../../support/proxy/manifests.ts';

const attributes = { connectors: 'hub' };
const addresses = [ownAddress, otherAddress] as const;

/** The whole way of an image: two replicas with the rights of the chart, and files that the driver has mounted. */
describe('a pod that pushes with buildah, with a real API server', function () {
  this.timeout(180_000);
  before(needs('buildah', 'netavark', 'docker-registry', 'curl'));
  before(needsRootForContainers);
  before(needsHelm);
  before(needsKnownPorts);
  const plane = sharedControlPlane();
  const [role, binding] = grant('pusher', ['hub']) as readonly [Manifest, Manifest];
  let installed: InstalledPrograms;
  let registry: DockerRegistry;
  let volume: TestVolume;
  let mounted: PodVolume;

  before(async () => {
    installed = await InstalledPrograms.start(plane(), { addresses });
    registry = await DockerRegistry.start({ directory: file('registry'), host: toolHost, auth: login });
    mkdirSync(file('image'));
    writeFileSync(file('image/Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    writeFileSync(file('policy.json'), imagePolicy);
    await installed.put(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'ci', name: 'pusher' } },
      ...[secret('hub', 'cpaas.io/distribution-registry-token', login), hub(), role, binding],
    );
    volume = await installed.createPod('push-1', attributes, 'pusher');
    mounted = installed.kubelet.run(volume, attributes);
    await installed.kubelet.untilAllPublished();
  });
  after(async () => {
    // Absent where the suite was skipped.
    (registry as DockerRegistry | undefined)?.stop();
    await (installed as InstalledPrograms | undefined)?.stop();
    await removeInstallation(plane());
  });

  const file = (name: string): string => installed.file(name);
  const hub = (rules = {}): object =>
    connector('hub', registry.url, { className: 'oci', secret: 'hub', caSecret: 'tool-ca', rules });

  /** What a program of the pod prints. */
  async function run(script: string, replica = 0, folder = volume.target): Promise<string> {
    const names = { [addresses[replica] ?? '']: [serviceName], '127.0.0.1': ['localhost'] };
    const through = hostNames(file(`hosts-of-pods-${replica}`), names);
    const env = { ...containersEnvironment(installed.work), CONNECTORS_DIR: folder };
    const { output } = await runTask(folder, `. ./activate\n${script}`, env, through);
    return output;
  }
  const buildah = (command: string, rest: string): string =>
    `buildah ${command} -q --signature-policy ${file('policy.json')} ${rest}`;
  const push = (): string => buildah('push', `--retry 0 app docker://${registry.address}/team/app:1`);

  /** Waits until the program prints that. */
  async function prints(expected: RegExp, script = push()): Promise<void> {
    let printed = '';
    await eventually(
      () => `${expected.source}: ${printed}`,
      async () => expected.test((printed = await run(script))),
    );
  }

  it('needs nothing but the volume, which has no credential', async () => {
    await run(buildah('bud', `--tag app ${file('image')}`));
    assert.equal(await run(push()), '');
    assert.ok(registry.served.includes('PUT /v2/team/app/manifests/1'));
    assert.ok(!Object.values(volume.read()).some((text) => text.includes(login.password)));
  });

  it('is denied while the Connector permits only reads', async () => {
    await installed.put(hub({ access: 'read-only' }));
    await prints(/connector ci\/hub is read-only/);
    await installed.put(hub());
    await prints(/^$/);
  });

  it('is denied once its account has lost the RoleBinding', async () => {
    await plane().admin.remove(binding);
    // The proxy remembers its decision for ten seconds.
    await prints(/403/, `curl -sS ${registry.url}/v2/ 2>&1`);
    assert.match(await run(push()), /cannot use connector ci\/hub/);
    await installed.put(binding);
  });

  it('is gone with its volume, and its token is worth nothing then', async () => {
    const { served } = registry;
    copyFiles(volume.target, file('kept'));
    await installed.kubelet.end(mounted);
    assert.ok(!volume.isMounted());
    const { code, text } = await plane().admin.request({
      ...{ method: 'DELETE', path: '/api/v1/namespaces/ci/pods/push-1?gracePeriodSeconds=0' },
    });
    assert.equal(code, 200, text);
    // Of a replica that has not seen it before.
    assert.match(await run(push(), 1, file('kept')), /Proxy Authentication Required: token rejected/);
    assert.deepEqual(registry.served, served);
  });
});
