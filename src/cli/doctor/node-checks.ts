import type { Syscalls } from '../../driver/host/syscalls.ts';
import { TmpfsMaker } from '../../driver/host/tmpfs.ts';
import type { CheckResult } from '../../shared/doctor/check-result.ts';
import { fail, ok, warn } from '../../shared/doctor/check-result.ts';
import { statSync } from 'node:fs';
import path from 'node:path';
import { propagationProblem } from '../../driver/host/mount-table.ts';
import type { Mount } from '../../driver/host/mount-table.ts';
import { containerContext, selinuxProcessLabel } from '../../driver/host/selinux.ts';

/** Checks that this container can mount, without leaving a mount, and that its mounts stay out of swap. */
export function checkMounting(syscalls: Syscalls): readonly CheckResult[] {
  const maker = new TmpfsMaker(syscalls);
  const problem = maker.problem();
  if (problem !== undefined) return [fail('mount', 'no volume can be mounted', problem)];
  return [
    ok('mount', 'a tmpfs can be mounted'),
    maker.hasNoswap
      ? ok('noswap', 'tokens never reach swap')
      : warn(
          'noswap',
          'this kernel has no tmpfs without swap, so tokens may be written to the swap space of the node',
          'turn swap off or encrypt it, or use Linux 6.4 and later',
        ),
  ];
}

/** Checks that the kubelet's directory exists, and that the kubelet sees mounts in it. */
export function checkKubeletDirectory(kubeletDir: string, table: readonly Mount[]): readonly CheckResult[] {
  const pods = path.join(kubeletDir, 'pods');
  if (!isDirectory(pods)) {
    const fix =
      'give --kubelet-dir (driver.kubeletDir of the chart) the --root-dir of the kubelet, and mount it at that path';
    return [fail('kubelet-dir', `${kubeletDir} has no folder "pods", so it is not a kubelet's`, fix)];
  }
  return [ok('kubelet-dir', kubeletDir), checkPropagation(pods, table)];
}

function checkPropagation(pods: string, table: readonly Mount[]): CheckResult {
  const problem = propagationProblem(pods, table);
  if (problem === undefined) return ok('propagation', `${pods} is shared with the node`);
  return fail('propagation', problem.what, problem.fix);
}

function isDirectory(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Checks whether volumes get a label that containers can read. @param labelFile see `selinuxProcessLabel`. */
export function checkSelinux(labelFile?: string): CheckResult {
  const label = selinuxProcessLabel(labelFile);
  if (label === undefined) return ok('selinux', 'not active on this node, so that volumes need no label');
  return ok('selinux', `active (the driver runs as ${label}): volumes are labelled ${containerContext}`);
}
