import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DriverError } from '../../errors.js';
import type { CommandContext } from '../command.js';
import type { DemoVolume } from './demo-kubelet.js';
import { DemoKubelet } from './demo-kubelet.js';

export interface DemoOptions {
  /** Empty: the project's own. */
  readonly manifests: string;
  readonly connectors: string;
  readonly configurationNames: string;
  readonly namespace: string;
}

const startTimeoutMs = 20_000;

/** Starts the driver as a process of its own and plays the kubelet's part against it, from the first mount to the last call. */
export async function playDemo(context: CommandContext, options: DemoOptions): Promise<number> {
  const manifests = options.manifests === '' ? projectManifests(context.self) : path.resolve(options.manifests);
  assertReadable(manifests);
  const root = mkdtempSync(path.join(tmpdir(), 'connectors-csi-demo-'));
  const kubeletDir = path.join(root, 'kubelet');
  const socketPath = path.join(root, 'csi', 'csi.sock');
  mkdirSync(path.join(kubeletDir, 'pods'), { recursive: true });
  const driver = startDriver(context, { kubeletDir, socketPath, manifests });
  const kubelet = new DemoKubelet(socketPath);
  const volume = demoVolume(kubeletDir, options);
  try {
    await play(context, manifests, kubelet, driver, volume);
    return 0;
  } catch (error) {
    // What is still mounted could not be removed, and that failure would hide this one.
    await kubelet.unpublish(volume).catch(() => undefined);
    throw error;
  } finally {
    driver.kill('SIGTERM');
    if (driver.exitCode === null && driver.signalCode === null) {
      await new Promise((resolve) => driver.once('exit', resolve));
    }
    rmSync(root, { recursive: true, force: true });
  }
}

async function play(
  { stdout }: CommandContext,
  manifests: string,
  kubelet: DemoKubelet,
  driver: ChildProcess,
  volume: DemoVolume,
): Promise<void> {
  const { targetPath } = volume;
  let number = 0;
  const step = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const startMs = performance.now();
    const result = await work();
    stdout(`${++number}. ${what} (${(performance.now() - startMs).toFixed(1)} ms)\n`);
    return result;
  };

  stdout(
    `connectors from ${manifests}\nvolume of pod ${volume.pod.namespace}/${volume.pod.name}: ${describeAttributes(volume)}\n\n`,
  );
  await step('the driver starts and is ready', () => untilReady(kubelet, driver));
  mkdirSync(path.dirname(targetPath), { recursive: true, mode: 0o750 });
  const capabilities = await step('NodeGetCapabilities', () => kubelet.capabilities());
  stdout(`   ${capabilities.join(', ')}\n`);
  await step('NodePublishVolume: a tmpfs with all files appears at the target', () =>
    kubelet.publish(volume, tokensFor(volume)),
  );
  stdout(indent(`${treeOf(targetPath)}\n${contentsOf(targetPath)}`));
  const environment = environmentOf(targetPath);
  if (environment !== undefined) {
    stdout(`\nwhat a task sees: $ set -a; . ./.env; set +a; env | grep _proxy=\n${indent(environment)}\n`);
  }

  const before = statSync(targetPath).ino;
  const renewedTokens = tokensFor(volume);
  const oldToken = tokenIn(targetPath);
  await step('NodePublishVolume again with a renewed token: rewritten in place', () =>
    kubelet.publish(volume, renewedTokens),
  );
  const newToken = tokenIn(targetPath);
  const isRenewed = oldToken === undefined || newToken !== oldToken;
  if (!isRenewed || statSync(targetPath).ino !== before) {
    throw new DriverError('INTERNAL', 'the republish did not rewrite the token in place');
  }
  if (oldToken !== undefined && newToken !== undefined) {
    stdout(`   context.token ${shorten(oldToken)} -> ${shorten(newToken)}, same mount\n`);
  }
  await step('NodePublishVolume again, nothing changed: nothing is written', () =>
    kubelet.publish(volume, renewedTokens),
  );
  stdout(`   ${await step('NodeGetVolumeStats', () => kubelet.statistics(volume))}\n`);
  await step('NodeUnpublishVolume: unmounted and removed', () => kubelet.unpublish(volume));
  if (existsSync(targetPath) || readFileSync('/proc/self/mountinfo', 'utf8').includes(targetPath)) {
    throw new DriverError('INTERNAL', `${targetPath} is still there`);
  }
  stdout('\nnothing is left mounted\n');
}

