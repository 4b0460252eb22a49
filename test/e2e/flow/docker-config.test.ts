import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { proven } from '../../support/e2e/compatibility.ts';
import { DockerRegistry } from '../../support/e2e/docker-registry.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { hostNames, needsKnownPorts } from '../../support/e2e/host-names.ts';
import { containersEnvironment, needsRootForContainers } from '../../support/e2e/programs.ts';
import { imagePolicy } from '../../support/e2e/tekton-step.ts';
import { eventually } from '../../support/poll.ts';
import { secret } from '../../support/proxy/manifests.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const login = { username: 'robot', password: toolPassword };
/** What containers/image sends after a challenge if it has no login. */
const emptyLogin = `Basic ${Buffer.from(':').toString('base64')}`;
const programs = ['skopeo', 'buildah', 'podman', 'netavark', 'oras', 'cosign', 'docker-registry'];

/** The volume is the directory that `DOCKER_CONFIG` names. Programs read `config.json` alone. */
describe('a volume as DOCKER_CONFIG', function () {
  this.timeout(180_000);
  let registry: DockerRegistry;
  /** A registry at which programs find out what they show to it without the proxy. */
  let bare: ToolServer;
  before(needsRootForContainers);
  before(needsKnownPorts);
  const use = useFlowFixture({ hosts: ['hub.test'], isAtService: true }, programs, async (fixture) => {
    const at = (name: string): string => path.join(fixture.work, name);
    registry = await DockerRegistry.start({ directory: at('hub'), host: 'hub.test', auth: login });
    bare = await ToolServer.start(
      'https',
      (_request, response) => response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="registry"' }).end(),
      ['bare.test'],
    );
    fixture.onStop(() => registry.stop());
    fixture.onStop(() => bare.stop());
    fixture.useClass('oci');
    fixture.put(secret('registry', 'cpaas.io/distribution-registry-token', login));
    const options = { className: 'oci', auth: 'tokenAuth', secret: 'registry' };
    fixture.connect('hub', registry.url, options);
    fixture.connect('bare', bare.url('bare.test'), options);
    fixture.allow(['hub', 'bare']);
    await eventually('the connectors have addresses', () =>
      fixture.api.list('connectors').every(({ status }) => JSON.stringify(status ?? {}).includes('httpAddress')),
    );
    writeFileSync(at('policy.json'), imagePolicy);
    mkdirSync(at('image'));
    writeFileSync(at('image/Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    const built = await fixture.without(
      `${buildah()} bud -q ${policy()} --tag built ${at('image')}; ${buildah()} push -q ${policy()} built dir:${at('built')}`,
      containersEnvironment(fixture.work),
    );
    assert.equal(built.status, 0, built.output);
  });

  const buildah = (): string => `buildah --root ${use.fixture.work}/b --runroot ${use.fixture.work}/b-run`;
  const policy = (): string => `--signature-policy ${use.fixture.work}/policy.json`;
  /** What each program does with `$image`. */
  const commands = {
    skopeo: (flags: string) =>
      `skopeo --policy ${use.fixture.work}/policy.json copy -q ${flags} dir:${use.fixture.work}/built "docker://$image"`,
    buildah: (flags: string) => `${buildah()} push -q ${policy()} ${flags} built "docker://$image"`,
    podman: (flags: string) =>
      `podman --root ${use.fixture.work}/p --runroot ${use.fixture.work}/p-run --cgroup-manager=cgroupfs pull -q ${policy()} ${flags} "docker://$image"`,
    oras: (flags: string) => `oras manifest fetch --descriptor ${flags} "$image"`,
    cosign: (flags: string) => `cd ${use.fixture.work}
      [ -f cosign.key ] || COSIGN_PASSWORD= cosign generate-key-pair
      COSIGN_PASSWORD= cosign sign ${flags} --yes --tlog-upload=false --key cosign.key "$image"
      cosign verify ${flags} --insecure-ignore-tlog=true --key cosign.pub "$image"`,
  };

  const assertServed = (before: number, expected: string): void => {
    const served = registry.served.slice(before);
    assert.ok(
      served.some((request) => request.startsWith(expected)),
      served.join('\n'),
    );
  };
  const volumeOf = (connectors: string) =>
    use.fixture.volume({ attributes: { connectors, 'configuration.names': 'docker-config' } });
  const withoutEnv = 'unset http_proxy https_proxy no_proxy; export DOCKER_CONFIG=$PWD';

  for (const [key, program, flags, expected] of [
    ['skopeo-docker-config', 'skopeo', '--dest-tls-verify=false', 'PUT /v2/team/app/manifests/1'],
    ['buildah-docker-config', 'buildah', '--tls-verify=false', 'PUT /v2/team/app/manifests/1'],
    ['podman-docker-config', 'podman', '--tls-verify=false', 'GET /v2/team/app/manifests/'],
    ['oras-docker-config', 'oras', '--plain-http', 'HEAD /v2/team/app/manifests/1'],
    ['cosign-docker-config', 'cosign', '', 'PUT /v2/team/app/manifests/sha256-'],
  ] as const) {
    it(...proven(key), async () => {
      const volume = await volumeOf('hub');
      const before = registry.served.length;
      const script = `${withoutEnv}
        image=$(sed 's,^http://,,' connector.status.proxyAddress)/team/app:1
        ${commands[program](flags)}`;
      await use.fixture.task(volume, script, containersEnvironment(use.fixture.work));
      assertServed(before, expected);
    });
  }

  it(...proven('cosign'), async () => {
    const { fixture } = use;
    const volume = await fixture.volume({ attributes: { connectors: 'hub' } });
    const before = registry.served.length;
    const script = `export SSL_CERT_FILE=$PWD/ca.crt
      image=${registry.address}/team/env:1
      ${commands.skopeo('')}
      ${commands.cosign('')}`;
    await fixture.task(volume, script, containersEnvironment(fixture.work));
    assertServed(before, 'PUT /v2/team/env/manifests/sha256-');
  });

  for (const [program, flags] of [
    ['skopeo', '--dest-tls-verify=false'],
    ['buildah', '--tls-verify=false'],
    ['podman', '--tls-verify=false'],
    ['oras', '--insecure'],
    ['cosign', '--allow-insecure-registry'],
  ] as const) {
    it(`has nothing that ${program} sends to the registry itself where no proxy is in between`, async () => {
      const { fixture } = use;
      const volume = await volumeOf('bare');
      const before = bare.seen.length;
      const names = hostNames(path.join(fixture.work, 'hosts'), { '127.0.0.1': ['localhost', 'bare.test'] });
      const script = `${withoutEnv}
        image=bare.test:${bare.port}/team/app:1
        ${commands[program](flags)}`;
      const run = await fixture.run(
        [...names, 'sh', '-ec', script],
        volume.target,
        containersEnvironment(fixture.work),
      );
      assert.notEqual(run.status, 0);
      const shown = bare.seen.slice(before).map(({ headers }) => headers.authorization ?? emptyLogin);
      assert.notEqual(shown.length, 0, run.output);
      assert.deepEqual(new Set(shown), new Set([emptyLogin]));
    });
  }
});
