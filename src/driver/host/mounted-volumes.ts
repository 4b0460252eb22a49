import { lstatSync, readdirSync, realpathSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { readMountTable } from './mount-table.js';
import { volumeSource } from './tmpfs.js';

/** Of `st_blocks`, stat(2). */
const blockBytes = 512;

export interface MountedVolume {
  /** As the kubelet says it. */
  readonly targetPath: string;
  readonly podUid: string;
  /** What it may come to hold until it is written again, as far as files tell: see footprint.ts. */
  readonly mayHoldBytes: number;
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
      mayHoldBytes: Math.max(usedBytesOf(point), 2 * currentBytesOf(point)),
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

/** Of the generation that readers see, files with the same bytes once; 0 for a volume that has none. */
function currentBytesOf(point: string): number {
  const current = path.join(point, '..data');
  try {
    const files = readdirSync(current).map((name) => lstatSync(path.join(current, name)));
    const byInode = new Map(files.map(({ ino, blocks }) => [ino, blocks * blockBytes]));
    return [...byInode.values()].reduce((sum, bytes) => sum + bytes, 0);
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
