import { check } from './directory.js';
import type { Directory } from './directory.js';
import { errno, errnoName } from './errno.js';
import type { FileMode } from './file-mode.js';
import { descriptorPath } from './linux-syscalls.js';
import { mountAttribute, mountFlag } from './syscalls.js';
import type { Syscalls } from './syscalls.js';

/** What `mount` and `findmnt` show as the source of a volume. */
export const volumeSource = 'connectors-csi';

/**
 * 128 files in two revisions, their links, old and new, and the directories: with room to spare, and still a bound.
 */
const maxInodes = 1024;

/**
 * How a tmpfs comes to its place. `detached`: built apart and attached whole, in one step; it dies with the process that
 * builds it (Linux 5.2). `mounted`: mount(2) on the place, then filled there.
 */
export type MountMethod = 'detached' | 'mounted';

export interface TmpfsOptions {
  readonly sizeBytes: number;
  readonly permissions: FileMode;
  readonly selinuxContext: string | undefined;
}

/** Makes tmpfs mounts in the way that this kernel and this process allow. */
export class TmpfsMaker {
  readonly #syscalls: Syscalls;
  #method: MountMethod | undefined;
  #noswap = false;

  constructor(syscalls: Syscalls) {
    this.#syscalls = syscalls;
  }

  /** Why this process cannot mount; undefined when it can. What was found to work is not tried again. */
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

  /** Detached where nothing is known, so that the failing call is the one that gets reported. */
  method(): MountMethod {
    this.problem();
    return this.#method ?? 'detached';
  }

  /** A new tmpfs without a place. Closing it before `attach` makes it vanish. */
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

  /** Gives a detached tmpfs its place, at once for everybody. */
  attach(tmpfs: Directory, target: Directory): void {
    check(this.#syscalls.moveMount(tmpfs.fd, target.fd), 'move_mount', target);
  }

  /** mount(2) on an open directory, which cannot be exchanged in between. */
  mountOn(target: Directory, options: TmpfsOptions): void {
    const flags = mountFlag.NODEV | mountFlag.NOSUID | mountFlag.NOEXEC;
    // Quoted: a context has commas in it when it names categories.
    const text = settings(options, false).map(([key, value]) => `${key}=${key === 'context' ? `"${value}"` : value}`);
    check(
      this.#syscalls.mount(volumeSource, descriptorPath(target.fd), 'tmpfs', flags, text.join(',')),
      'mount',
      target,
    );
  }

  /** Gives a mounted tmpfs more room; where that is refused it keeps what it has. Takes its descriptor's path for the mount. */
  grow(mounted: Directory, sizeBytes: number): void {
    const flags = mountFlag.REMOUNT | mountFlag.NODEV | mountFlag.NOSUID | mountFlag.NOEXEC;
    this.#syscalls.mount(volumeSource, descriptorPath(mounted.fd), 'tmpfs', flags, `size=${sizeBytes}`);
  }

  /** Goes through all steps but the attaching, and finds out about `noswap` (Linux 6.4, refused in a user namespace). */
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

  /** EINVAL, for the option, means that mounting is allowed; nothing is mounted. */
  #tryMounted(): number {
    return this.#syscalls.mount(volumeSource, '/', 'tmpfs', 0, 'nr_inodes=none');
  }
}

function settings(options: TmpfsOptions, noswap: boolean): [key: string, value?: string][] {
  const { directoryMode, gid } = options.permissions;
  const pairs: [string, string?][] = [
    ['size', String(options.sizeBytes)],
    ['nr_inodes', String(maxInodes)],
    ['mode', `0${directoryMode.toString(8)}`],
  ];
  if (gid !== undefined) pairs.push(['gid', String(gid)]);
  if (options.selinuxContext !== undefined) pairs.push(['context', options.selinuxContext]);
  if (noswap) pairs.push(['noswap']);
  return pairs;
}
