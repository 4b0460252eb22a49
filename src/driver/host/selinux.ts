import { readFileSync } from 'node:fs';

/** Label that containers can read, in the policies of every distribution that has one. */
export const containerContext = 'system_u:object_r:container_file_t:s0';

/**
 * Returns this process's SELinux label; undefined if SELinux is not built in, turned off, or without a policy. A
 * container has no selinuxfs, but can read its own label. Other security modules use the same file, with other formats
 * (`unconfined`, `profile (enforce)`).
 */
export function selinuxProcessLabel(labelFile = '/proc/self/attr/current'): string | undefined {
  const label = textOf(labelFile).replace(/[\0\n]+$/, '');
  return /^[^:\s]+:[^:\s]+:[^:\s]+(:\S+)?$/.test(label) ? label : undefined;
}

/**
 * Returns the label for a volume: none unless SELinux is active, else the requested one, else one that containers can
 * read. Permissive mode counts as active, since it can be switched to enforcing later. The kubelet does not relabel a
 * volume that it requested as read-only.
 */
export function selinuxContext(hasSelinux: boolean, requested?: string): string | undefined {
  return hasSelinux ? (requested ?? containerContext) : undefined;
}

/** Returns the file's text. Reading fails with EINVAL without a security module. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
