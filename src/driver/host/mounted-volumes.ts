import { realpathSync, statfsSync } from 'node:fs';
import path from 'node:path';
import type { TmpfsLimits } from './footprint.ts';
import { readMountTable } from './mount-table.ts';
import { volumeSource } from './tmpfs.ts';

interface MountedVolume {
  /** The kubelet's spelling of the path. */
  readonly targetPath: string;
  readonly podUid: string;
  readonly limits: TmpfsLimits;
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

function realPath(directory: string): string | undefined {
  try {
    return realpathSync(directory);
  } catch {
    return undefined;
  }
}
