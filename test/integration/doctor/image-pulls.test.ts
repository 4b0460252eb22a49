import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { renameSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { signed } from '../../../src/cli/image-pulls/signature.js';
import { createCa } from '../../../src/proxy/certificates/certificate-authority.js';
import { PlayedNode, configPath, kubeletFlags } from '../../support/doctor/played-node.js';
import { ProxyFixture } from '../../support/proxy/proxy-fixture.js';
import { ToolServer, toolAuthority } from '../../support/proxy/tool-server.js';

const main = path.join(import.meta.dirname, '../../../dist/main.js');
const script = '/etc/connectors/bin/connectors-credential-provider';
const containerd = '/etc/containerd/certs.d/connectors.local';
const crioCa = '/etc/containers/certs.d/connectors.local/ca.crt';
const otherCa = createCa({ now: Date.now }).certificate;

describe('doctor of image pulls', function () {
  this.timeout(60_000);
  let proxy: ProxyFixture;
  let node: PlayedNode;
  before(async () => {
    const flags = ['--tls-address', '127.0.0.1:0', '--tls-names', '127.0.0.1,connectors.local'];
    proxy = await ProxyFixture.start([], { flags });
  });
  after(() => proxy.stop());
  beforeEach(() => void (node = new PlayedNode(proxy.tlsPort, proxy.authority)));
  afterEach(() => node.remove());

  const assertOnly = async (expected: RegExp, ...args: Parameters<PlayedNode['problems']>): Promise<void> => {
    const problems = await node.problems(...args);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0]!, expected);
  };

  it('finds nothing wrong when all is well, one line per check', async () => {
    const found = await node.examine();
    assert.deepEqual(
      found.map(({ level, check }) => `${level} ${check}`),
      ['kubelet', 'feature', 'provider', 'script', 'runtime', 'image-proxy', 'clock', 'image-ca'].map(
        (check) => `ok ${check}`,
      ),
    );
    const texts = found.map(({ text }) => text);
    assert.match(texts[1]!, /^version not readable/);
    assert.ok(texts.includes(`${containerd}/hosts.toml leads connectors.local to https://127.0.0.1:${proxy.tlsPort}`));
  });

  it('is a command with exit status, JSON and help', () => {
    const run = (...args: readonly string[]): { status: number | null; stdout: string } =>
      spawnSync(process.execPath, [main, 'doctor', ...args], { encoding: 'utf8' });
    // The proxy of this process cannot answer during a synchronous run.
    node.edit(`${containerd}/hosts.toml`, `https://127.0.0.1:${proxy.tlsPort}`, 'https://127.0.0.1:1');
    const { status, stdout } = run('--image-pulls', ...node.args, '--output', 'json');
    assert.equal(status, 1);
    const lines = JSON.parse(stdout) as readonly { level: string; check: string }[];
    assert.deepEqual(
      lines.filter(({ level }) => level !== 'ok').map(({ check }) => check),
      ['image-proxy'],
    );
    assert.match(run('--help').stdout, /--image-pulls[\s\S]*Flags after --image-pulls:\n +--host-root DIR/);
    assert.equal(run('--image-pulls', '--host-root', 'host').status, 2);
  });

  describe('of the kubelet', () => {
    const kubelet = (...words: readonly string[]): void => node.process(20, ['/usr/bin/kubelet', ...words]);

    it('reports missing flags, and checks the rest', async () => {
      kubelet(kubeletFlags[0]!);
      await assertOnly(/^fail kubelet: runs without --image-credential-provider-bin-dir: set both flags/);
      kubelet();
      await assertOnly(
        /^fail kubelet: runs without --image-credential-provider-config and --image-credential-provider-bin-dir: /,
      );
    });

    it('reports that it is not readable, and is not deceived by a container', async () => {
      node.remove('/proc/20');
      node.process(21, ['/kubelet', '--image-credential-provider-config=/x'], 'mnt:[1]');
      await assertOnly(/^warn kubelet: its command line is not readable: run doctor with "kubectl debug node\/NAME/);
      node.remove('/proc');
      await assertOnly(/^warn kubelet: /);
    });

    it('reports a version and a feature gate without tokens for providers', async () => {
      symlinkSync('/var/lib/rancher/rke2/data/v1.33.4-rke2r1/bin/kubelet', node.at('/proc/20/exe'));
      await assertOnly(/^fail feature: kubelet 1\.33\.4 passes no tokens to providers: use Kubernetes 1\.34 or later/);
      const gate = 'KubeletServiceAccountTokenForCredentialProviders';
      kubelet(...kubeletFlags, `--feature-gates=Other=false,${gate}=true`);
      assert.deepEqual(await node.problems(), []);
      kubelet(...kubeletFlags, '--config', '/var/lib/kubelet/config.yaml');
      node.write('/var/lib/kubelet/config.yaml', `featureGates: { ${gate}: false }\n`);
      await assertOnly(/^fail feature: feature gate \w+ is off: remove it/);
      node.remove('/proc/20/exe');
      symlinkSync('/var/lib/minikube/binaries/v1.36.3/kubelet', node.at('/proc/20/exe'));
      node.remove('/var/lib/kubelet/config.yaml');
      assert.deepEqual(await node.problems(), []);
    });

    it('reports a provider that passes another token, or another registry', async () => {
      for (const [from, to, expected] of [
        ['connectors-proxy', 'other', /serviceAccountTokenAudience is not connectors-proxy: merge deploy/],
        ['requireServiceAccount: true', 'requireServiceAccount: false', /requireServiceAccount is not true/],
        ['cacheType: Token', 'cacheType: ServiceAccount', /cacheType is not Token/],
        ['tokenAttributes:', 'ignored:', /tokenAttributes is missing/],
        ['matchImages: [', 'matchImages: ["*.example"] #', /matchImages does not match connectors\.local/],
        ['args: [', 'args: [x.example] #', /args does not begin with connectors\.local/],
        [
          'name: connectors-',
          'name: other-',
          /no provider connectors-credential-provider in a CredentialProviderConfig/,
        ],
        ['providers:', 'providers: [', /cannot be used: not YAML at line/],
      ] as const) {
        const before = node.read(configPath);
        node.edit(configPath, from, to);
        await assertOnly(expected);
        node.write(configPath, before);
      }
      assert.deepEqual(await node.problems(['--token-audience', 'connectors-proxy']), []);
      node.remove(configPath);
      await assertOnly(/^fail provider: \S+ cannot be used: \S+ does not exist: merge/);
    });

    it('takes a directory of configurations', async () => {
      renameSync(node.at(configPath), node.at('/etc/connectors/moved'));
      node.write(`${configPath}/a.json`, '{"kind":"CredentialProviderConfig","providers":[]}');
      node.write(`${configPath}/ignored`, '[');
      renameSync(node.at('/etc/connectors/moved'), node.at(`${configPath}/b.yml`));
      assert.deepEqual(await node.problems(), []);
    });
  });

  it('reports a script that is missing, changed, old, or has a wrong mode', async () => {
    const text = node.read(script);
    node.mode(script, 0o644);
    await assertOnly(/^fail script: \S+ is not executable: set mode 0755/);
    node.mode(script, 0o777);
    await assertOnly(/^fail script: \S+, which runs as root, can be written by others: set mode 0755/);
    node.mode(script, 0o755);
    node.write(script, `${text}#`);
    await assertOnly(/^fail script: \S+ was written or changed by an administrator: remove it; see the log/);
    node.write(script, signed('#!/bin/sh\nexit 0\n'));
    await assertOnly(/^warn script: \S+ is of another version of this program: use one version/);
    node.remove(script);
    await assertOnly(/^fail script: \S+ does not exist, so the kubelet does not start again: see the log of the pod/);
  });

  describe('of the container runtime', () => {
    it('reports a missing address, and one where nobody answers', async () => {
      node.edit(`${containerd}/hosts.toml`, `https://127.0.0.1:${proxy.tlsPort}`, 'https://127.0.0.1:1');
      await assertOnly(
        /^fail image-proxy: https:\/\/127\.0\.0\.1:1 cannot be reached .*ECONNREFUSED.*: has the Service/,
      );
      node.write(`${containerd}/hosts.toml`, 'server = "https://127.0.0.1"\n');
      await assertOnly(/^fail runtime: \S+ has no \[host\."https:\/\/ADDRESS"\] of the proxy: see the log of the pod/);
      node.remove(`${containerd}/hosts.toml`);
      await assertOnly(/^fail runtime: \S+hosts\.toml does not exist: see/);
    });

    it('reports another CA, two CAs, and none', async () => {
      for (const place of [`${containerd}/ca.crt`, crioCa]) node.write(place, otherCa);
      await assertOnly(
        /^fail image-proxy: \S+ cannot be reached with \S+ca\.crt: .*certificate.*: is \S+ the CA of the proxy/,
      );
      node.write(`${containerd}/ca.crt`, proxy.authority);
      await assertOnly(/^fail image-ca: \S+containerd\S+ and \S+containers\S+ differ: see the log/);
      node.remove(crioCa);
      assert.deepEqual(await node.problems(), []);
      node.remove(`${containerd}/ca.crt`);
      await assertOnly(/^fail runtime: \S+ca\.crt does not exist/);
    });

    it('reports something else than the proxy', async () => {
      const tool = await ToolServer.start('https', (_request, response) => void response.end('hello'), ['127.0.0.1']);
      try {
        node.edit(`${containerd}/hosts.toml`, `127.0.0.1:${proxy.tlsPort}`, `127.0.0.1:${tool.port}`);
        for (const place of [`${containerd}/ca.crt`, crioCa]) node.write(place, toolAuthority.certificate);
        await assertOnly(/^fail image-proxy: \S+ answers 200 of "" where the proxy asks for a token \(401\): does/);
      } finally {
        await tool.stop();
      }
    });

    it('reports a clock that differs', async () => {
      const tenMinutes = 600_000;
      await assertOnly(/^fail clock: this node is \d+ s ahead of the proxy: .*NTP/, [], () => Date.now() + tenMinutes);
      await assertOnly(/^fail clock: this node is \d+ s behind the proxy/, [], () => Date.now() - tenMinutes);
    });

    it('checks CRI-O by /etc/hosts of the node', async () => {
      node.remove();
      const registry = `connectors.local:${proxy.tlsPort}`;
      node = new PlayedNode(proxy.tlsPort, proxy.authority, registry);
      node.process(31, ['/usr/bin/crio']);
      node.write('/etc/hosts', '127.0.0.1 localhost\n');
      await assertOnly(/^fail runtime: \/etc\/hosts has no address of \S+, which CRI-O needs/);
      node.write('/etc/hosts', '127.0.0.1 localhost\n127.0.0.1\tconnectors.local # proxy\n');
      assert.deepEqual(await node.problems(), []);
      node.write(`/etc/containers/certs.d/${registry}/ca.crt`, otherCa);
      const problems = await node.problems();
      assert.match(problems.join('\n'), /^fail image-proxy: .*\nfail image-ca: .*differ/);
    });
  });

  it('follows links as the node does, and none out of its root', async () => {
    renameSync(node.at('/etc/connectors'), node.at('/opt'));
    symlinkSync('/../opt', node.at('/etc/connectors'));
    assert.deepEqual(await node.problems(), []);
    const moved = '/opt/bin/connectors-credential-provider';
    // On this machine /etc/hosts exists.
    node.remove(moved);
    symlinkSync('../../../../../../../../etc/hosts', node.at(moved));
    await assertOnly(/^fail script: \S+ does not exist/);
    node.remove(moved);
    symlinkSync('connectors-credential-provider', node.at(moved));
    await assertOnly(/^fail script: \S+ cannot be used: \S+ leads over more than 40 symbolic links: see/);
  });
});
