// `npm run demo`: driver and proxy at work on one machine, without a cluster. The real programs, a real socket, a real
// tmpfs, and a registry; the kubelet is played.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeFlags, parseFlags, toggle } from '../../src/shared/process/flags.js';
import { TokenKeys, uidOf } from '../support/proxy/keys.js';
import type { DemoVolume } from './kubelet.js';
import { Kubelet } from './kubelet.js';
import { Manifests } from './manifests.js';
import { Program } from './program.js';
import { Proxy } from './proxy.js';
import { Registry } from './registry.js';
import { playVolume } from './story.js';
import type { Output } from './story.js';

const flags = { verbose: toggle('all calls, and the content of all files') } as const;

const repository = path.join(import.meta.dirname, '..', '..');
const manifestsFolder = path.join(repository, 'test', 'demo', 'manifests');
const self = [process.execPath, path.join(repository, 'dist', 'main.js')] as const;

/** Set for the process that runs inside the private mount namespace. */
const insideVariable = 'CONNECTORS_CSI_DEMO_INSIDE';

/** Starts this program in a mount namespace of its own, so that no mount can remain. */
function inNamespace(args: readonly string[]): number {
  const asUser = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const words = [...asUser, '--mount', '--propagation', 'private', '--'];
  const probe = spawnSync('unshare', [...words, 'true'], { encoding: 'utf8' });
  if (probe.status !== 0) {
    const need = 'the demo mounts a tmpfs in a private mount namespace';
    const problem = probe.error
      ? `for which it needs unshare(1) of util-linux: ${probe.error.message}`
      : `which this machine does not allow (${probe.stderr.trim()}): run it as root with CAP_SYS_ADMIN`;
    throw new Error(`${need}, ${problem}`);
  }
  const command = [process.execPath, ...process.execArgv, import.meta.filename, ...args];
  const env = { ...process.env, [insideVariable]: '1' };
  return spawnSync('unshare', [...words, ...command], { stdio: 'inherit', env }).status ?? 1;
}

async function run(isVerbose: boolean): Promise<void> {
  const root = mkdtempSync(path.join(tmpdir(), 'connectors-csi-demo-'));
  const cleanups: (() => unknown)[] = [() => rmSync(root, { recursive: true, force: true })];
  const directoryOf = (name: string): string => {
    const directory = path.join(root, name);
    mkdirSync(directory);
    return directory;
  };
  const out = output(isVerbose);
  const onLog = (text: string): boolean => process.stderr.write(text);
  try {
    const keys = new TokenKeys();
    const volume = demoVolume(path.join(root, 'kubelet'));
    const registry = await Registry.start(directoryOf('registry'));
    cleanups.push(() => registry.stop());
    out.step(`a registry starts, which requires a password: ${registry.description}`);

    const manifests = new Manifests(path.join(root, 'manifests'));
    manifests.writeForProxy(volume.pod, registry.ca);
    const proxyOptions = { directory: directoryOf('proxy'), manifests: manifests.directory, jwks: await keys.jwks() };
    const proxy = await Proxy.start({ ...proxyOptions, self, onLog });
    cleanups.push(() => proxy.stop());
    out.step('the proxy starts, the only program that has the password');

    manifests.writeConnectors(manifestsFolder, proxy, registry.url);
    const socketPath = path.join(root, 'csi', 'csi.sock');
    mkdirSync(path.join(root, 'kubelet', 'pods'), { recursive: true });
    const driver = new Program('driver', [...self, 'serve', ...driverFlags(root, manifests.directory)], (line) =>
      onLog(`${line}\n`),
    );
    cleanups.push(() => driver.stop());
    const kubelet = new Kubelet(socketPath);
    await driver.until(async () => ((await kubelet.isReady()) ? true : undefined));
    out.step(`the driver starts; a pod names the connectors ${volume.attributes['connectors'] ?? ''}`);

    // If unpublishing fails, the error must not hide an earlier one.
    cleanups.push(() => kubelet.unpublish(volume).catch(() => undefined));
    await playVolume({ kubelet, volume, keys, registry, proxy }, out);
  } finally {
    for (const clean of cleanups.reverse()) await clean();
  }
}

function driverFlags(root: string, manifests: string): readonly string[] {
  return [
    ...['--endpoint', `unix://${path.join(root, 'csi', 'csi.sock')}`, '--node-name', 'demo'],
    ...['--kubelet-dir', path.join(root, 'kubelet'), '--connector-source', 'directory', '--manifests', manifests],
    ...['--registration-dir', '', '--http-address', '', '--skip-propagation-check', '--log-level', 'warn'],
  ];
}

function demoVolume(kubeletDir: string): DemoVolume {
  const [podName, name] = ['build-image-pod', 'connectors'];
  const uid = uidOf(podName);
  return {
    volumeId: `csi-${createHash('sha256').update(`${uid}${name}`).digest('hex')}`,
    targetPath: path.join(kubeletDir, 'pods', uid, 'volumes', 'kubernetes.io~csi', name, 'mount'),
    attributes: { connectors: 'harbor,github', 'configuration.names': 'registry-config,gitconfig' },
    pod: { namespace: 'ci', name: podName, uid, serviceAccountName: 'builder' },
  };
}

function output(isVerbose: boolean): Output {
  let count = 0;
  const line = (text: string): void => {
    for (const each of text.trimEnd().split('\n')) process.stdout.write(each === '' ? '\n' : `   ${each}\n`);
  };
  return {
    step: (text) => process.stdout.write(`${(count += 1)}. ${text}\n`),
    line,
    verbose: (text) => isVerbose && line(text),
  };
}

try {
  const args = process.argv.slice(2);
  if (args.includes('--help')) process.stdout.write(`Usage: npm run demo -- [flags]\n\n${describeFlags(flags)}\n`);
  else {
    const { verbose } = parseFlags(flags, args, {});
    if (process.env[insideVariable] === undefined) process.exitCode = inNamespace(args);
    else {
      await run(verbose);
      process.stdout.write(
        '\nA pod pushed to a registry and pulled from it with a short-lived token. The password never left the proxy.\n' +
          (verbose ? '' : '`npm run demo -- --verbose` shows all calls and files.\n'),
      );
    }
  }
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