/** deploy/examples/demo beside dist/ (or src/). */
function projectManifests(self: readonly string[]): string {
  return path.resolve(path.dirname(self.at(-1) ?? ''), '..', 'deploy', 'examples', 'demo');
}

function assertReadable(manifests: string): void {
  try {
    readdirSync(manifests);
  } catch (error) {
    throw new DriverError('FAILED_PRECONDITION', 'the directory of manifests cannot be read (see --manifests)', {
      cause: error,
    });
  }
}

function startDriver(
  { self: [program, ...words], stderr }: CommandContext,
  { kubeletDir, socketPath, manifests }: Readonly<Record<'kubeletDir' | 'socketPath' | 'manifests', string>>,
): ChildProcess {
  const args = [
    ...['--endpoint', `unix://${socketPath}`, '--node-name', 'demo', '--kubelet-dir', kubeletDir],
    ...['--connector-source', 'directory', '--manifests', manifests, '--log-level', 'warn'],
    ...['--registration-dir', '', '--http-address', '', '--allow-private-mounts'],
  ];
  const driver = spawn(program, [...words, 'serve', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  driver.stderr.setEncoding('utf8').on('data', (text: string) => stderr(text));
  return driver;
}

async function untilReady(kubelet: DemoKubelet, driver: ChildProcess): Promise<void> {
  const deadlineMs = performance.now() + startTimeoutMs;
  while (!(await kubelet.isReady())) {
    if (driver.exitCode !== null || performance.now() > deadlineMs) {
      throw new DriverError('UNAVAILABLE', 'the driver did not become ready; its messages are above');
    }
    await delay(20);
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

function describeAttributes({ attributes }: DemoVolume): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}: ${value}`)
    .join('; ');
}

/** A token as the kubelet passes it, but with a signature that nobody accepts. */
function tokensFor({ pod }: DemoVolume): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const issuedAt = Math.floor(Date.now() / 1000);
  const claims = {
    aud: ['connectors-proxy'],
    iat: issuedAt,
    exp: issuedAt + 1800,
    jti: randomBytes(8).toString('hex'),
    sub: `system:serviceaccount:${pod.namespace}:${pod.serviceAccountName}`,
    'kubernetes.io': {
      namespace: pod.namespace,
      pod: { name: pod.name, uid: pod.uid },
      serviceaccount: { name: pod.serviceAccountName },
    },
  };
  const token = `${part({ alg: 'RS256' })}.${part(claims)}.${randomBytes(64).toString('base64url')}`;
  const expirationTimestamp = new Date(claims.exp * 1000).toISOString();
  return JSON.stringify({ 'connectors-proxy': { token, expirationTimestamp } });
}

function treeOf(targetPath: string): string {
  return readdirSync(targetPath)
    .sort()
    .map((name) => {
      const entry = path.join(targetPath, name);
      return lstatSync(entry).isSymbolicLink() ? `${name} -> ${readlinkSync(entry)}` : `${name}/`;
    })
    .join('\n');
}

function contentsOf(targetPath: string): string {
  return readdirSync(targetPath)
    .filter((name) => !name.startsWith('..'))
    .sort()
    .map((name) => `\n==> ${name}\n${abridge(readFileSync(path.join(targetPath, name), 'utf8'))}`)
    .join('\n');
}

/** Tokens shortened, in Base64 too, certificates reduced to their first line. */
function abridge(content: string): string {
  return content
    .replaceAll(/eyJ[-\w]+\.[-\w]+\.[-\w]+/g, shorten)
    .replaceAll(/[A-Za-z0-9+/]{200,}=*/g, shorten)
    .replaceAll(/(-----BEGIN [A-Z ]+-----)[\s\S]*?(-----END)/g, '$1 … $2')
    .trimEnd();
}

function shorten(token: string): string {
  return `${token.slice(0, 6)}…${token.slice(-6)}`;
}

/** Undefined for a volume without the file. */
function tokenIn(targetPath: string): string | undefined {
  const file = path.join(targetPath, 'context.token');
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** Undefined for a volume without `.env`. */
function environmentOf(targetPath: string): string | undefined {
  if (!existsSync(path.join(targetPath, '.env'))) return undefined;
  const script = 'set -a; . ./.env; set +a; env | grep _proxy= | sort';
  const { stdout, status, stderr } = spawnSync('sh', ['-c', script], { cwd: targetPath, encoding: 'utf8' });
  if (status !== 0) throw new DriverError('INTERNAL', `sh did not take .env: ${stderr}`);
  return abridge(stdout);
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '\n' : `   ${line}\n`))
    .join('');
}
