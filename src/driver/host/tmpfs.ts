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

/**
 * How a tmpfs is mounted. `detached`: built without a path and attached complete, in one step; it disappears with the
 * process that builds it (Linux 5.2). `mounted`: mount(2) on the target, then filled there.
 */
type MountMethod = 'detached' | 'mounted';

export interface TmpfsOptions {
  readonly limits: TmpfsLimits;
  readonly permissions: FileMode;
  readonly selinuxContext: string | undefined;
}

/** Makes tmpfs mounts by the method that this kernel and this process permit. */
export class TmpfsMaker {
  readonly #syscalls: Syscalls;
  #method: MountMethod | undefined;
  #noswap = false;

  constructor(syscalls: Syscalls) {
    this.#syscalls = syscalls;
  }

  /** Returns why this process cannot mount; undefined if it can. A method that works is not tried again. */
  problem(): string | undefined {
    if (this.#method !== undefined) return undefined;
    const detached = this.#tryDetached();
    if (detached >= 0) {
      this.#method = 'detached';
      return undefined;
    }
    const mounted = this.#tryMounted();
    if (mounted === -errno.EINVAL) {
      this.#method = 'mounted';
      return undefined;
    }
    return (
      `this process cannot mount a tmpfs (new mount calls: ${errnoName(-detached)}, mount: ${errnoName(-mounted)}): ` +
      'its container needs securityContext.privileged: true'
    );
  }

  /** Whether new volumes are kept out of swap. */
  get hasNoswap(): boolean {
    return this.method() === 'detached' && this.#noswap;
  }

  /** Returns the method, detached if none works, so that the failing call is the one that is reported. */
  method(): MountMethod {
    this.problem();
    return this.#method ?? 'detached';
  }

  /** Creates a tmpfs without a mount point. It disappears if it is closed before `attach`. */
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

  /** Mounts on an open directory with mount(2); the directory cannot be exchanged in between. */
  mountOn(target: Directory, options: TmpfsOptions): void {
    const flags = mountFlag.NODEV | mountFlag.NOSUID | mountFlag.NOEXEC;
    const text = optionsText(settings(options, false));
    check(this.#syscalls.mount(volumeSource, descriptorPath(target.fd), 'tmpfs', flags, text), 'mount', target);
  }

  /**
   * Changes the limits of a mounted tmpfs, with its descriptor's path as the mount point. If that fails it keeps its
   * limits: the kernel permits none below the usage. @returns the negative errno of a failure.
   */
  resize(mounted: Directory, limits: TmpfsLimits): number {
    const flags = mountFlag.REMOUNT | mountFlag.NODEV | mountFlag.NOSUID | mountFlag.NOEXEC;
    const text = optionsText(limitSettings(limits));
    return this.#syscalls.mount(volumeSource, descriptorPath(mounted.fd), 'tmpfs', flags, text);
  }

  /** Tries all steps except attaching, and detects `noswap` (Linux 6.4, not permitted in a user namespace). */
  #tryDetached(): number {
    const filesystem = this.#syscalls.fsopen('tmpfs');
    if (filesystem < 0) return filesystem;
    this.#noswap = this.#syscalls.fsconfig(filesystem, 'noswap') >= 0;
    const created = this.#syscalls.fsconfigCreate(filesystem);
    const mount = created < 0 ? created : this.#syscalls.fsmount(filesystem, 0);
    if (mount >= 0) this.#syscalls.close(mount);
    this.#syscalls.close(filesystem);
    return mount;
  }

  /** Tries mount(2) without mounting. EINVAL, for the option, means that mounting is permitted. */
  #tryMounted(): number {
    return this.#syscalls.mount(volumeSource, '/', 'tmpfs', 0, 'nr_inodes=none');
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

function limitSettings({ sizeBytes, inodes }: TmpfsLimits): readonly Setting[] {
  return [
    ['size', String(sizeBytes)],
    ['nr_inodes', String(inodes)],
  ];
}

/** For mount(2). Quotes an SELinux context, because its categories contain commas. */
function optionsText(pairs: readonly Setting[]): string {
  return pairs.map(([key, value]) => `${key}=${key === 'context' ? `"${value}"` : value}`).join(',');
}
