import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createCa } from '../../../src/proxy/certificates/certificate-authority.ts';
import { caConfigMapName } from '../../../src/proxy/status/ca-config-map.ts';
import { Containerd, providedCredential } from '../../support/e2e/containerd.ts';
import { DockerRegistry } from '../../support/e2e/docker-registry.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { hostNames, needsKnownPorts, ownAddress } from '../../support/e2e/host-names.ts';
import { writeImageLayout } from '../../support/e2e/image-layout.ts';
import { needsRootForContainers } from '../../support/e2e/programs.ts';
import { RegistryTokenService } from '../../support/e2e/registry-token-service.ts';
import { encodedSecret, type WrittenObject } from '../../support/e2e/secret-data.ts';
import { InstallerProcess } from '../../support/image-pulls/installer-process.ts';
import { NodeDirectories } from '../../support/image-pulls/node-directories.ts';
import { eventually } from '../../support/poll.ts';
import { secret } from '../../support/proxy/manifests.ts';

const login = { username: 'robot', password: toolPassword };

/**
 * The kubelet's part is played by the tests: it runs the script and gives its answer to the container runtime, and
 * writes the ConfigMap with the CA into the volume of the installer.
 */
describe('image pulls of nodes, with the files that image-pulls install writes', function () {
  this.timeout(240_000);
  let htpasswd: DockerRegistry;
  let withTokens: DockerRegistry;
  let containerd: Containerd;
  let installer: InstallerProcess;
  let node: NodeDirectories;
  let work: string;
  before(needsRootForContainers);
  before(needsKnownPorts);
  const use = useFlowFixture(
    {
      hosts: ['hub.test', 'secure.test', 'tokens.test'],
      isAtService: true,
      optionalRoles: ['image-pulls'],
      proxyFlags: [
        ...['--tls-address', `${ownAddress}:443`, '--tls-names', `${ownAddress},connectors.local`],
        '--publish-ca-config-map',
      ],
    },
    ['containerd', 'docker-registry', 'skopeo'],
    async (fixture) => {
      work = fixture.work;
      const at = (...names: string[]): string => path.join(work, ...names);
      const start = (host: string, auth: typeof login | RegistryTokenService): Promise<DockerRegistry> =>
        DockerRegistry.start({ directory: at(host), host, aliases: ['localhost'], auth });
      const tokens = await RegistryTokenService.start('tokens.test', `robot:${toolPassword}`);
      fixture.onStop(() => tokens.stop());
      htpasswd = await start('hub.test', login);
      withTokens = await start('secure.test', tokens);
      for (const registry of [htpasswd, withTokens]) fixture.onStop(() => registry.stop());
      fixture.put(secret('registry', 'cpaas.io/distribution-registry-token', login));
      fixture.useClass('oci');
      const oci = { className: 'oci', secret: 'registry' };
      fixture.connect('hub', htpasswd.url, oci);
      fixture.connect('secure', withTokens.url, { ...oci, extensions: [tokens.url] });
      fixture.allow(['hub', 'secure']);
      writeFileSync(at('policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
      mkdirSync(at('certs'));
      writeFileSync(at('certs', 'ca.crt'), fixture.authority);
      await writeImageLayout(at('small'), 1000);
      await push('small', 'hub', 'team/app:1');
      await push('small', 'secure', 'team/app:1');
      node = new NodeDirectories();
      fixture.onStop(() => node.remove());
      installer = new InstallerProcess('install', installerFlags());
      fixture.onStop(() => installer.stop());
      await installNow();
      containerd = await Containerd.start(at('containerd'), node.containerd);
      fixture.onStop(() => containerd.stop());
    },
  );

  function installerFlags(): readonly string[] {
    return [...node.flags, '--ca-file', node.at('ca.crt'), '--proxy-host', ownAddress];
  }

  /** Waits until the CA of the Secret is in the ConfigMap. */
  async function publishedCa(): Promise<string> {
    const inConfigMap = (): string => {
      const found = use.fixture.api.get('configmaps', { namespace: 'connectors-system', name: caConfigMapName });
      return (found?.['data'] as { readonly 'ca.crt': string } | undefined)?.['ca.crt'] ?? '';
    };
    await eventually('the ConfigMap has the CA', () => inConfigMap() === use.fixture.authority);
    return inConfigMap();
  }

  /** Waits until the CA of the ConfigMap is on the node. */
  async function installNow(): Promise<void> {
    const ca = await publishedCa();
    writeFileSync(node.at('ca.crt.next'), ca);
    renameSync(node.at('ca.crt.next'), node.at('ca.crt'));
    await eventually('the node has the CA', () => node.hasCa(ca));
    await installer.untilReady();
  }

  /** Pushes through the proxy, with another user name than that of pulls. */
  async function push(layout: string, connector: string, image: string): Promise<void> {
    const to = `docker://${ownAddress}/namespaces/ci/connectors/${connector}/${image}`;
    const words = ['skopeo', '--policy', path.join(work, 'policy.json'), 'copy', '-q', '--preserve-digests'];
    const access = ['--dest-cert-dir', path.join(work, 'certs'), '--dest-creds', `pusher:${tokenOf()}`];
    const { status, output } = await use.fixture.run([...words, ...access, `oci:${work}/${layout}`, to], work);
    assert.equal(status, 0, output);
  }

  function tokenOf(serviceAccount = 'builder', expirationSeconds = 600): string {
    const pod = { name: `pod-of-${serviceAccount}`, uid: 'e2f0a7f0-0000-4000-8000-000000000001' };
    return use.fixture.api.identities.issueServiceAccount({
      ...{ namespace: 'ci', name: serviceAccount, pod, audiences: ['connectors-proxy'], expirationSeconds },
    }).token;
  }

  const script = (): string => node.at('providers', 'connectors-credential-provider');
  const imageOf = (connector: string, repository: string): string =>
    `connectors.local/namespaces/ci/connectors/${connector}/${repository}`;

  /** As the kubelet pulls an image for a pod. */
  async function pull(image: string, token = tokenOf()): Promise<string> {
    return containerd.pull(image, providedCredential(script(), image, token));
  }

  it('work with a registry that wants a password, and with one that wants tokens', async () => {
    for (const [connector, registry] of [['hub', htpasswd] as const, ['secure', withTokens] as const]) {
      const image = imageOf(connector, 'team/app:1');
      const before = registry.served.length;
      assert.match(await pull(image), /^sha256:[0-9a-f]{64}$/);
      const served = registry.served.slice(before);
      for (const request of [
        /^HEAD \/v2\/team\/app\/manifests\/1$/,
        /^GET \/v2\/team\/app\/blobs\/sha256:[0-9a-f]+$/,
      ]) {
        assert.ok(
          served.some((line) => request.test(line)),
          served.join('\n'),
        );
      }
      assert.ok(
        served.every((line) => !line.includes('ns=')),
        served.join('\n'),
      );
      await containerd.remove(image);
    }
  });

  it('fail for a pod of another service account, though the node has just pulled the image', async () => {
    const image = imageOf('hub', 'team/app:1');
    await pull(image);
    const before = htpasswd.served.length;
    await assert.rejects(pull(image, tokenOf('stranger')), /403 Forbidden/);
    assert.equal(htpasswd.served.length, before);
    const deniedRequests = () => use.fixture.proxy.requests.filter(({ outcome }) => outcome === 'denied');
    await eventually('the denial is in the log of the proxy', () => deniedRequests().length > 0);
    const denied = deniedRequests();
    // containerd has no further host to send the request to.
    assert.equal(denied.length, 1);
    for (const { serviceAccount, pod, connector } of denied) {
      assert.deepEqual([serviceAccount, pod, connector], ['ci/stranger', 'ci/pod-of-stranger', 'ci/hub']);
    }
    await containerd.remove(image);
  });

  it('fail without a token, and with one that has expired', async () => {
    const image = imageOf('secure', 'team/app:1');
    await assert.rejects(containerd.pull(image), /authorization failed: no basic auth credentials$/);
    await assert.rejects(pull(image, tokenOf('builder', -60)), /401 Unauthorized/);
  });

  it('fail for an image of no Connector, with the reason in the log of the proxy', async () => {
    await assert.rejects(pull(imageOf('absent', 'team/app:1')), /403 Forbidden/);
    await assert.rejects(pull('connectors.local/team/app:1'), /: not found$/);
  });

  it('work after a restart of the proxy', async () => {
    const image = imageOf('secure', 'team/app:1');
    await pull(image);
    await containerd.remove(image);
    await use.fixture.restartProxy();
    // The new one serves once it has read its CA. The kubelet tries again, too.
    await eventually('an image is pulled', () =>
      pull(image).then(
        () => true,
        () => false,
      ),
    );
    await containerd.remove(image);
  });

  it('work in each step of a rotation of the CA, before the node has the next files and after', async () => {
    const image = imageOf('secure', 'team/app:1');
    const { api, authority: old } = use.fixture;
    const place = { namespace: 'connectors-system', name: 'connectors-proxy-ca' };
    const { data } = api.get('secrets', place) as unknown as { readonly data: Readonly<Record<string, string>> };
    const oldKey = Buffer.from(data['tls.key'] ?? '', 'base64').toString();
    const { certificate, key } = createCa({ now: Date.now });
    const newKey = key.expose();
    // As the commands of docs/proxy.md leave it.
    for (const [certificates, signing] of [
      [old + certificate, oldKey],
      [certificate + old, newKey],
      [certificate, newKey],
    ] as const) {
      const files = { 'tls.crt': certificates, 'tls.key': signing };
      api.put(encodedSecret(secret(place.name, 'kubernetes.io/tls', files, place) as WrittenObject));
      for (const follow of [publishedCa, installNow]) {
        await follow();
        await pull(image);
        await containerd.remove(image);
      }
    }
  });

  it('work with the library of CRI-O, on a node whose hosts file has the registry name', async () => {
    const names = hostNames(path.join(work, 'hosts'), {
      [ownAddress]: ['connectors.local'],
      '127.0.0.1': ['localhost'],
    });
    const inspect = (serviceAccount: string) => {
      const image = imageOf('hub', 'team/app:1');
      const { username, password } = providedCredential(script(), image, tokenOf(serviceAccount));
      const words = [...names, 'skopeo', 'inspect', '--cert-dir', node.at('crio', 'connectors.local')];
      return use.fixture.run([...words, '--creds', `${username}:${password}`, `docker://${image}`], work);
    };
    const allowed = await inspect('builder');
    assert.equal(allowed.status, 0, allowed.output);
    const denied = await inspect('stranger');
    assert.match(denied.output, /StatusCode: 403, \\?"cannot use connector ci\/hub: system:serviceaccount/);
  });

  it('leave no credential and no token in the log of the container runtime', () => {
    assert.ok(containerd.log.includes('team/app:1'));
    assert.ok(!containerd.log.includes(toolPassword));
    assert.doesNotMatch(containerd.log, /eyJ[-\w]+\.eyJ/);
  });

  it('end with uninstall, which leaves nothing on the node', async () => {
    await installer.stop();
    const uninstaller = new InstallerProcess('uninstall', installerFlags());
    await uninstaller.untilReady();
    await uninstaller.stop();
    assert.deepEqual(node.list(), []);
  });
});
