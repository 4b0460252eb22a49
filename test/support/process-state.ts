import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from './poll.ts';

/** How many open descriptors a process has of each kind: `socket`, `anon_inode:[eventpoll]`, or a file by its path. */
export type DescriptorCounts = Readonly<Record<string, number>>;

function descriptorsOf(pid: number): DescriptorCounts {
  const counts: Record<string, number> = {};
  for (const { link } of openFiles(pid)) {
    const kind = link.replace(/:\[\d+\]$/, '');
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Those of a process that has just come to rest: connections take a moment to close. */
export async function settledDescriptors(pid: number): Promise<DescriptorCounts> {
  for (let before = ''; ;) {
    const counts = descriptorsOf(pid);
    const now = JSON.stringify(counts);
    if (now === before) return counts;
    before = now;
    await sleep(100);
  }
}

/** Waits until a process has, of each kind, no more than it had once. */
export async function untilDescriptorsAre(pid: number, atMost: DescriptorCounts, timeoutMs = 60_000): Promise<void> {
  let surplus: DescriptorCounts = {};
  const isBack = (): boolean => {
    const more = Object.entries(descriptorsOf(pid)).map(
      ([kind, count]) => [kind, count - (atMost[kind] ?? 0)] as const,
    );
    surplus = Object.fromEntries(more.filter(([, count]) => count > 0));
    return Object.keys(surplus).length === 0;
  };
  await eventually('', isBack, timeoutMs).catch(() => {
    throw new Error(`process ${pid} has open what it had not before: ${JSON.stringify(surplus)}`);
  });
}

/**
 * The files that a process holds open on mounts that are in no mount table any more. With none of these, and none in the
 * table, a tmpfs that was unmounted lazily or never attached cannot live on: nothing else would hold it.
 */
export function openOnDetachedMounts(pid: number): string[] {
  const mountIds = new Set(
    fs
      .readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[0]),
  );
  return openFiles(pid)
    .filter(({ link, mountId }) => link.startsWith('/') && !link.startsWith('/memfd:') && !mountIds.has(mountId))
    .map(({ link }) => link);
}

/** Waits until the memory that is the process's alone is back within a bound; garbage goes a moment after a burst. */
export async function untilOwnMemoryIs(pid: number, atMostBytes: number): Promise<void> {
  let bytes = 0;
  const isBack = (): boolean => (bytes = bytesOf(pid, 'RssAnon')) <= atMostBytes;
  await eventually('', isBack, 30_000).catch(() => {
    throw new Error(`process ${pid} keeps ${bytes} bytes, more than ${atMostBytes}`);
  });
}

/** Resident bytes now, and the most there ever were. */
export function memoryOf(pid: number): { readonly nowBytes: number; readonly peakBytes: number } {
  return { nowBytes: bytesOf(pid, 'VmRSS'), peakBytes: bytesOf(pid, 'VmHWM') };
}

/** Resident bytes of the process that no file has. */
export function ownMemoryOf(pid: number): number {
  return bytesOf(pid, 'RssAnon');
}

function bytesOf(pid: number, field: 'RssAnon' | 'VmRSS' | 'VmHWM'): number {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
}

interface OpenFile {
  readonly link: string;
  readonly mountId: string | undefined;
}

function openFiles(pid: number): OpenFile[] {
  return fs.readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
    try {
      const link = fs.readlinkSync(`/proc/${pid}/fd/${descriptor}`);
      const details = fs.readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8');
      return [{ link, mountId: /^mnt_id:\s+(\d+)$/m.exec(details)?.[1] }];
    } catch {
      // Closed since it was listed.
      return [];
    }
  });
}
