import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess, type SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KubeletClient } from '../support/driver/kubelet-client.ts';
import { TestVolume } from '../support/driver/test-volume.ts';
import { repository } from '../support/deploy/manifests.ts';
import { ImageBuilder, ownArchitecture } from '../support/image/image-builder.ts';
import { missingForArm64 } from '../support/e2e/arm64.ts';
import { freePort, missingPrograms, untilListening } from '../support/e2e/programs.ts';

interface Instance {
  readonly digest: string;
  readonly platform: { readonly architecture: string; readonly os: string };
}

interface Configuration {
  readonly architecture: string;
  readonly os: string;
  readonly config: { readonly Labels: Readonly<Record<string, string>> };
}

const { version } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as { version: string };
const callThroughKoffi = `import('/app/node_modules/koffi/index.js').then(({ default: koffi }) => {
  const getpid = koffi.load('libc.so.6').func('int getpid()');
  console.log(getpid() === process.pid);
})`;

describe('the image', function () {
  this.timeout(300_000);

  const builder = new ImageBuilder();
  const missingOfArm64 = ownArchitecture === 'arm64' ? 'it is the own one' : missingForArm64();
  const architectures = missingOfArm64 === undefined ? [ownArchitecture, 'arm64'] : [ownArchitecture];
  let images: string[];
  /** Of this machine's architecture. */
  let image: string;
  let root: string;

  before(function () {
    // Debian's packages `buildah` and `netavark`, and root. CI has both, and counts a skipped test as failed.
    if (!builder.isAvailable()) {
      console.log('      skipped: it needs buildah, netavark and real root');
      this.skip();
    }
    builder.makeBase(architectures);
    images = architectures.map((architecture) => builder.build(architecture));
    [image = ''] = images;
    root = builder.mount(image);
  });
  after(() => {
    builder.remove();
  });

  const node = (...args: string[]): SpawnSyncReturns<string> =>
    spawnSync('chroot', [root, '/usr/local/bin/node', ...args], { encoding: 'utf8' });

  it('holds Node, the bundle and koffi, and nothing to get a shell with', () => {
    assert.deepEqual(readdirSync(path.join(root, 'usr/local/bin')), ['node']);
    assert.deepEqual(readdirSync(path.join(root, 'app')).sort(), ['LICENSE', 'dist', 'node_modules', 'package.json']);
    // Most are named by their content.
    const codeIn = (folder: string): string[] =>
      readdirSync(folder)
        .map((name) => name.replace(/-[0-9A-Z]{8}\.js$/, '-*.js'))
        .sort();
    const code = codeIn(path.join(root, 'app/dist'));
    assert.deepEqual(code, codeIn(path.join(repository, 'dist')));
    const named = code.filter((name) => !name.endsWith('-*.js'));
    assert.deepEqual(named, ['NOTICES.txt', 'main.js', 'program.js', 'render-worker.js', 'sbom.cdx.json']);
    assert.deepEqual(readdirSync(path.join(root, 'app/node_modules')).sort(), ['@koromix', 'koffi']);
    assert.equal(readdirSync(path.join(root, 'app/node_modules/@koromix')).length, 1);
    // The others' are in NOTICES.txt, those of Node and its libraries where the base has them.
    assert.match(readFileSync(path.join(root, 'app/node_modules/koffi/LICENSE.txt'), 'utf8'), /MIT License/);
    assert.ok(!existsSync(path.join(root, 'bin')) && !existsSync(path.join(root, 'usr/bin')));
    const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const executables = files.filter(({ name }) => ['sh', 'bash', 'busybox', 'npm', 'mount'].includes(name));
    assert.deepEqual(executables, []);
  });

  it('starts the driver with no argument, as root, and says what it is', () => {
    const configuration = builder.configuration(image) as {
      Entrypoint: string[];
      Cmd: string[];
      User: string;
      Labels: Record<string, string>;
      Healthcheck?: unknown;
    };
    assert.deepEqual(configuration.Entrypoint, ['node', '/app/dist/main.js']);
    assert.deepEqual(configuration.Cmd, ['serve']);
    assert.equal(configuration.User, '0:0');
    assert.equal(configuration.Healthcheck, undefined);
    for (const label of ['title', 'description', 'licenses', 'version', 'revision']) {
      assert.ok(configuration.Labels[`org.opencontainers.image.${label}`], label);
    }
  });

  it('calls the system through koffi', () => {
    assert.equal(node('-e', callThroughKoffi).stdout, 'true\n');
  });

  it('knows its version and its commands', () => {
    assert.equal(node('/app/dist/main.js', '--version').stdout, `${version}\n`);
    assert.match(node('/app/dist/main.js', 'serve', '--help').stdout, /--kubelet-dir/);
    const { status, stderr } = node('/app/dist/main.js', 'nonsense');
    assert.equal(status, 2);
    assert.match(stderr, /unknown command "nonsense"/);
  });

  describe('for arm64, made on this machine', () => {
    let arm64Root: string;

    before(function () {
      if (missingOfArm64 !== undefined) {
        console.log(`      skipped: ${missingOfArm64}`);
        this.skip();
      }
      arm64Root = builder.mount(images[1]!);
      // One binary without libraries, which needs nothing of the image.
      spawnSync('sh', ['-c', 'cp "$(command -v qemu-aarch64)" "$0/qemu"', arm64Root]);
    });

    // Code that V8 makes is code that qemu has to translate first.
    const run = (...args: string[]): SpawnSyncReturns<string> =>
      spawnSync('chroot', [arm64Root, '/qemu', '/usr/local/bin/node', '--jitless', ...args], { encoding: 'utf8' });

    it('holds the same program, with the libraries of that processor', () => {
      // BuildKit, unlike buildah, takes a default in the file before what it knows itself.
      assert.match(readFileSync(path.join(repository, 'Dockerfile'), 'utf8'), /^ARG TARGETARCH$/m);
      assert.deepEqual(readdirSync(path.join(arm64Root, 'app/node_modules/@koromix')), ['koffi-linux-arm64']);
      assert.deepEqual(readdirSync(path.join(arm64Root, 'lib')), ['aarch64-linux-gnu', 'ld-linux-aarch64.so.1']);
      for (const name of readdirSync(path.join(root, 'app/dist'))) {
        const [own, other] = [root, arm64Root].map((folder) => readFileSync(path.join(folder, 'app/dist', name)));
        assert.ok(own!.equals(other!), name);
      }
    });

    it('starts, and calls the system', () => {
      assert.equal(run('/app/dist/main.js', '--version').stdout, `${version}\n`);
      assert.equal(run('-e', `console.log(process.arch); ${callThroughKoffi}`).stdout, 'arm64\ntrue\n');
    });
  });

  it('adds less than 25 MB to Node itself', () => {
    const nodeBytes = statSync(path.join(root, 'usr/local/bin/node')).size;
    assert.ok(builder.sizeBytes(image) - nodeBytes < 25e6);
  });

  describe('in a registry', () => {
    const keys = mkdtempSync(path.join(tmpdir(), 'connectors-csi-keys-'));
    let registry: ChildProcess | undefined;
    let address: string;
    /** Of the list of images. */
    let reference: string;

    const cosign = (...args: string[]): SpawnSyncReturns<string> =>
      spawnSync('cosign', args, { encoding: 'utf8', cwd: keys, env: { ...process.env, COSIGN_PASSWORD: 'test' } });

    const inspect = (what: '--raw' | '--config', one: string): unknown => {
      const { stdout } = spawnSync('skopeo', ['inspect', '--tls-verify=false', what, `docker://${one}`]);
      return JSON.parse(stdout.toString());
    };
    const instances = (): Instance[] => (inspect('--raw', reference) as { manifests: Instance[] }).manifests;

    before(async function () {
      if (missingPrograms('docker-registry', 'skopeo', 'cosign').length > 0) {
        console.log('      skipped: it needs docker-registry, skopeo and cosign');
        this.skip();
      }
      const port = await freePort();
      const configuration = {
        version: 0.1,
        storage: { filesystem: { rootdirectory: path.join(keys, 'blobs') } },
        http: { addr: `127.0.0.1:${port}` },
      };
      writeFileSync(path.join(keys, 'registry.json'), JSON.stringify(configuration));
      registry = spawn('docker-registry', ['serve', path.join(keys, 'registry.json')], { stdio: 'ignore' });
      await untilListening(port);
      address = `127.0.0.1:${port}/connectors-csi`;
      reference = builder.push(builder.list('localhost/connectors-csi', images), address);
      assert.equal(cosign('generate-key-pair').status, 0);
      assert.equal(cosign('generate-key-pair', '--output-key-prefix', 'other').status, 0);
    });
    after(() => {
      registry?.kill('SIGKILL');
      rmSync(keys, { recursive: true, force: true });
    });

    it('is one name for every architecture', () => {
      assert.deepEqual(
        instances().map(({ platform }) => platform),
        architectures.map((architecture) => ({ architecture, os: 'linux' })),
      );
      for (const { digest, platform } of instances()) {
        const { architecture, os, config } = inspect('--config', `${address}@${digest}`) as Configuration;
        assert.deepEqual({ architecture, os }, platform);
        assert.equal(config.Labels['org.opencontainers.image.version'], version);
      }
    });

    it('is the same, to its digest, when it is built again', () => {
      assert.equal(builder.digest(builder.build(ownArchitecture, 'localhost/again')), builder.digest(image));
    });

    it('can be signed with all its images, and verified with that key and no other', () => {
      const offline = '--insecure-ignore-tlog=true';
      const all = [reference, ...instances().map(({ digest }) => `${address}@${digest}`)];
      for (const one of all) assert.notEqual(cosign('verify', '--key', 'cosign.pub', offline, one).status, 0);
      const flags = ['--yes', '--recursive', '--key', 'cosign.key', '--tlog-upload=false'];
      const signed = cosign('sign', ...flags, reference);
      assert.equal(signed.status, 0, signed.stderr);
      for (const one of all) {
        const verified = cosign('verify', '--key', 'cosign.pub', offline, one);
        assert.equal(verified.status, 0, verified.stderr);
        assert.match(verified.stdout, new RegExp(one.split('@')[1] ?? ''));
        assert.notEqual(cosign('verify', '--key', 'other.pub', offline, one).status, 0);
      }
    });

    it('carries its bill of materials as a signed statement', () => {
      const bill = path.join(root, 'app/dist/sbom.cdx.json');
      const kind = ['--type', 'cyclonedx', '--key'];
      const attested = cosign(
        'attest',
        '--yes',
        '--tlog-upload=false',
        ...kind,
        'cosign.key',
        '--predicate',
        bill,
        reference,
      );
      assert.equal(attested.status, 0, attested.stderr);
      const verified = cosign('verify-attestation', '--insecure-ignore-tlog=true', ...kind, 'cosign.pub', reference);
      assert.equal(verified.status, 0, verified.stderr);
      const { payload } = JSON.parse(verified.stdout) as { payload: string };
      const { predicate } = JSON.parse(Buffer.from(payload, 'base64').toString()) as { predicate: unknown };
      assert.deepEqual(predicate, JSON.parse(readFileSync(bill, 'utf8')));
    });
  });

  describe('run with a read-only root, as in the DaemonSet', () => {
    const volume = new TestVolume('/var/lib/kubelet');
    let here: string;
    let driver: ChildProcess;
    let kubelet: KubeletClient;

    before(async () => {
      // A short path: a socket's is bounded to 107 bytes. The mounts end with the namespace that the suite runs in.
      here = mkdtempSync(path.join(tmpdir(), 'image-'));
      mount('--bind', root, here);
      for (const folder of ['proc', 'var/lib/kubelet']) mkdirSync(path.join(here, folder), { recursive: true });
      cpSync(path.join(repository, 'test', 'demo', 'manifests'), path.join(here, 'manifests'), { recursive: true });
      mount('-t', 'proc', 'proc', path.join(here, 'proc'));
      mount('-t', 'tmpfs', 'kubelet', path.join(here, 'var/lib/kubelet'));
      // As the DaemonSet's Bidirectional makes it; its only peer is in this namespace.
      mount('--make-shared', path.join(here, 'var/lib/kubelet'));
      mount('-o', 'remount,bind,ro', here);
      mkdirSync(path.join(here, volume.parent), { recursive: true });
      const socket = '/var/lib/kubelet/plugins/connectors-csi/csi.sock';
      const flags = [
        '--node-name=n',
        '--registration-dir=/var/lib/kubelet',
        '--http-address=',
        `--endpoint=unix://${socket}`,
      ];
      flags.push('--connector-source=directory', '--manifests=/manifests', '--log-level=warn');
      driver = spawn('chroot', [here, '/usr/local/bin/node', '/app/dist/main.js', 'serve', ...flags], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { PATH: process.env['PATH'] },
      });
      kubelet = new KubeletClient(path.join(here, socket));
      await kubelet.untilReady();
    });
    after(async () => {
      driver.kill('SIGTERM');
      if (driver.exitCode === null) await once(driver, 'exit');
      spawnSync('umount', ['--recursive', here]);
      rmdirSync(here);
    });

    it('publishes a volume and unpublishes it', async () => {
      await kubelet.publishVolume(volume, { attributes: { connectors: 'harbor,github' } });
      const target = path.join(here, volume.target);
      assert.match(readFileSync(path.join(target, '.env'), 'utf8'), /^http_proxy=http:\/\/ci%2Fharbor,ci%2Fgithub:/);
      assert.notEqual(statSync(target).dev, statSync(path.dirname(target)).dev);
      await kubelet.unpublishVolume(volume);
      assert.ok(!existsSync(target));
    });
  });
});

function mount(...args: string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}
