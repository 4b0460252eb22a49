import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { installFiles, uninstallFiles } from '../../../src/image-pulls/apply-files.ts';
import { parseImagePullsConfig } from '../../../src/image-pulls/flags.ts';
import { nodeFilesOf } from '../../../src/image-pulls/node-files.ts';
import type { NodeFile } from '../../../src/image-pulls/node-files.ts';
import { createCa } from '../../../src/proxy/certificates/certificate-authority.ts';
import { chartFolder } from '../../support/deploy/manifests.ts';
import { NodeDirectories } from '../../support/image-pulls/node-directories.ts';
import { unmountBelow } from '../../support/mounts.ts';
import { started } from '../../support/started.ts';

const script = 'connectors-credential-provider';
const newCa = (): string => createCa({ now: Date.now }).certificate;
const all = [
  '644 containerd/connectors.local/ca.crt',
  '644 containerd/connectors.local/hosts.toml',
  '644 crio/connectors.local/ca.crt',
  '755 containerd/connectors.local',
  '755 crio/connectors.local',
  `755 providers/${script}`,
];

describe('the files of a node', () => {
  let node: NodeDirectories;
  let ca: string;
  beforeEach(() => {
    node = started(new NodeDirectories());
    ca = newCa();
  });
  afterEach(() => unmountBelow(node.root));

  const files = (address: string | undefined = '10.96.0.10', flags: readonly string[] = []): readonly NodeFile[] =>
    nodeFilesOf(parseImagePullsConfig([...node.flags, ...flags], {}), { address, ca });
  const messages = ({ problems }: ReturnType<typeof installFiles>): readonly string[] =>
    problems.map(({ message }) => message);
  const install = (...args: Parameters<typeof files>): readonly string[] => messages(installFiles(files(...args)));
  const uninstall = (): readonly string[] => messages(uninstallFiles(files()));
  const inodes = (): readonly number[] => node.list().map((line) => statSync(node.at(line.slice(4))).ino);

  it('are written with their modes whatever the umask is, are those of the chart, and uninstalled leave nothing', () => {
    const umask = process.umask(0o077);
    try {
      assert.deepEqual(install(), []);
    } finally {
      process.umask(umask);
    }
    assert.deepEqual(node.list(), all);
    const unsigned = (text: string): string => text.replace(/^# Written by connectors-csi .*\n/m, '');
    for (const [file, where] of [
      [script, ['providers', script]],
      ['hosts.toml', ['containerd', 'connectors.local', 'hosts.toml']],
    ] as const) {
      assert.equal(
        unsigned(node.read(...where)),
        readFileSync(path.join(chartFolder, 'files', 'image-pulls', file), 'utf8'),
      );
    }
    assert.equal(unsigned(node.read('crio', 'connectors.local', 'ca.crt')).trim(), ca.trim());
    assert.match(node.read('providers', script), /^#!\/bin\/sh\n# Written by /);
    assert.deepEqual(uninstall(), []);
    assert.deepEqual(node.list(), []);
  });

  it('are not written again while nothing changes, and only those that changed', () => {
    install();
    const before = inodes();
    assert.deepEqual(installFiles(files()), { changed: [], problems: [] });
    assert.deepEqual(inodes(), before);
    ca += newCa();
    const { changed } = installFiles(files());
    assert.deepEqual(
      changed.map((file) => path.relative(node.root, file)),
      ['containerd/connectors.local/ca.crt', 'crio/connectors.local/ca.crt'],
    );
    assert.equal(installFiles(files('fd00::1', ['--proxy-port', '8443'])).changed.length, 1);
    assert.match(node.read('containerd', 'connectors.local', 'hosts.toml'), /^\[host."https:\/\/\[fd00::1\]:8443"\]$/m);
    assert.deepEqual(node.list(), all);
  });

  it('stay while their content is not known', () => {
    install();
    const before = inodes();
    assert.deepEqual(messages(installFiles(files().map((file) => ({ ...file, text: undefined })))), []);
    assert.deepEqual(inodes(), before);
    rmSync(node.at('containerd', 'connectors.local'), { recursive: true });
    installFiles(files().map((file) => (file.name === script ? file : { ...file, text: undefined })));
    assert.ok(!node.list().some((line) => line.includes('containerd/')));
  });

  it('are mended if one is missing, has another mode or is left half written', () => {
    install();
    unlinkSync(node.at('crio', 'connectors.local', 'ca.crt'));
    chmodSync(node.at('providers', script), 0o666);
    writeFileSync(node.at('providers', `.${script}.connectors-csi`), 'half');
    rmSync(node.at('containerd', 'connectors.local'), { recursive: true });
    assert.deepEqual(install(), []);
    assert.deepEqual(node.list(), all);
  });

  it('of an administrator are neither replaced nor removed, also after a change by hand, and the others are written', () => {
    const hosts = node.at('containerd', 'connectors.local', 'hosts.toml');
    mkdirSync(path.dirname(hosts));
    writeFileSync(hosts, 'server = "https://mine"\n');
    assert.deepEqual(install(), [
      `${hosts} was written or changed by an administrator and is not replaced: remove the file, or set the flag of its directory to an empty value`,
    ]);
    assert.deepEqual(node.list(), all);
    const provider = node.at('providers', script);
    writeFileSync(provider, node.read('providers', script).replace('set -u', 'set -eu'));
    ca = newCa();
    assert.equal(install().length, 2);
    const removed = uninstall();
    assert.deepEqual(
      removed.map((message) => message.replace(/ was written.*/, '')),
      [provider, hosts],
    );
    assert.deepEqual(node.list(), [
      '644 containerd/connectors.local/hosts.toml',
      '755 containerd/connectors.local',
      `755 providers/${script}`,
    ]);
    assert.equal(readFileSync(hosts, 'utf8'), 'server = "https://mine"\n');
  });

  it('can be there already, as from the image of the node, and then stay on uninstalling', () => {
    const [provider] = files();
    const file = node.at('providers', script);
    writeFileSync(file, provider?.text ?? '', { mode: 0o755 });
    assert.deepEqual(install(), []);
    assert.equal(node.read('providers', script), provider?.text);
    assert.match(uninstall().join(), /is not removed/);
    assert.deepEqual(node.list(), [`755 providers/${script}`]);
  });

  it('of another version are replaced', () => {
    install();
    const older = files().map((file) => ({ ...file, text: `${file.text ?? ''}# older\n` }));
    assert.equal(installFiles(older).changed.length, 4);
    assert.equal(installFiles(files()).changed.length, 4);
  });

  it('leave files of others in their folders', () => {
    install();
    writeFileSync(node.at('crio', 'connectors.local', 'client.cert'), 'mine');
    mkdirSync(node.at('containerd', 'docker.io'));
    assert.deepEqual(uninstall(), []);
    assert.deepEqual(node.list(), [
      '644 crio/connectors.local/client.cert',
      '755 containerd/docker.io',
      '755 crio/connectors.local',
    ]);
  });

  describe('are not written where a symbolic link leads, which can be outside of the mount:', () => {
    let outside: string;
    beforeEach(() => {
      outside = node.at('outside');
      mkdirSync(outside);
      writeFileSync(path.join(outside, 'target'), 'untouched');
    });
    afterEach(() => {
      assert.equal(readFileSync(path.join(outside, 'target'), 'utf8'), 'untouched');
      assert.deepEqual(execFileSync('ls', [outside], { encoding: 'utf8' }), 'target\n');
    });

    it('a file', () => {
      symlinkSync(path.join(outside, 'target'), node.at('providers', script));
      symlinkSync(path.join(outside, 'none'), node.at('providers', `.${script}.connectors-csi`));
      const problem = `${node.at('providers', script)} is a symbolic link, which is not followed: remove it`;
      assert.deepEqual(install(), [problem]);
      assert.deepEqual(uninstall(), [problem]);
      assert.ok(lstatSync(node.at('providers', script)).isSymbolicLink());
    });

    it('the name of an unfinished file', () => {
      symlinkSync(path.join(outside, 'target'), node.at('providers', `.${script}.connectors-csi`));
      assert.deepEqual(install(), []);
      assert.deepEqual(node.list(), all);
    });

    it('a folder', () => {
      symlinkSync(outside, node.at('containerd', 'connectors.local'));
      const problem = `${node.at('containerd', 'connectors.local')} is a symbolic link, which is not followed: remove it`;
      assert.deepEqual(install(), [problem]);
      assert.deepEqual(uninstall(), [problem]);
    });

    it('a part of the path of a directory', () => {
      symlinkSync(node.root, node.at('link'));
      const [problem = ''] = install(undefined, ['--containerd-dir', node.at('link', 'outside')]);
      assert.match(problem, /leads over a symbolic link to .*outside of the mount: mount the target of the link/);
    });
  });

  it('are not written over what is no file', () => {
    mkdirSync(node.at('providers', script));
    execFileSync('mkfifo', [node.at('crio', 'connectors.local')]);
    assert.deepEqual(install(), [
      `${node.at('providers', script)} is not a regular file: remove it`,
      `cannot open directory ${node.at('crio', 'connectors.local')}: ENOTDIR: remove the file that is in the place of the directory`,
    ]);
  });

  it('need a directory that exists', () => {
    rmSync(node.crio, { recursive: true });
    assert.deepEqual(install(), [`cannot open directory ${node.crio}: ENOENT: mount the directory of the node`]);
  });

  it('stay as they were on a full disk, and are written when there is space', () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12k', 'tmpfs', node.containerd]);
    install();
    const before = node.read('containerd', 'connectors.local', 'ca.crt');
    const ballast = node.at('containerd', 'ballast');
    writeFileSync(ballast, Buffer.alloc(4096));
    ca += newCa();
    assert.deepEqual(install(), [
      `cannot write ${node.at('containerd', 'connectors.local', 'ca.crt')}: ENOSPC: free space on the node`,
    ]);
    assert.equal(node.read('containerd', 'connectors.local', 'ca.crt'), before);
    rmSync(ballast);
    assert.deepEqual(install(), []);
    assert.notEqual(node.read('containerd', 'connectors.local', 'ca.crt'), before);
  });

  it('cannot be written, and not be removed, on a node that is read-only', () => {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', node.providers]);
    execFileSync('mount', ['-o', 'remount,bind,ro', node.providers]);
    assert.deepEqual(uninstall(), []);
    const reason = 'EROFS: name a directory of the node that can be written';
    assert.deepEqual(install(), [`cannot write ${node.at('providers', script)}: ${reason}`]);
    execFileSync('mount', ['-o', 'remount,bind,rw', node.providers]);
    assert.deepEqual(install(), []);
    execFileSync('mount', ['-o', 'remount,bind,ro', node.providers]);
    assert.match(uninstall().join(), /^cannot remove .*EROFS/);
  });
});
