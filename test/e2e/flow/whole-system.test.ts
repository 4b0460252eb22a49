import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { DockerRegistry } from '../../support/e2e/docker-registry.ts';
import { serviceName, toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { needsKnownPorts } from '../../support/e2e/host-names.ts';
import { containersEnvironment, needsRootForContainers } from '../../support/e2e/programs.ts';
import { eventually } from '../../support/poll.ts';
import { secret } from '../../support/proxy/manifests.ts';

const host = 'hub.test';
const programs = ['curl', 'buildah', 'skopeo', 'netavark', 'docker-registry'];

describe('a Secret and a Connector, and nothing that anybody does by hand', function () {
  this.timeout(300_000);
  let registry: DockerRegistry;
  let volume: TestVolume;
  before(needsRootForContainers);
  before(needsKnownPorts);
  const use = useFlowFixture({ hosts: [host], isAtService: true }, programs, async (fixture) => {
    const auth = { username: 'robot', password: toolPassword };
    registry = await DockerRegistry.start({ directory: path.join(fixture.work, 'hub'), host, auth });
    fixture.onStop(() => registry.stop());
    const folder = path.join(fixture.work, 'image');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    writeFileSync(path.join(folder, 'policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    fixture.useClass('oci');
    fixture.allow(['hub']);
    fixture.put(loginWith(toolPassword));
    fixture.connect('hub', registry.url, { className: 'oci', auth: 'tokenAuth', secret: 'hub' });
  });

  const loginWith = (password: string): object =>
    secret('hub', 'cpaas.io/distribution-registry-token', { username: 'robot', password });

  const becomes = (type: string, expected: string): Promise<void> =>
    eventually(
      () => `${type} is ${expected}: ${use.fixture.condition('hub', type).is}`,
      () => use.fixture.condition('hub', type).is === expected,
      120_000,
    );
  const task = (script: string): Promise<string> =>
    use.fixture.task(
      volume,
      `mkdir -p $HOME/ca; cp ca.crt $HOME/ca\n${script}`,
      containersEnvironment(use.fixture.work),
    );
  const inspect = (): string =>
    `skopeo inspect --cert-dir $HOME/ca --format '{{.Digest}}' docker://${registry.address}/team/app:1`;

  it('become ready', async () => {
    await becomes('Ready', 'True Ready');
    const { api } = use.fixture;
    const status = api.get('connectors', { namespace: 'ci', name: 'hub' })?.['status'];
    assert.ok(JSON.stringify(status).includes(`"http://${serviceName}/namespaces/ci/connectors/hub"`));
    const writers = api.requests.filter(({ resource, verb }) => resource.startsWith('connector') && verb === 'patch');
    assert.ok(
      writers.length >= 2 && writers.every(({ user, subresource }) => user === 'proxy' && subresource === 'status'),
    );
    assert.equal(api.list('leases').length, 1);
  });

  it('lead programs to the address that the volume has', async () => {
    volume = await use.fixture.volume({ attributes: { connectors: 'hub' } });
    const files = volume.read();
    assert.match(files['.env'] ?? '', new RegExp(`^https_proxy=http://ci%2Fhub:[^@]+@${serviceName}:80$`, 'm'));
    const [storage, policy] = ['--root $HOME/b --runroot $HOME/b-run', '--signature-policy $HOME/image/policy.json'];
    await task(`buildah ${storage} bud -q ${policy} --tag built $HOME/image
      buildah ${storage} push -q ${policy} --cert-dir $HOME/ca built docker://${registry.address}/team/app:1`);
    assert.ok(registry.served.includes('PUT /v2/team/app/manifests/1'));
    assert.match(await task(inspect()), /^sha256:[0-9a-f]{64}\n$/);
    const tags = '{"name":"team/app","tags":["1"]}\n';
    assert.equal(await task(`curl -sSf --cacert ca.crt ${registry.url}/v2/team/app/tags/list`), tags);
    // And without being told of a proxy.
    const reverse = `unset http_proxy https_proxy
      curl -sSf --oauth2-bearer "$(cat context.token)" "$(cat connector.status.proxyAddress)/v2/team/app/tags/list"`;
    assert.equal(await task(reverse), tags);
  });

  it('tell of a wrong password, and of the right one', async () => {
    use.fixture.put(loginWith('wrong'));
    const environment = containersEnvironment(use.fixture.work);
    await eventually('it fails', async () => (await use.fixture.try(volume, inspect(), environment)).status !== 0);
    // The proxy checks a Connector that changes at once.
    const extensions = ['https://alias.test'];
    use.fixture.connect('hub', registry.url, { className: 'oci', auth: 'tokenAuth', secret: 'hub', extensions });
    await becomes('AuthReady', 'False Rejected');
    await becomes('Ready', 'False Rejected');
    assert.match(use.fixture.condition('hub', 'LivenessReady').is, /^True /);
    const { message } = use.fixture.condition('hub', 'Ready');
    assert.match(message, /answered 401 to the credential in Secret ci\/hub: see whether it is right/);
    use.fixture.put(loginWith(toolPassword));
    await becomes('Ready', 'True Ready');
    await task(inspect());
  });
});
