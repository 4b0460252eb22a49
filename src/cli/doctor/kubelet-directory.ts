import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Finding } from './finding.js';
import { fail, ok } from './finding.js';

/** Whether the kubelet's directory is there, and whether the kubelet sees what is mounted in it. */
export function checkKubeletDirectory(kubeletDir: string, mountinfo: string): readonly Finding[] {
  const pods = realPath(path.join(kubeletDir, 'pods'));
  if (pods === undefined) {
    const fix =
      'give --kubelet-dir (the component kubelet-dir) the --root-dir of the kubelet, and mount it at that path';
    return [fail('kubelet-dir', `${kubeletDir} has no folder "pods", so it is not a kubelet's`, fix)];
  }
  return [ok('kubelet-dir', kubeletDir), checkPropagation(pods, mountinfo)];
}

function checkPropagation(pods: string, mountinfo: string): Finding {
  const mount = mountOf(pods, mountinfo);
  if (mount?.isShared === true) return ok('propagation', `${mount.point} is shared with the node`);
  return fail(
    'propagation',
    `the mount at ${mount?.point ?? pods} is not shared, so that no pod would see what the driver mounts there`,
    'the container needs mountPropagation: Bidirectional for this directory, and on the node it has to be a shared mount (mount --make-rshared /)',
  );
}

interface Mount {
  readonly point: string;
  readonly isShared: boolean;
}

/**
 * The mount that a path is on: of those whose mount point it is below the deepest, of several at one point the last,
 * which hides the others (proc_pid_mountinfo(5)).
 */
function mountOf(where: string, mountinfo: string): Mount | undefined {
  const holders = mountinfo
    .split('\n')
    .map(parseMount)
    .filter((mount) => mount !== undefined)
    .filter(({ point }) => where === point || where.startsWith(point === '/' ? '/' : `${point}/`));
  const depth = Math.max(...holders.map(({ point }) => point.length));
  return holders.findLast(({ point }) => point.length === depth);
}

function parseMount(line: string): Mount | undefined {
  const [, , , , point, , ...rest] = line.split(' ');
  if (point === undefined) return undefined;
  const optionalFields = rest.slice(0, rest.indexOf('-'));
  return { point: unescape(point), isShared: optionalFields.some((field) => field.startsWith('shared:')) };
}

/** Blanks and the like are written in octal. */
function unescape(point: string): string {
  return point.replaceAll(/\\([0-7]{3})/g, (_whole, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function realPath(folder: string): string | undefined {
  try {
    return statSync(folder).isDirectory() ? realpathSync(folder) : undefined;
  } catch {
    return undefined;
  }
}
