import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { only, rendered } from '../../support/deploy/manifests.ts';
import { DockerRegistry } from '../../support/e2e/docker-registry.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { needsKnownPorts, ownAddress } from '../../support/e2e/host-names.ts';
import { containersEnvironment, needsRootForContainers } from '../../support/e2e/programs.ts';
import { imagePolicy } from '../../support/e2e/tekton-step.ts';
import { eventually } from '../../support/poll.ts';
import { secret } from '../../support/proxy/manifests.ts';

const host = 'hub.test';
/** Programs of containers/image try it first. */
const firstTried = 443;

/** The ports of the proxy's Service. */
function listedPorts(): readonly number[] {
  const { ports } = only(rendered('standalone'), 'Service')['spec'] as {
    readonly ports: readonly { readonly port: number }[];
  };
  return ports.map(({ port }) => port);
}

/** Programs that try HTTPS first, at the reverse address. */
describe('the address of the Service', function () {
  this.timeout(240_000);
  before(needsRootForContainers);
  before(needsKnownPorts);
  const use = useFlowFixture(
    { hosts: [host], isAtService: true, proxyFlags: ['--tls-address', `${ownAddress}:${firstTried}`] },
    ['skopeo', 'buildah', 'netavark', 'docker-registry'],
    async (fixture) => {
      const auth = { username: 'robot', password: toolPassword };
      const registry = await DockerRegistry.start({ directory: path.join(fixture.work, 'hub'), host, auth });
      fixture.onStop(() => registry.stop());
      fixture.useClass('oci');
      fixture.allow(['hub']);
      fixture.put(secret('hub', 'cpaas.io/distribution-registry-token', auth));
      fixture.connect('hub', registry.url, { className: 'oci', auth: 'tokenAuth', secret: 'hub' });
      await eventually('the connector has an address', () =>
        JSON.stringify(fixture.api.get('connectors', { namespace: 'ci', name: 'hub' })).includes('httpAddress'),
      );
      mkdirSync(path.join(fixture.work, 'image'));
      writeFileSync(path.join(fixture.work, 'image/Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
      writeFileSync(path.join(fixture.work, 'policy.json'), imagePolicy);
    },
  );

  it('is used by buildah and skopeo by the port that they try first', async () => {
    const { fixture } = use;
    const attributes = { connectors: 'hub', 'configuration.names': 'registry-config' };
    const volume = await fixture.volume({ attributes });
    const storage = `--root ${fixture.work}/b --runroot ${fixture.work}/b-run`;
    const policy = `--signature-policy ${fixture.work}/policy.json`;
    assert.ok(listedPorts().includes(firstTried));
    const run = (command: string): Promise<string> =>
      fixture.task(
        volume,
        `unset http_proxy https_proxy
        export REGISTRY_AUTH_FILE=$PWD/config.json CONTAINERS_REGISTRIES_CONF=$PWD/registries.conf
        image=$(sed 's,^http://,,' connector.status.proxyAddress)/team/app:1
        ${command}`,
        containersEnvironment(fixture.work),
      );
    await run(`buildah ${storage} bud -q ${policy} --tag built ${fixture.work}/image`);
    await run(`buildah ${storage} push -q ${policy} built "docker://$image"`);
    const conf = '--registries-conf "$CONTAINERS_REGISTRIES_CONF"';
    const digest = await run(`skopeo ${conf} inspect --format '{{.Digest}}' "docker://$image"`);
    assert.match(digest, /^sha256:[0-9a-f]{64}\n$/);
    const modes = new Set(fixture.proxy.requests.map(({ mode }) => mode));
    assert.deepEqual([...modes], ['reverse']);
  });
});
