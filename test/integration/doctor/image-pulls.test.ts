import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { renameSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { signed } from '../../../src/image-pulls/apply-files.ts';
import { createCa } from '../../../src/proxy/certificates/certificate-authority.ts';
import { PlayedNode } from '../../support/doctor/played-node.ts';
import { ProxyFixture } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer, toolAuthority } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const main = path.join(import.meta.dirname, '../../../dist/main.js');
const script = '/etc/connectors/bin/connectors-credential-provider';
const containerd = '/etc/containerd/certs.d/connectors.local';
const hostsFile = `${containerd}/hosts.toml`;
const caFiles = [`${containerd}/ca.crt`, '/etc/containers/certs.d/connectors.local/ca.crt'] as const;

describe('doctor of image pulls', function () {
  this.timeout(60_000);
  let proxy: ProxyFixture;
  let node: PlayedNode;
  before(async () => {
    const flags = ['--tls-address', '127.0.0.1:0', '--tls-names', '127.0.0.1,connectors.local'];
    proxy = await ProxyFixture.start([], { flags });
  });
  after(() => proxy.stop());
  beforeEach(() => void (node = started(new PlayedNode(proxy.tlsPort, proxy.authority))));

  const assertOnly = async (expected: RegExp): Promise<void> => {
    const problems = await node.problems();
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0]!, expected);
  };

  it('finds nothing wrong when all is well, one line per check', async () => {
    const found = await node.examine();
    assert.deepEqual(
      found.map(({ level, check, text }) => `${level} ${check} ${text}`),
      [
        'ok image-files 4 files are as this version writes them',
        `ok image-proxy https://127.0.0.1:${proxy.tlsPort} asks for a token`,
      ],
    );
  });

  it('is a command with exit status and help', () => {
    const run = (...args: readonly string[]): { status: number | null; stdout: string } =>
      spawnSync(process.execPath, [main, 'doctor', ...args], { encoding: 'utf8' });
    node.mode(script, 0o644);
    // The proxy of this process cannot answer during a synchronous run.
    node.write(hostsFile, '');
    const { status, stdout } = run('--image-pulls', ...node.args);
    assert.equal(status, 1);
    assert.match(stdout, /^fail {2}image-files .*\n$/);
    assert.match(run('--image-pulls', '--help').stdout, /Flags after --image-pulls:\n +--registry NAME/);
    assert.equal(run('--image-pulls', '--provider-dir', 'host').status, 2);
  });

  it('reports files that are missing, changed, old, or have a wrong mode', async () => {
    const text = node.read(script);
    node.mode(script, 0o777);
    await assertOnly(/^fail image-files: \S+-provider has mode 0777, not 0755: see the log of the pod of DaemonSet/);
    node.mode(script, 0o755);
    node.write(script, `${text}#`);
    await assertOnly(/^fail image-files: \S+-provider is written or changed by an administrator: /);
    node.write(script, signed('#!/bin/sh\nexit 0\n'));
    await assertOnly(/^fail image-files: \S+-provider is of another version or CA: /);
    node.remove(script);
    node.edit(hostsFile, 'resolve', 'other');
    await assertOnly(/^fail image-files: \S+-provider does not exist; \S+hosts\.toml is written or changed by /);
    node.remove(hostsFile);
    await assertOnly(/^fail image-files: \S+-provider does not exist; \S+hosts\.toml does not exist: /);
    node.remove(caFiles[0]);
    await assertOnly(/; \S+containerd\S+ca\.crt does not exist/);
    node.remove('/etc/containerd');
    await assertOnly(/^fail image-files: cannot open directory \S+: ENOENT: mount the directory of the node: see/);
  });

  it('reports an address where nobody answers, and something else than the proxy', async () => {
    node.write(hostsFile, 'server = "x"\n[host."https://127.0.0.1:1"]\n');
    assert.match(
      (await node.problems())[1]!,
      /^fail image-proxy: https:\/\/127\.0\.0\.1:1 cannot be reached .*ECONNREFUSED.*: has the Service/,
    );
    const tool = started(
      await ToolServer.start('https', (_request, response) => void response.end('hello'), ['127.0.0.1']),
    );
    node.edit(hostsFile, '127.0.0.1:1', `127.0.0.1:${tool.port}`);
    for (const place of caFiles) node.write(place, toolAuthority.certificate);
    assert.match(
      (await node.problems())[1]!,
      /^fail image-proxy: \S+ answers 200 of "" where the proxy asks for a token \(401\): does/,
    );
  });

  it('reports another CA, and two', async () => {
    const other = signed(createCa({ now: Date.now }).certificate);
    node.write(caFiles[1], other);
    await assertOnly(/^fail image-files: \S+containers\S+ca\.crt is of another version or CA: /);
    node.write(caFiles[0], other);
    await assertOnly(/^fail image-proxy: \S+ cannot be reached with ca\.crt: .*certificate.*this the CA of the proxy/);
  });

  it('follows no link', async () => {
    renameSync(node.at(script), node.at('/moved'));
    symlinkSync('/etc/hosts', node.at(script));
    await assertOnly(/^fail image-files: \S+-provider is a symbolic link, which is not followed: remove it: see/);
  });
});
