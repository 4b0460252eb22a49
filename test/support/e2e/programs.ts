import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../poll.ts';

/** Where Debian puts what buildah runs, `netavark`: without it buildah starts nothing, with or without a network. */
const helpers = '/usr/lib/podman';

/** Of the programs, those that are not installed. CI installs all, and counts a skipped test as failed. */
export function missingPrograms(...programs: readonly string[]): string[] {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${helpers}` };
  return programs.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`], { env }).status !== 0);
}

/**
 * The environment of programs that build images, all of whose storage is in a directory. They write outside of it as root
 * only, a lock file of `netavark`, so an ordinary user cannot run them in a user namespace.
 */
export function containersEnvironment(directory: string): NodeJS.ProcessEnv {
  const configuration = path.join(directory, 'storage.conf');
  const storage = { driver: 'vfs', graphroot: path.join(directory, 'storage'), runroot: path.join(directory, 'run') };
  const lines = Object.entries(storage).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`);
  writeFileSync(configuration, `[storage]\n${lines.join('')}`);
  return {
    PATH: `${process.env['PATH'] ?? ''}:${helpers}`,
    BUILDAH_ISOLATION: 'chroot',
    CONTAINERS_STORAGE_CONF: configuration,
  };
}

/** Options by which buildah keeps this process's limits: it would raise them, which an unprivileged container cannot. */
export function ownLimits(): string {
  const text = readFileSync('/proc/self/limits', 'utf8');
  const hardLimits = { nofile: /^Max open files +\S+ +(\d+)/m, nproc: /^Max processes +\S+ +(\d+)/m };
  return Object.entries(hardLimits)
    .map(([name, pattern]) => [name, pattern.exec(text)?.[1]] as const)
    .filter(([, limit]) => limit !== undefined)
    .map(([name, limit]) => `--ulimit ${name}=${limit}:${limit}`)
    .join(' ');
}

/** Skips the suite for an ordinary user. */
export function needsRootForContainers(this: Mocha.Context): void {
  const isRoot = /^\s*0\s+0\s/.test(readFileSync('/proc/self/uid_map', 'utf8')) && process.getuid?.() === 0;
  if (isRoot) return;
  console.log('      skipped: images are built by root only');
  this.skip();
}

export interface Run {
  readonly status: number;
  readonly stdout: string;
  /** Both streams, for messages of failed assertions. */
  readonly output: string;
}

/**
 * Runs a program as a task in a pod would: in a shell, in the volume's directory, after reading `.env` into its
 * environment. Asynchronous, since the servers that it talks to are in this process.
 *
 * @param through words of a program that becomes the one that it is given.
 */
export function runTask(
  directory: string,
  script: string,
  env: NodeJS.ProcessEnv = {},
  through: readonly string[] = [],
): Promise<Run> {
  const read = 'set -a; . ./.env; set +a';
  const [program, ...args] = [...through, 'sh', '-ec', `${read}\n${script}`];
  return run(program, args, directory, env);
}

export function run(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const { PATH, HOME } = process.env;
  // Programs for images read the logins in /run/containers/0 otherwise: those of root, also as an ordinary user, who is
  // root in the namespace of the tests.
  const XDG_RUNTIME_DIR = tmpdir();
  return new Promise((resolve) => {
    execFile(program, [...args], { cwd, env: { PATH, HOME, XDG_RUNTIME_DIR, ...env } }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ status, stdout, output: `${stdout}${stderr}` });
    });
  });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function untilListening(port: number, address = '127.0.0.1'): Promise<void> {
  const answers = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, address);
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  await eventually(`port ${port} answers`, answers, 30_000);
}
