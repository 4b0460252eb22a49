import { readFileSync } from 'node:fs';
import path from 'node:path';

/** A memory cgroup with a limit that this process is in, directly or through one of its parents. */
export interface CgroupMemory {
  readonly limitBytes: number;
  /** What stays when the process ends: pages of tmpfs, and what the kernel keeps of them. */
  readonly persistentBytes: number;
}

/** One version of cgroups: where it is mounted, what its files are called. */
interface Hierarchy {
  /** The directory of this process's cgroup. */
  readonly directory: string;
  /** Where the hierarchy is mounted: its parents are not seen. */
  readonly mountPoint: string;
  readonly read: (directory: string) => CgroupMemory | undefined;
}

/**
 * Reads the memory limits of this process's cgroup and of its parents, the pod's among them, as far as they can be seen: a
 * container with a cgroup namespace of its own sees only itself. Empty where there is no limit. Where they are is looked
 * up once, in the mount table, which grows with every volume.
 * @param root where `proc` and `sys` are.
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
  // A path may hold colons.
  const own = membership.slice(2).join(':');
  const below =
    mount.mountRoot === '/' ? own : own.startsWith(mount.mountRoot) ? own.slice(mount.mountRoot.length) : '';
  const mountPoint = path.join(root, mount.mountPoint);
  const directory = path.join(mountPoint, below);
  return {
    // Outside of what is mounted here there is nothing to read.
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
  // No limit is the largest number of pages that a long holds.
  if (limitBytes === undefined || limitBytes > 2 ** 60) return undefined;
  const statistics = lines(path.join(directory, 'memory.stat'));
  const kernelBytes = numberIn(path.join(directory, 'memory.kmem.usage_in_bytes')) ?? 0;
  return { limitBytes, persistentBytes: statistic(statistics, 'total_shmem') + kernelBytes };
}

function statistic(statistics: readonly string[], name: string): number {
  const line = statistics.find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

/** Undefined for `max`, and for a file that is not there. */
function numberIn(file: string): number | undefined {
  const [text = ''] = lines(file);
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Empty for a file that cannot be read: what is not known bounds nothing. */
function lines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
}
