import { readFileSync } from 'node:fs';
import path from 'node:path';

/** A memory cgroup with a limit: the one of this process, or a parent of it. */
export interface CgroupMemory {
  readonly limitBytes: number;
  /** Memory that stays charged after the process ends: pages of tmpfs, and the kernel's memory for them. */
  readonly persistentBytes: number;
}

/** A cgroup hierarchy of version 1 or 2, with its mount point and files. */
interface Hierarchy {
  /** The directory of this process's cgroup. */
  readonly directory: string;
  /** Mount point of the hierarchy. Parents above it are not visible. */
  readonly mountPoint: string;
  readonly read: (directory: string) => CgroupMemory | undefined;
}

/**
 * Returns a function that reads the memory limits of this process's cgroup and its visible parents, such as the pod's.
 * A container with its own cgroup namespace sees no parents. Without a limit the list is empty. The cgroup is located
 * once, because the mount table grows with every volume.
 * @param root directory of `proc` and `sys`.
 */
export function cgroupMemoryReader(root = '/'): () => readonly CgroupMemory[] {
  const hierarchy = findHierarchy(root);
  return hierarchy === undefined ? () => [] : () => levelsOf(hierarchy);
}

function levelsOf(hierarchy: Hierarchy): readonly CgroupMemory[] {
  const { mountPoint, read } = hierarchy;
  const levels: (CgroupMemory | undefined)[] = [];
  for (let { directory } = hierarchy; ; directory = path.dirname(directory)) {
    levels.push(read(directory));
    if (directory === mountPoint || !directory.startsWith(`${mountPoint}/`)) break;
  }
  return levels.filter((level) => level !== undefined);
}

function findHierarchy(root: string): Hierarchy | undefined {
  const memberships = lines(path.join(root, 'proc/self/cgroup')).map((line) => line.split(':'));
  const mounts = lines(path.join(root, 'proc/self/mountinfo')).map((line) => {
    const [fields = '', filesystem = ''] = line.split(' - ');
    const [, , , mountRoot = '/', mountPoint = '/'] = fields.split(' ');
    const [type = '', , options = ''] = filesystem.split(' ');
    return { mountRoot, mountPoint, type, options: options.split(',') };
  });
  const v1 = memberships.find(([, controllers = '']) => controllers.split(',').includes('memory'));
  const membership = v1 ?? memberships.find(([number]) => number === '0');
  const mount = v1
    ? mounts.find(({ type, options }) => type === 'cgroup' && options.includes('memory'))
    : mounts.find(({ type }) => type === 'cgroup2');
  if (membership === undefined || mount === undefined) return undefined;
  // A path can contain colons.
  const own = membership.slice(2).join(':');
  const relative =
    mount.mountRoot === '/' ? own : own.startsWith(mount.mountRoot) ? own.slice(mount.mountRoot.length) : '';
  const mountPoint = path.join(root, mount.mountPoint);
  const directory = path.join(mountPoint, relative);
  return {
    // A cgroup outside of the mount cannot be read.
    directory: directory.startsWith(mountPoint) ? directory : mountPoint,
    mountPoint,
    read: v1 ? readVersion1 : readVersion2,
  };
}

function readVersion2(directory: string): CgroupMemory | undefined {
  const limitBytes = numberIn(path.join(directory, 'memory.max'));
  if (limitBytes === undefined) return undefined;
  const statistics = lines(path.join(directory, 'memory.stat'));
  return { limitBytes, persistentBytes: statistic(statistics, 'shmem') + statistic(statistics, 'slab') };
}

function readVersion1(directory: string): CgroupMemory | undefined {
  const limitBytes = numberIn(path.join(directory, 'memory.limit_in_bytes'));
  // Without a limit the file contains the largest page-aligned long.
  if (limitBytes === undefined || limitBytes > 2 ** 60) return undefined;
  const statistics = lines(path.join(directory, 'memory.stat'));
  const kernelBytes = numberIn(path.join(directory, 'memory.kmem.usage_in_bytes')) ?? 0;
  return { limitBytes, persistentBytes: statistic(statistics, 'total_shmem') + kernelBytes };
}

function statistic(statistics: readonly string[], name: string): number {
  const line = statistics.find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

/** Returns undefined for `max` and for a missing file. */
function numberIn(file: string): number | undefined {
  const [text = ''] = lines(file);
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Returns the lines of a file. An unreadable file is empty, and then sets no limit. */
function lines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
}
