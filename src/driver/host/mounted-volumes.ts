import { lstatSync, readdirSync, realpathSync, statfsSync } from 'node:fs';
import path from 'node:path';
import type { ContentSize } from './footprint.js';
import { readMountTable } from './mount-table.js';
import { volumeSource } from './tmpfs.js';

export interface MountedVolume {
  /** The kubelet's spelling of the path. */
  readonly targetPath: string;
  readonly podUid: string;
  /** Size of its pages. */
  readonly usedBytes: number;
  /** Files of the current revision. */
  readonly contents: readonly ContentSize[];
}

/** Returns the volumes that earlier drivers mounted. Reads the mount table, so it is called once, at the start. */
export function mountedVolumes(kubeletDir: string): readonly MountedVolume[] {
  const real = realPath(kubeletDir);
  if (real === undefined) return [];
  const pods = path.join(real, 'pods/');
  return readMountTable()
    .filter(({ point, type, source }) => type === 'tmpfs' && source === volumeSource && point.startsWith(pods))
    .map(({ point }) => ({
      targetPath: path.join(kubeletDir, point.slice(real.length)),
      podUid: point.slice(pods.length).split('/', 1)[0] ?? '',
      usedBytes: usedBytesOf(point),
      contents: contentsOf(point),
    }));
}

/** Returns 0 for a mount that is gone meanwhile. */
function usedBytesOf(point: string): number {
  try {
    const { blocks, bfree, bsize } = statfsSync(point);
    return (blocks - bfree) * bsize;
  } catch {
    return 0;
  }
}

/** Returns an empty list for a volume without a revision. */
function contentsOf(point: string): readonly ContentSize[] {
  const current = path.join(point, '..data');
  const byInode = new Map<number, { readonly sizeBytes: number; readonly names: string[] }>();
  try {
    for (const name of readdirSync(current)) {
      const { ino, size } = lstatSync(path.join(current, name));
      const content = byInode.get(ino);
      if (content === undefined) byInode.set(ino, { sizeBytes: size, names: [name] });
      else content.names.push(name);
    }
  } catch {
    // It was unmounted meanwhile.
  }
  return [...byInode.values()];
}

function realPath(directory: string): string | undefined {
  try {
    return realpathSync(directory);
  } catch {
    return undefined;
  }
}
