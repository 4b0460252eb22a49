import { realpathSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { readMountTable } from './mount-table.js';
import { volumeSource } from './tmpfs.js';

export interface MountedVolume {
  /** As the kubelet says it. */
  readonly targetPath: string;
  readonly podUid: string;
  readonly usedBytes: number;
}

/** The volumes that earlier drivers have mounted, from the mount table: once, at the start. */
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
    }));
}

/** 0 for a mount that has gone meanwhile. */
function usedBytesOf(point: string): number {
  try {
    const { blocks, bfree, bsize } = statfsSync(point);
    return (blocks - bfree) * bsize;
  } catch {
    return 0;
  }
}

function realPath(directory: string): string | undefined {
  try {
    return realpathSync(directory);
  } catch {
    return undefined;
  }
}
