import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { DriverConfig } from '../../driver/config.js';
import { parseServeConfig, serveFlags } from '../../driver/config.js';
import { describeFlags } from '../../process/flags.js';
import { loadSyscalls } from '../../driver/host/linux-syscalls.js';
import { readMountTable } from '../../driver/host/mount-table.js';
import type { Syscalls } from '../../driver/host/syscalls.js';
import type { ClusterConfig } from '../../kube/cluster-config.js';
import { KubeClient } from '../../kube/kube-client.js';
import { limits } from '../../load/limits.js';
import { noLoadObserver } from '../../load/load-observer.js';
import { noObserver } from '../../kube/observer.js';
import { kubeTimings } from '../../kube/timings.js';
import { version } from '../../version.js';
import type { Clock } from '../../clock.js';
import type { Command } from '../command.js';
import { checkApiServer } from './api-server.js';
import { checkAudiences } from './audiences.js';
import { checkCsiDriverObject } from './csi-driver-object.js';
import type { Finding } from './finding.js';
import { asLine, fail, ok, reasonOf } from './finding.js';
import { checkKubeletDirectory } from './kubelet-directory.js';
import { checkMounting } from './mounting.js';
import { checkPermissions } from './permissions.js';
import { checkSelinux } from './selinux.js';
import { checkSockets } from './sockets.js';
import { clusterConfigOf } from '../../driver/kubernetes-backend.js';

export interface Patient {
  readonly config: DriverConfig;
  /** @throws {DriverError} when there is no way to the API server. */
  readonly cluster: () => ClusterConfig;
  readonly syscalls: Syscalls;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** `doctor`: is this node as the driver needs it? Run where the driver runs, with the same flags and environment. */
export const doctor: Command = {
  summary: 'check the node, the cluster and the running driver',
  usage:
    'Usage: connectors-csi doctor [flags]\n\n' +
    'Takes the flags and the environment of "serve". In the container of a running driver, its own flags are the\n' +
    `defaults. Exit status 1 when a line says "fail".\n\nFlags:\n${describeFlags(serveFlags)}\n`,
  run: async ({ args, env, stdout, stopped }) => {
    const config = parseServeConfig([...servingArguments(firstProcess()), ...args], env);
    const findings = await examine({
      config,
      cluster: () => clusterConfigOf(config, env, () => performance.now()),
      syscalls: loadSyscalls(),
      clock: { now: () => Date.now() },
      signal: stopped,
    });
    stdout(findings.map(asLine).join(''));
    return findings.some(({ level }) => level === 'fail') ? 1 : 0;
  },
};

/** All checks; none changes anything. */
export async function examine(patient: Patient): Promise<readonly Finding[]> {
  const { config, syscalls } = patient;
  return [
    ...checkMounting(syscalls),
    ...checkKubeletDirectory(config['kubelet-dir'], readMountTable()),
    checkSelinux(),
    ...(await checkSockets(config)),
    ...(await examineCluster(patient)),
  ];
}

async function examineCluster({ config, cluster, clock, signal }: Patient): Promise<readonly Finding[]> {
  if (config['connector-source'] === 'directory') {
    return [ok('api-server', 'not used: --connector-source directory')];
  }
  const now = (): number => performance.now();
  let target: ClusterConfig;
  try {
    target = cluster();
  } catch (error) {
    const fix = 'run it in the container of the driver, or give --kubeconfig';
    return [fail('api-server', `no way to reach it: ${reasonOf(error)}`, fix)];
  }
  const client = new KubeClient({
    config: target,
    timings: kubeTimings,
    chance: { now, random: Math.random },
    observer: noObserver,
    userAgent: `connectors-csi/${version} doctor`,
    limits: limits.api,
    load: noLoadObserver,
  });
  try {
    const answers = await checkApiServer(target, clock, now);
    return [
      ...answers,
      ...(await checkCsiDriverObject(client, config, signal)),
      ...(await checkAudiences(client, config, signal)),
      ...(await checkPermissions(client, config, signal)),
    ];
  } finally {
    client.close();
  }
}

/** The command line of the container's first process, which is the driver there; empty where that is hidden. */
function firstProcess(): readonly string[] {
  try {
    return readFileSync('/proc/1/cmdline', 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

/** The flags that a running driver was given: `kubectl exec` has its environment, but not its arguments. */
export function servingArguments(commandLine: readonly string[]): readonly string[] {
  const index = commandLine.indexOf('serve');
  const isDriver = index > 0 && path.basename(commandLine[index - 1] ?? '') === 'main.js';
  return isDriver ? commandLine.slice(index + 1) : [];
}
