// `npm run demo`: driver and proxy at work on one machine, without a cluster. The real programs, a real socket, a real
// tmpfs, and a registry; the kubelet is played.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { styleText } from 'node:util';
import { wrapped } from '../../src/shared/message-text.ts';
import { describeFlags, parseFlags, toggle } from '../../src/shared/process/flags.ts';
import { DriverProcess } from '../support/driver/driver-process.ts';
import { TestVolume } from '../support/driver/test-volume.ts';
import { uidOf } from '../support/proxy/keys.ts';
import { ProcessFixture } from '../support/proxy/process-fixture.ts';
import { toolAuthority } from '../support/proxy/tool-server.ts';
import { Manifests, objectsForProxy } from './manifests.ts';
import { Registry, registryHost } from './registry.ts';
import { attributes, playVolume } from './story.ts';
import type { Output } from './story.ts';

const flags = { verbose: toggle('all calls, and the content of all files') } as const;

const manifestsFolder = path.join(import.meta.dirname, 'manifests');
const podName = 'build-image-pod';

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
  const root = mkdtempSync(path.join(tmpdir(), 'csi-demo-'));
  const cleanups: (() => unknown)[] = [() => rmSync(root, { recursive: true, force: true })];
  const inRoot = (name: string): string => path.join(root, name);
  const out = output(isVerbose);
  try {
    const volume = new TestVolume(inRoot('kubelet'), { name: podName, uid: uidOf(podName) });
    volume.prepare();
    const registry = new Registry();
    await registry.start();
    cleanups.push(() => registry.stop());
    out.step('a registry starts, which requires a password');

    const manifests = new Manifests(manifestsFolder, registry.url);
    const forProxy = objectsForProxy(volume.pod, toolAuthority.certificate);
    const cluster = await ProcessFixture.start([...manifests.objects, ...forProxy]);
    cleanups.push(() => cluster.stop());
    const proxy = await cluster.replica([registryHost]);
    out.step('the proxy starts, the only program that has the password');

    manifests.write(inRoot('manifests'), { port: proxy.port, ca: cluster.authority });
    const driver = await DriverProcess.start(driverPlace(root, inRoot('manifests')), ['--log-level', 'warn']);
    cleanups.push(() => driver.stop());
    out.step(`the driver starts; a pod names the connectors ${attributes.connectors}`);

    const { kubelet } = driver;
    // If unpublishing fails, the error must not hide an earlier one.
    cleanups.push(() => kubelet.unpublishVolume(volume).catch(() => undefined));
    await playVolume({ kubelet, volume, cluster, registry, proxy }, out);
  } finally {
    for (const clean of cleanups.reverse()) await clean();
  }
}

/** The driver's socket, and its flags. */
function driverPlace(root: string, manifests: string): { readonly socketPath: string; readonly flags: string[] } {
  const socketPath = path.join(root, 'csi', 'csi.sock');
  const flags = [
    ...['--endpoint', `unix://${socketPath}`, '--node-name', 'demo', '--kubelet-dir', path.join(root, 'kubelet')],
    ...['--connector-source', 'directory', '--manifests', manifests, '--registration-dir', root],
    ...['--http-address', '', '--skip-propagation-check'],
  ];
  return { socketPath, flags };
}

/** Writes a line, on a terminal in color and in lines of whole words. */
function write(line: string): void {
  const { isTTY, columns } = process.stdout;
  const lines = isTTY ? wrapped(line, columns - 5) : [line];
  const color = /^ *✔/.test(line) ? 'green' : /^ *✘/.test(line) ? 'red' : /^\d+\. /.test(line) ? 'blue' : 'reset';
  for (const [at, each] of lines.entries()) {
    const text = `${at === 0 ? '' : '     '}${each}`;
    process.stdout.write(`${color === 'reset' ? text : styleText(color, text)}\n`);
  }
}

function output(isVerbose: boolean): Output {
  let count = 0;
  const line = (text: string): void => {
    for (const each of text.trimEnd().split('\n')) write(each === '' ? '' : `   ${each}`);
  };
  return {
    step: (text) => write(`${(count += 1)}. ${text}`),
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
