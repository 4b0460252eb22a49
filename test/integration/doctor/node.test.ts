import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { asLine } from '../../../src/shared/doctor/check-result.ts';
import { argumentsOf } from '../../../src/shared/command/running-arguments.ts';
import { loadSyscalls } from '../../../src/driver/host/linux-syscalls.ts';
import type { Syscalls } from '../../../src/driver/host/syscalls.ts';
import { repository } from '../../support/deploy/manifests.ts';
import { DoctorFixture } from '../../support/doctor/doctor-fixture.ts';
import { driverUser } from '../../support/driver/driver-account.ts';
import { wrapSyscalls } from '../../support/host/syscall-wrapper.ts';
import { started } from '../../support/started.ts';

const main = path.join(import.meta.dirname, '../../../dist/main.js');

describe('doctor on a node', () => {
  let fixture: DoctorFixture;
  beforeEach(async () => void (fixture = started(await DoctorFixture.start())));

  const assertOnly = async (expected: RegExp, ...args: Parameters<DoctorFixture['problems']>): Promise<void> => {
    const problems = await fixture.problems(...args);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0]!, expected);
  };

  it('finds nothing wrong when all is well, one line per check', async () => {
    const findings = await fixture.examine();
    assert.deepEqual(
      findings.map(({ level, check }) => `${level} ${check}`),
      [
        ...['ok mount', 'ok noswap', 'ok kubelet-dir', 'ok propagation', 'ok selinux', 'ok readiness'],
        ...['ok api-server', 'ok clock', 'ok csidriver', 'ok proxies', 'ok feature-flags', 'ok rbac'],
      ],
    );
    for (const finding of findings) assert.match(asLine(finding), /^ok {4}[-a-z]+ +\S.*\n$/);
    const lines = findings.map((finding) => asLine(finding).replaceAll(fixture.kubeletDir, '/var/lib/kubelet'));
    const page = fs.readFileSync(path.join(repository, 'docs/installation.md'), 'utf8');
    const [shown = ''] = /^(?:ok .*\n)+/m.exec(page) ?? [];
    assert.ok(shown !== '' && lines.join('').startsWith(shown), lines.join(''));
  });

  it('leaves nothing mounted and changes nothing', async () => {
    const before = fixture.cluster.node.mounts();
    await fixture.examine();
    assert.deepEqual(fixture.cluster.node.mounts(), before);
    assert.equal(fixture.cluster.api.count({ verb: 'create', resource: 'subjectaccessreviews' }), 0);
  });

  it('fails where the container may not mount, or the kernel cannot', async () => {
    const without = (error: number): Syscalls =>
      wrapSyscalls(loadSyscalls(), (call) => (call === 'fsopen' ? -error : undefined));
    const { EPERM, ENOSYS } = constants.errno;
    await assertOnly(/^fail mount: no volume can be mounted.*EPERM.*privileged: true/, [], {
      syscalls: without(EPERM),
    });
    await assertOnly(/^fail mount: .*needs Linux 5\.2 or later .* this node has \d/, [], { syscalls: without(ENOSYS) });
  });

  it('warns where tokens may reach swap', async () => {
    const old = wrapSyscalls(loadSyscalls(), (call, [, key]) =>
      call === 'fsconfig' && key === 'noswap' ? -constants.errno.EINVAL : undefined,
    );
    await assertOnly(/^warn noswap: .*swap off/, [], { syscalls: old });
  });

  it('fails where the directory is not that of a kubelet', async () => {
    fs.renameSync(path.join(fixture.kubeletDir, 'pods'), path.join(fixture.kubeletDir, 'other'));
    const [found, told, ...others] = await fixture.problems();
    assert.match(found!, /^fail kubelet-dir: .*has no folder "pods".*--root-dir/);
    assert.match(told!, /^fail readiness: the driver cannot publish: .*has no folder "pods": set --kubelet-dir/);
    assert.deepEqual(others, []);
  });

  it('fails where the node does not see the mounts', async () => {
    fixture.setPropagation('PRIVATE');
    await assertOnly(/^fail propagation: the mount at \S+\/kubelet is not shared.*Bidirectional/);
  });

  it('fails while the driver cannot publish, with its own reason', async () => {
    fixture.cluster.putCsiDriver({ podInfoOnMount: false });
    const isReported = async (): Promise<boolean> =>
      (await fixture.problems()).some((line) =>
        /^fail readiness: the driver cannot publish: .*podInfoOnMount/.test(line),
      );
    for (let tries = 0; !(await isReported()); tries += 1) assert.ok(tries < 200);
  });

  it('fails where the driver does not answer over HTTP, and does not ask where that is off', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    const port = typeof address === 'object' ? address?.port : undefined;
    await assertOnly(/^fail readiness: no response from http:\/\/127\.0\.0\.1/, [
      '--http-address',
      `127.0.0.1:${port}`,
    ]);
    assert.deepEqual(await fixture.problems(['--http-address', '']), []);
  });

  it('asks no API server where connectors come from a directory', async () => {
    const before = fixture.cluster.api.count({});
    const flags = ['--connector-source', 'directory', '--manifests', fixture.cluster.node.manifestsDir];
    assert.deepEqual(await fixture.problems(flags), []);
    assert.equal(fixture.cluster.api.count({ user: driverUser, resource: 'selfsubjectaccessreviews' }), 0);
    assert.ok(before >= 0);
  });

  describe('as a command', () => {
    const run = async (flags: readonly string[]): Promise<{ status: unknown; stdout: string }> => {
      const kubeconfig = path.join(fixture.cluster.node.root, 'kubeconfig');
      fixture.cluster.api.writeKubeconfig(kubeconfig, { name: driverUser, groups: ['system:authenticated'] });
      const child = spawn(process.execPath, [main, 'doctor', ...fixture.flags, '--kubeconfig', kubeconfig, ...flags]);
      const [stdout, [status]] = await Promise.all([text(child.stdout), once(child, 'close') as Promise<unknown[]>]);
      return { status, stdout };
    };

    it('prints a line per check and ends with 0 when no line fails', async () => {
      const { status, stdout } = await run([]);
      assert.equal(status, 0, stdout);
      assert.equal(stdout.split('\n').length, 13);
      assert.match(stdout, /^ok {4}mount {10}a tmpfs can be mounted$/m);
    });

    it('ends with 1 when one fails', async () => {
      const { status, stdout } = await run(['--token-audience', 'other']);
      assert.equal(status, 1);
      assert.match(stdout, /^fail {2}csidriver {6}tokenRequests: none for audience "other"/m);
    });
  });

  it('takes over the flags of the driver that it finds as the first process of its container', () => {
    const flags = ['--driver-name', 'x'];
    assert.deepEqual(argumentsOf(['node', '/app/dist/main.js', 'serve', ...flags], 'serve'), flags);
    const withOption = ['node', '--max-semi-space-size=1', '/app/dist/main.js', 'serve', ...flags];
    assert.deepEqual(argumentsOf(withOption, 'serve'), flags);
    assert.deepEqual(argumentsOf(['node', '/app/dist/main.js', 'proxy', ...flags], 'proxy'), flags);
    const others = [
      [],
      ['node', '/app/dist/main.js', 'doctor'],
      ['/sbin/init', 'serve'],
      ['serve', '--x'],
      ['a', 'proxy'],
    ];
    for (const other of others) assert.deepEqual(argumentsOf(other, 'serve'), []);
  });
});
