import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { proven } from '../../support/e2e/compatibility.ts';
import { DockerRegistry } from '../../support/e2e/docker-registry.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import type { FlowFixture } from '../../support/e2e/flow-fixture.ts';
import { containersEnvironment, needsRootForContainers } from '../../support/e2e/programs.ts';
import { RegistryTokenService } from '../../support/e2e/registry-token-service.ts';
import { secret } from '../../support/proxy/manifests.ts';
import { toolAuthority } from '../../support/proxy/tool-server.ts';

const login = { username: 'robot', password: toolPassword };
const programs = ['buildah', 'skopeo', 'podman', 'oras', 'docker-registry', 'netavark'];
const layerBytes = 2 ** 30;
/** Far below the layer, and far above what the proxy takes at rest on any machine. */
const mostProxyMib = 400;

describe('image registries, reached by programs with nothing but a volume', function () {
  this.timeout(180_000);
  let htpasswd: DockerRegistry;
  let tokens: RegistryTokenService;
  let withTokens: DockerRegistry;
  let other: DockerRegistry;
  let work: string;
  before(needsRootForContainers);
  const use = useFlowFixture(
    { hosts: ['hub.test', 'secure.test', 'tokens.test', 'base.test'] },
    programs,
    async (fixture: FlowFixture) => {
      work = fixture.work;
      const at = (name: string): string => path.join(work, name);
      htpasswd = await DockerRegistry.start({ directory: at('hub'), host: 'hub.test', auth: login });
      tokens = await RegistryTokenService.start('tokens.test', `robot:${toolPassword}`);
      withTokens = await DockerRegistry.start({ directory: at('secure'), host: 'secure.test', auth: tokens });
      other = await DockerRegistry.start({ directory: at('base'), host: 'base.test' });
      fixture.onStop(() => tokens.stop());
      for (const registry of [htpasswd, withTokens, other]) fixture.onStop(() => registry.stop());
      fixture.put(secret('registry', 'cpaas.io/distribution-registry-token', login));
      fixture.useClass('oci');
      const className = 'oci';
      fixture.connect('hub', htpasswd.url, { className, secret: 'registry' });
      fixture.connect('secure', withTokens.url, { className, secret: 'registry', extensions: [tokens.url] });
      fixture.connect('public', withTokens.url, { className, auth: 'tokenAuth', extensions: [tokens.url] });
      fixture.allow(['hub', 'secure', 'public']);
      writeFileSync(at('policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
      mkdirSync(at('context'));
      writeFileSync(at('context/payload'), 'from the image\n');
      writeFileSync(at('context/Dockerfile'), 'FROM scratch\nCOPY payload /payload\n');
    },
  );

  const environment = (): NodeJS.ProcessEnv => containersEnvironment(work);
  const storage = (name: string): string => `--root ${work}/${name} --runroot ${work}/${name}-run`;
  const policy = (): string => `--signature-policy ${work}/policy.json`;
  const volumeOf = (connectors: string, more: Readonly<Record<string, string>> = {}) =>
    use.fixture.volume({ attributes: { connectors, ...more } });
  /** The one file of a folder for certificates. */
  const certificates = (name: string): string => `mkdir -p ${work}/${name} && cp ca.crt ${work}/${name}/`;
  const assertServed = (registry: DockerRegistry, request: string): void =>
    assert.ok(
      registry.served.some((line) => line.startsWith(request)),
      registry.served.join('\n'),
    );

  it(...proven('buildah'), async () => {
    const volume = await volumeOf('hub');
    const script = `
      ${certificates('certs')}
      buildah ${storage('b')} bud -q ${policy()} --tag built ${work}/context
      buildah ${storage('b')} push -q ${policy()} --cert-dir ${work}/certs built docker://${htpasswd.address}/team/app:1
      buildah ${storage('b2')} pull -q ${policy()} --cert-dir ${work}/certs docker://${htpasswd.address}/team/app:1`;
    await use.fixture.task(volume, script, environment());
    assertServed(htpasswd, 'PUT /v2/team/app/manifests/1');
    const before = htpasswd.served.length;
    const stranger = await use.fixture.without(
      `buildah ${storage('b')} push -q ${policy()} --tls-verify=false built docker://${htpasswd.address}/team/app:2`,
      environment(),
    );
    assert.notEqual(stranger.status, 0);
    assert.equal(htpasswd.served.length, before);
  });

  it(...proven('buildah-insecure'), async () => {
    const volume = await volumeOf('secure');
    const script = `
      buildah ${storage('b3')} bud -q ${policy()} --tag built ${work}/context
      buildah ${storage('b3')} push -q ${policy()} --tls-verify=false built docker://${withTokens.address}/team/app:1`;
    await use.fixture.task(volume, script, environment());
    assertServed(withTokens, 'PUT /v2/team/app/manifests/1');
    assert.ok(tokens.seen.every(({ headers }) => headers.authorization?.startsWith('Basic ')));
  });

  it(...proven('skopeo'), async () => {
    const volume = await volumeOf('hub,secure');
    const from = `docker://${htpasswd.address}/team/app:1`;
    const to = `docker://${withTokens.address}/team/copy:1`;
    const script = `
      ${certificates('certs')}
      skopeo --policy ${work}/policy.json copy -q --src-cert-dir ${work}/certs --dest-cert-dir ${work}/certs ${from} ${to}
      skopeo inspect --cert-dir ${work}/certs --format '{{.Digest}}' ${to}`;
    assert.match(await use.fixture.task(volume, script, environment()), /^sha256:[0-9a-f]{64}\n$/);
    assertServed(withTokens, 'PUT /v2/team/copy/manifests/1');
  });

  it(...proven('skopeo-reverse'), async () => {
    const volume = await volumeOf('hub', { 'configuration.names': 'registry-config' });
    const script = `
      unset http_proxy https_proxy
      image=$(sed 's,^http://,docker://,' connector.status.proxyAddress)/team/app:1
      skopeo --registries-conf registries.conf inspect --authfile config.json --format '{{.Digest}}' "$image"`;
    assert.match(await use.fixture.task(volume, script, environment()), /^sha256:[0-9a-f]{64}\n$/);
  });

  it(...proven('podman'), async () => {
    const volume = await volumeOf('secure');
    const podman = `podman ${storage('p')} --cgroup-manager=cgroupfs`;
    const script = `
      ${certificates('certs')}
      ${podman} pull -q ${policy()} --cert-dir ${work}/certs docker://${withTokens.address}/team/app:1
      ${podman} push -q ${policy()} --cert-dir ${work}/certs ${withTokens.address}/team/app:1 docker://${withTokens.address}/team/podman:1`;
    await use.fixture.task(volume, script, environment());
    assertServed(withTokens, 'PUT /v2/team/podman/manifests/1');
  });

  it(...proven('oras'), async () => {
    const volume = await volumeOf('hub');
    execFileSync('sh', [
      '-c',
      `mkdir -p ${work}/big ${work}/back && head -c ${layerBytes} /dev/zero >${work}/big/layer`,
    ]);
    const script = `
      here=$PWD
      cd ${work}/big && oras push --no-tty --ca-file "$here/ca.crt" ${htpasswd.address}/team/big:1 layer:application/octet-stream
      rm layer
      cd ${work}/back && oras pull --no-tty --ca-file "$here/ca.crt" ${htpasswd.address}/team/big:1`;
    await use.fixture.task(volume, script, environment());
    const hash = createHash('sha256');
    await pipeline(createReadStream(path.join(work, 'back', 'layer')), hash);
    execFileSync('rm', [
      '-rf',
      path.join(work, 'back'),
      path.join(work, 'hub', 'blobs', 'docker', 'registry', 'v2', 'repositories', 'team', 'big'),
    ]);
    assert.equal(hash.digest('hex'), zerosDigest);
    assert.ok(use.fixture.proxy.peakMib < mostProxyMib, `${use.fixture.proxy.peakMib} MiB`);
  });

  it('lets anonymous clients of a connector without a Secret pull what is public, and push nothing', async () => {
    const volume = await volumeOf('secure');
    const publicVolume = await volumeOf('public');
    const image = `docker://${withTokens.address}/public/app:1`;
    const copy = (from: string, to: string): string =>
      `skopeo --policy ${work}/policy.json copy -q --src-tls-verify=false --dest-tls-verify=false ${from} ${to}`;
    await use.fixture.task(volume, copy(`docker://${withTokens.address}/team/app:1`, image), environment());
    await use.fixture.task(publicVolume, copy(image, `dir:${work}/anonymous`), environment());
    const pushed = await use.fixture.try(publicVolume, copy(`dir:${work}/anonymous`, image), environment());
    assert.notEqual(pushed.status, 0);
    assert.match(pushed.output, /unauthorized|denied|access to the requested resource/i);
  });

  it('builds from a base image of a host that is no connector, through the blind tunnel', async () => {
    const volume = await volumeOf('hub');
    const unproxied = `docker://127.0.0.1:${other.address.split(':')[1]}/base:1`;
    const seeded = await use.fixture.without(
      `skopeo --policy ${work}/policy.json copy -q --dest-tls-verify=false dir:${work}/anonymous ${unproxied}`,
      environment(),
    );
    assert.equal(seeded.status, 0, seeded.output);
    writeFileSync(path.join(work, 'tools.crt'), toolAuthority.certificate);
    const script = `
      mkdir ${work}/both && cat ca.crt ${work}/tools.crt >${work}/both/ca.crt
      printf 'FROM %s/base:1\\nCOPY payload /more\\n' ${other.address} >${work}/context/Derived
      buildah ${storage('b4')} bud -q ${policy()} --cert-dir ${work}/both -f ${work}/context/Derived --tag derived ${work}/context
      buildah ${storage('b4')} push -q ${policy()} --cert-dir ${work}/both derived docker://${htpasswd.address}/team/derived:1`;
    await use.fixture.task(volume, script, environment());
    assertServed(other, 'GET /v2/base/manifests/1');
    assertServed(htpasswd, 'PUT /v2/team/derived/manifests/1');
    assert.ok(
      use.fixture.proxy.requests.some(({ host, connector }) => host === other.address && connector === undefined),
    );
  });
});

/** Of a GiB of zeros, from `head -c 1073741824 /dev/zero | sha256sum`. */
const zerosDigest = '49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14';
