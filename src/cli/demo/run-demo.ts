import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CodedError } from '../../errors.js';
import type { CommandContext } from '../command.js';
import type { DemoVolume } from './demo-kubelet.js';
import { DemoKubelet } from './demo-kubelet.js';
import { DemoManifests } from './demo-manifests.js';
import { DemoProgram } from './demo-program.js';
import { DemoProxy } from './demo-proxy.js';
import { DemoRegistry } from './demo-registry.js';
import { DemoSteps } from './demo-steps.js';
import { DemoTokens } from './demo-tokens.js';
import { pullAndPush } from './registry-scenario.js';
import { runVolumeScenario } from './volume-scenario.js';

export interface DemoOptions {
  /** Empty: the project's own. */
  readonly manifests: string;
  readonly connectors: string;
  readonly configurationNames: string;
  readonly namespace: string;
}

/**
 * Runs the demo: starts registry, proxy and driver as processes of their own, and plays the kubelet and a program in
 * the pod. With the user's own manifests there is neither registry nor proxy, as the addresses of their tools are
 * unknown.
 */
export async function runDemo(context: CommandContext, options: DemoOptions): Promise<number> {
  const isOurs = options.manifests === '';
  const manifests = isOurs ? projectManifests(context.self) : path.resolve(options.manifests);
  assertReadable(manifests);
  const root = mkdtempSync(path.join(tmpdir(), 'connectors-csi-demo-'));
  const steps = new DemoSteps(context.stdout);
  const tokens = new DemoTokens();
  const volume = demoVolume(path.join(root, 'kubelet'), options);
  const cleanups: (() => unknown)[] = [() => rmSync(root, { recursive: true, force: true })];
  try {
    context.stdout(`connectors from ${manifests}\n${describe(volume)}\n\n`);
    const front = isOurs
      ? await startRegistryAndProxy(context, { root, manifests, volume, tokens, steps, cleanups })
      : undefined;
    const driverManifests = front?.manifests.directory ?? manifests;
    const kubelet = await startDriver(context, { root, manifests: driverManifests, steps, cleanups });
    // If unpublishing fails, the error must not hide an earlier one.
    cleanups.push(() => kubelet.unpublish(volume).catch(() => undefined));
    await runVolumeScenario({ steps, kubelet, volume, tokens }, async () => {
      if (front !== undefined) await pullAndPush({ steps, volume, tokens, ...front });
    });
    return 0;
  } finally {
    for (const clean of cleanups.reverse()) await clean();
  }
}

interface DemoEnvironment {
  readonly root: string;
  readonly manifests: string;
  readonly steps: DemoSteps;
  /** Called in reverse order when the demo ends. */
  readonly cleanups: (() => unknown)[];
}

/** Starts the registry and the proxy. */
async function startRegistryAndProxy(
  { self, stderr }: CommandContext,
  environment: DemoEnvironment & { readonly volume: DemoVolume; readonly tokens: DemoTokens },
): Promise<{ readonly registry: DemoRegistry; readonly proxy: DemoProxy; readonly manifests: DemoManifests }> {
  const { root, steps, cleanups, volume, tokens } = environment;
  const directoryFor = (name: string): string => {
    const directory = path.join(root, name);
    mkdirSync(directory);
    return directory;
  };
  const registry = await steps.play(
    'a registry starts, which wants a password',
    () => DemoRegistry.start(directoryFor('registry')),
    (started) => `${started.description}, behind TLS at ${started.url}`,
  );
  cleanups.push(() => registry.stop());
  const manifests = new DemoManifests(path.join(root, 'manifests'));
  manifests.writeForProxy(volume.pod, registry.ca);
  const proxy = await steps.play(
    'the proxy starts, which has the password',
    () =>
      DemoProxy.start({
        ...{ directory: directoryFor('proxy'), manifests: manifests.directory, jwks: tokens.jwks() },
        ...{ self, onLog: stderr },
      }),
    ({ port }) => `at 127.0.0.1:${port}; only it can resolve the name of the registry`,
  );
  cleanups.push(() => proxy.stop());
  manifests.writeConnectors(environment.manifests, proxy, registry.url);
  return { registry, proxy, manifests };
}

async function startDriver(
  { self, stderr }: CommandContext,
  { root, manifests, steps, cleanups }: DemoEnvironment,
): Promise<DemoKubelet> {
  const kubeletDir = path.join(root, 'kubelet');
  const socketPath = path.join(root, 'csi', 'csi.sock');
  mkdirSync(path.join(kubeletDir, 'pods'), { recursive: true });
  const flags = [
    ...['--endpoint', `unix://${socketPath}`, '--node-name', 'demo', '--kubelet-dir', kubeletDir],
    ...['--connector-source', 'directory', '--manifests', manifests, '--log-level', 'warn'],
    ...['--registration-dir', '', '--http-address', '', '--skip-propagation-check'],
  ];
  const driver = new DemoProgram('driver', [...self, 'serve', ...flags], (line) => stderr(`${line}\n`));
  cleanups.push(() => driver.stop());
  const kubelet = new DemoKubelet(socketPath);
  await steps.play('the driver starts and is ready', () =>
    driver.until(async () => ((await kubelet.isReady()) ? true : undefined)),
  );
  return kubelet;
}

/** Returns deploy/examples/demo next to dist/ (or src/). */
function projectManifests(self: readonly string[]): string {
  return path.resolve(path.dirname(self.at(-1) ?? ''), '..', 'deploy', 'examples', 'demo');
}

function assertReadable(manifests: string): void {
  try {
    readdirSync(manifests);
  } catch (error) {
    throw new CodedError('FAILED_PRECONDITION', 'the directory of manifests cannot be read (see --manifests)', {
      cause: error,
    });
  }
}

function demoVolume(kubeletDir: string, options: DemoOptions): DemoVolume {
  const uid = '0f5d0c9e-7c1a-4d8e-9a53-3a1c2b4d5e6f';
  const name = 'connectors';
  return {
    volumeId: `csi-${createHash('sha256').update(`${uid}${name}`).digest('hex')}`,
    targetPath: path.join(kubeletDir, 'pods', uid, 'volumes', 'kubernetes.io~csi', name, 'mount'),
    attributes: {
      connectors: options.connectors,
      ...(options.configurationNames === '' ? {} : { 'configuration.names': options.configurationNames }),
    },
    pod: { namespace: options.namespace, name: 'build-image-pod', uid, serviceAccountName: 'builder' },
  };
}

function describe({ pod, attributes }: DemoVolume): string {
  const written = Object.entries(attributes).map(([name, value]) => `${name}: ${value}`);
  return `volume of pod ${pod.namespace}/${pod.name}: ${written.join('; ')}`;
}
