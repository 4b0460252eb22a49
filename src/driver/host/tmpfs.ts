import { release } from 'node:os';
import { check } from './directory.ts';
import type { Directory } from './directory.ts';
import { errno, errnoName } from './errno.ts';
import type { FileMode } from './file-mode.ts';
import type { TmpfsLimits } from './footprint.ts';
import { descriptorPath } from './linux-syscalls.ts';
import { mountAttribute, mountFlag } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';

/** Source of a volume in `mount` and `findmnt`. */
export const volumeSource = 'connectors-csi';

export interface TmpfsOptions {
  readonly limits: TmpfsLimits;
  readonly permissions: FileMode;
  readonly selinuxContext: string | undefined;
}

/**
 * Makes tmpfs mounts without a path, which are attached complete, in one step (Linux 5.2). A mount that is not attached
 * disappears with the process.
 */
export class TmpfsMaker {
  readonly #syscalls: Syscalls;
  #canMount = false;
  #noswap = false;

  constructor(syscalls: Syscalls) {
    this.#syscalls = syscalls;
  }

  /** Returns why this process cannot mount; undefined if it can. After a success it is not tried again. */
  problem(): string | undefined {
    if (this.#canMount) return undefined;
    const outcome = this.#try();
    this.#canMount = outcome >= 0;
    if (this.#canMount) return undefined;
    if (outcome === -errno.ENOSYS) {
      return `the driver needs Linux 5.2 or later (fsopen, fsmount, move_mount), and this node has ${release()}`;
    }
    return `this process cannot mount a tmpfs (${errnoName(-outcome)}): its container needs securityContext.privileged: true`;
  }

  /** Whether new volumes are kept out of swap. Known after `problem`. */
  get hasNoswap(): boolean {
    return this.#noswap;
  }

  /** Creates a tmpfs without a mount point, after a call of `problem`. It disappears if it is closed before `attach`. */
  createDetached(options: TmpfsOptions): Directory {
    const syscalls = this.#syscalls;
    const filesystem = { fd: check(syscalls.fsopen('tmpfs'), 'fsopen', { path: 'tmpfs' }), path: 'tmpfs' };
    try {
      check(syscalls.fsconfig(filesystem.fd, 'source', volumeSource), 'fsconfig source', filesystem);
      for (const [key, value] of settings(options, this.#noswap)) {
        check(syscalls.fsconfig(filesystem.fd, key, value), `fsconfig ${key}`, filesystem);
      }
      check(syscalls.fsconfigCreate(filesystem.fd), 'fsconfig create', filesystem);
      const attributes = mountAttribute.NODEV | mountAttribute.NOSUID | mountAttribute.NOEXEC;
      return { fd: check(syscalls.fsmount(filesystem.fd, attributes), 'fsmount', filesystem), path: 'tmpfs' };
    } finally {
      syscalls.close(filesystem.fd);
    }
  }

  /** Mounts a detached tmpfs, atomically for readers. */
  attach(tmpfs: Directory, target: Directory): void {
    check(this.#syscalls.moveMount(tmpfs.fd, target.fd), 'move_mount', target);
  }

  /**
   * Changes the limits of a mounted tmpfs, with its descriptor's path as the mount point. If that fails it keeps its
   * limits: the kernel permits none below the usage. @returns the negative errno of a failure.
   */
  resize(mounted: Directory, limits: TmpfsLimits): number {
    const flags = mountFlag.REMOUNT | mountFlag.NODEV | mountFlag.NOSUID | mountFlag.NOEXEC;
    const text = limitSettings(limits)
      .map(([key, value]) => `${key}=${value}`)
      .join(',');
    return this.#syscalls.mount(volumeSource, descriptorPath(mounted.fd), 'tmpfs', flags, text);
  }

  /** Tries all steps except attaching, and detects `noswap` (Linux 6.4, not permitted in a user namespace). */
  #try(): number {
    const filesystem = this.#syscalls.fsopen('tmpfs');
    if (filesystem < 0) return filesystem;
    this.#noswap = this.#syscalls.fsconfig(filesystem, 'noswap') >= 0;
    const created = this.#syscalls.fsconfigCreate(filesystem);
    const mount = created < 0 ? created : this.#syscalls.fsmount(filesystem, 0);
    if (mount >= 0) this.#syscalls.close(mount);
    this.#syscalls.close(filesystem);
    return mount;
  }
}

type Setting = readonly [key: string, value?: string];

function settings({ limits, permissions, selinuxContext }: TmpfsOptions, noswap: boolean): readonly Setting[] {
  const { directoryMode, gid } = permissions;
  const pairs: Setting[] = [...limitSettings(limits), ['mode', `0${directoryMode.toString(8)}`]];
  if (gid !== undefined) pairs.push(['gid', String(gid)]);
  if (selinuxContext !== undefined) pairs.push(['context', selinuxContext]);
  if (noswap) pairs.push(['noswap']);
  return pairs;
}

function limitSettings({ sizeBytes, inodes }: TmpfsLimits): readonly (readonly [key: string, value: string])[] {
  return [
    ['size', String(sizeBytes)],
    ['nr_inodes', String(inodes)],
  ];
}
