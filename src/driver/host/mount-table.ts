import { existsSync, readFileSync, realpathSync, statfsSync } from 'node:fs';
import path from 'node:path';
import type { TmpfsLimits } from './footprint.ts';
import { volumeSource } from './tmpfs.ts';

/** A line of the mount table, proc_pid_mountinfo(5). */
export interface Mount {
  readonly point: string;
  /** Whether mounts below it propagate to peers. */
  readonly isShared: boolean;
  readonly type: string;
  readonly source: string;
}

export function readMountTable(): readonly Mount[] {
  return parseMountTable(readFileSync('/proc/self/mountinfo', 'utf8'));
}

export function parseMountTable(text: string): readonly Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseMount);
}

/**
 * Returns the mount that contains a path: the deepest above it, and of several at one point the last, which hides the
 * others.
 */
export function mountOf(where: string, table: readonly Mount[]): Mount | undefined {
  const candidates = table.filter(
    ({ point }) => where === point || where.startsWith(point === '/' ? '/' : `${point}/`),
  );
  const depth = Math.max(...candidates.map(({ point }) => point.length));
  return candidates.findLast(({ point }) => point.length === depth);
}

function parseMount(line: string): Mount {
  const [, , , , point = '', , ...rest] = line.split(' ');
  const dash = rest.indexOf('-');
  const [type = '', source = ''] = rest.slice(dash + 1);
  return {
    point: unescape(point),
    isShared: rest.slice(0, dash).some((field) => field.startsWith('shared:')),
    type,
    source: unescape(source),
  };
}

/** Decodes octal escapes of blanks and similar characters. */
function unescape(point: string): string {
  return point.replaceAll(/\\([0-7]{3})/g, (_whole, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

interface MountedVolume {
  /** The kubelet's spelling of the path. */
  readonly targetPath: string;
  readonly podUid: string;
  readonly limits: TmpfsLimits;
}

/** Returns the volumes that earlier drivers mounted. Reads the mount table, so it is called once, at the start. */
export function mountedVolumes(kubeletDir: string): readonly MountedVolume[] {
  if (!existsSync(kubeletDir)) return [];
  const real = realpathSync(kubeletDir);
  const pods = path.join(real, 'pods/');
  return readMountTable()
    .filter(({ point, type, source }) => type === 'tmpfs' && source === volumeSource && point.startsWith(pods))
    .map(({ point }) => ({
      targetPath: path.join(kubeletDir, point.slice(real.length)),
      podUid: point.slice(pods.length).split('/', 1)[0] ?? '',
      limits: limitsOf(point),
    }));
}

/** Returns zeros for a mount that is gone meanwhile. */
function limitsOf(point: string): TmpfsLimits {
  try {
    const { blocks, bsize, files } = statfsSync(point);
    return { sizeBytes: blocks * bsize, inodes: files };
  } catch {
    return { sizeBytes: 0, inodes: 0 };
  }
}

interface PropagationProblem {
  readonly what: string;
  readonly fix: string;
}

/**
 * Returns why the node does not see mounts in the kubelet's directory; undefined if it does. Without shared propagation
 * every publish would succeed, but every pod would find an empty directory.
 * @param podsDir `<kubelet dir>/pods`, which exists.
 */
export function propagationProblem(
  podsDir: string,
  table: readonly Mount[] = readMountTable(),
): PropagationProblem | undefined {
  const pods = realpathSync(podsDir);
  const mount = mountOf(pods, table);
  if (mount?.isShared === true) return undefined;
  return {
    what: `the mount at ${mount?.point ?? pods} is not shared, so that no pod would see what the driver mounts there`,
    fix: 'the container needs mountPropagation: Bidirectional for this directory, and on the node it has to be a shared mount (mount --make-rshared /)',
  };
}
