import { readFileSync } from 'node:fs';
import { CodedError } from '../../errors.js';
import { isSelinuxLabel } from '../rules/selinux-label.js';

/** What containers may read, in the policies of every distribution that has one. */
export const containerContext = 'system_u:object_r:container_file_t:s0';

/**
 * The label that SELinux gave this process; undefined where it is not active: not built in, turned off, or without a
 * policy. A container has no selinuxfs to ask, but every process is told what it is itself. Other security modules answer
 * here too, and in other forms (`unconfined`, `profile (enforce)`).
 */
export function selinuxProcessLabel(labelFile = '/proc/self/attr/current'): string | undefined {
  const label = textOf(labelFile).replace(/[\0\n]+$/, '');
  return /^[^:\s]+:[^:\s]+:[^:\s]+(:\S+)?$/.test(label) ? label : undefined;
}

/**
 * The label for a volume: none unless SELinux is active, else the one asked for, else one that containers may read. Also
 * while it only warns, since it may be told to enforce when the volume is there. The kubelet relabels nothing in a volume
 * that it asked to be read-only.
 */
export function selinuxContext(hasSelinux: boolean, requested?: string): string | undefined {
  if (requested !== undefined && !isSelinuxLabel(requested)) {
    throw new CodedError('INVALID_ARGUMENT', `${JSON.stringify(requested)} is not an SELinux context`);
  }
  return hasSelinux ? (requested ?? containerContext) : undefined;
}

/** Reading fails with EINVAL where no security module answers. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
