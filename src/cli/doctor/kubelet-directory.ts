import { statSync } from 'node:fs';
import path from 'node:path';
import { propagationProblem } from '../../driver/host/propagation.js';
import type { Mount } from '../../driver/host/mount-table.js';
import type { CheckResult } from '../../shared/doctor/check-result.js';
import { fail, ok } from '../../shared/doctor/check-result.js';

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
