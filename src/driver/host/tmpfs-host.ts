import path from 'node:path';
import { CodedError } from '../../shared/errors.ts';
import type { VolumeMemory, VolumeOwner } from '../publish/volume-memory.ts';
import { shownPath } from '../../shared/message-text.ts';
import type { MountOptions, ReplacedFiles, VolumeChange, VolumeFile, VolumeStatistics } from '../publish/ports.ts';
import { AtomicWriter, dataLink } from './atomic-writer.ts';
import type { RevisionNames } from './atomic-writer.ts';
import { check, checkValue, closing, openDirectory } from './directory.ts';
import type { Directory } from './directory.ts';
import { fromSyscallError, SyscallError } from './errno.ts';
import { isSameLimits, largerOf, memoryOf, tmpfsLimitsOf } from './footprint.ts';
import type { TmpfsLimits } from './footprint.ts';
import {
  foreignMount,
  hasVolume,
  mountAt,
  openTarget,
  removeDirectory,
  statisticsAt,
  unmountAll,
} from './target-mount.ts';
import { mountedVolumes, propagationProblem } from './mount-table.ts';
import { OpenFiles } from './open-files.ts';
import { fileModeOf } from './file-mode.ts';
import { selinuxContext } from './selinux.ts';
import { deduplicateFiles } from './deduplicate-files.ts';
import type { SharedFiles } from './deduplicate-files.ts';
import { AT_FDCWD, AT_REMOVEDIR, open } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';
import { TargetPaths } from './target-path.ts';
import type { Target } from './target-path.ts';
import { TmpfsMaker } from './tmpfs.ts';
import type { TmpfsOptions } from './tmpfs.ts';

export interface TmpfsHostOptions extends RevisionNames {
  /** Absolute; can be reached through symbolic links. */
  readonly kubeletDir: string;
  /** Page size of the kernel. */
  readonly pageBytes: number;
  readonly hasSelinux: boolean;
  /** Mounts volumes even if only this process sees them. */
  readonly allowsPrivateMounts: boolean;
  readonly memory: VolumeMemory;
}

/** The target content of a volume. */
interface NewVolume extends SharedFiles {
  readonly owner: VolumeOwner;
  /** Those of its tmpfs. */
  readonly limits: TmpfsLimits;
  readonly options: MountOptions;
  readonly replaced: ReplacedFiles;
}

/**
 * Published volumes as tmpfs mounts. The mounts are the only state. All calls except `detach` are synchronous and limited
 * (a tmpfs, at most 128 files and 1 MiB). No other work of the driver runs between their steps, so a cancelled call
 * cannot be overtaken half-way.
 */
export class TmpfsHost {
  readonly #options: TmpfsHostOptions;
  readonly #syscalls: Syscalls;
  readonly #paths: TargetPaths;
  readonly #tmpfs: TmpfsMaker;
  readonly #writer: AtomicWriter;
  readonly #openFiles: OpenFiles;
  #isShared = false;

  constructor(options: TmpfsHostOptions, syscalls: Syscalls) {
    this.#options = options;
    this.#syscalls = syscalls;
    this.#paths = new TargetPaths(options.kubeletDir, syscalls);
    this.#tmpfs = new TmpfsMaker(syscalls);
    this.#writer = new AtomicWriter(syscalls, options);
    this.#openFiles = new OpenFiles(syscalls, options.memory);
  }

  /**
   * Returns the problem of a target path; undefined if it is valid: absolute, normalized, under `<kubelet dir>/pods/`,
   * no parent a symbolic link.
   */
  targetPathProblem(targetPath: string): string | undefined {
    try {
      this.#at(targetPath, () => undefined);
      return undefined;
    } catch (error) {
      if (error instanceof CodedError && error.code === 'INVALID_ARGUMENT') return error.message;
      throw error;
    }
  }

  /** Reports whether a target has a volume in O(1): compares devices and file system types, not the mount table. */
  hasVolume(targetPath: string): boolean {
    return this.#at(targetPath, (target) => target !== undefined && hasVolume(this.#syscalls, target));
  }

  /** Reports whether a known volume is still there, in two system calls. They read nothing that links lead to. */
  isPublished(targetPath: string): boolean {
    const fd = this.#syscalls.openat(AT_FDCWD, `${targetPath}/${dataLink}/.`, open.pathOnly, 0);
    if (fd >= 0) this.#syscalls.close(fd);
    return fd >= 0;
  }

  /**
   * Writes these files to the volume. With `removed`, success means that it has no other files. An existing volume is
   * rewritten in place, atomically for readers, because a pod may use the mount; if content, modes and group are equal,
   * nothing changes. Otherwise:
   *
   * 1. Check the target: absent, or an empty directory.
   * 2. Build the tmpfs detached, with its files.
   * 3. Create the directory.
   * 4. Attach.
   *
   * A failure removes the mount and the directory that this call created.
   */
  put(
    targetPath: string,
    files: readonly VolumeFile[],
    options: MountOptions,
    owner: VolumeOwner,
    replaced: ReplacedFiles,
  ): VolumeChange {
    const shared = deduplicateFiles(files);
    const volume = { ...shared, owner, limits: tmpfsLimitsOf(shared, this.#options.pageBytes), options, replaced };
    return this.#at(targetPath, (target) => {
      if (target === undefined)
        throw new CodedError('INTERNAL', `the parent directory of ${shownPath(targetPath)} does not exist`);
      const found = openTarget(this.#syscalls, target);
      if (found === undefined) return this.#attach(target, undefined, volume);
      return closing(this.#syscalls, found, () => this.#putOn(target, found, volume));
    });
  }

  /** Charges volumes of earlier drivers to the memory limits. */
  adoptMounted(): void {
    const { kubeletDir, memory } = this.#options;
    for (const { targetPath, podUid, limits } of mountedVolumes(kubeletDir)) {
      memory.adopt(targetPath, { podUid }, memoryOf(limits));
    }
  }

  /**
   * Unmounts the driver's volume and removes the directory. Absent or not mounted is success. Waits in the kernel while
   * the event loop continues: the caller keeps the volume's lock until it has finished.
   */
  async detach(targetPath: string): Promise<void> {
    try {
      const target = this.#paths.open(targetPath);
      if (target !== undefined) await this.#remove(target);
      this.#options.memory.release(targetPath);
    } catch (error) {
      throw withCode(error);
    }
  }

  /** @throws {CodedError} NOT_FOUND if the path is not a published volume. */
  statistics(targetPath: string): VolumeStatistics {
    return this.#at(targetPath, (target) => {
      if (target === undefined || !hasVolume(this.#syscalls, target)) {
        throw new CodedError('NOT_FOUND', `${shownPath(targetPath)} is not a published volume`);
      }
      return statisticsAt(this.#syscalls, target);
    });
  }

  /** Returns why nothing can be mounted: no permission, or no kubelet directory. Undefined if mounting works. */
  mountProblem(): string | undefined {
    return this.#tmpfs.problem() ?? this.#paths.problem() ?? this.#propagationProblem();
  }

  /** Returns why pods would not see a volume. Once the mount is found to be shared, it is not checked again. */
  #propagationProblem(): string | undefined {
    if (this.#isShared || this.#options.allowsPrivateMounts) return undefined;
    const problem = propagationProblem(path.join(this.#options.kubeletDir, 'pods'));
    this.#isShared = problem === undefined;
    return problem && `${problem.what}: ${problem.fix}`;
  }

  /** Opens the target's parent for `use`, and converts failed system calls to coded errors. */
  #at<T>(targetPath: string, use: (target: Target | undefined) => T): T {
    try {
      const target = this.#paths.open(targetPath);
      return target === undefined ? use(undefined) : closing(this.#syscalls, target.parent, () => use(target));
    } catch (error) {
      throw withCode(error);
    }
  }

  #tmpfsOptions({ limits, options }: NewVolume): TmpfsOptions {
    return {
      limits,
      permissions: fileModeOf(options),
      selinuxContext: selinuxContext(this.#options.hasSelinux, options.selinuxContext),
    };
  }

  async #remove(target: Target): Promise<void> {
    try {
      const unmounting = (root: Directory): (() => void) => this.#openFiles.unmounting(target.path, root);
      await unmountAll(this.#syscalls, target, unmounting);
      await removeDirectory(this.#syscalls, target);
    } finally {
      this.#syscalls.close(target.parent.fd);
    }
  }

  #putOn(target: Target, found: Directory, volume: NewVolume): VolumeChange {
    const mount = mountAt(this.#syscalls, target, found);
    if (mount.kind === 'foreign') throw foreignMount(target);
    if (mount.kind === 'tmpfs') return this.#rewrite(target, found, mount.limits, volume);
    if (checkValue(this.#syscalls.list(found.fd), 'getdents', found).length > 0) {
      const message = `${shownPath(target.path)} is not mounted and not empty: remove what is in it`;
      throw new CodedError('FAILED_PRECONDITION', message);
    }
    return this.#attach(target, found, volume);
  }

  /**
   * Rewrites a mounted volume. Its tmpfs grows before and shrinks afterwards, if its usage permits that. The
   * reservation is always that of the tmpfs as it is, also if the call fails.
   */
  #rewrite(target: Target, mounted: Directory, present: TmpfsLimits, volume: NewVolume): VolumeChange {
    const { memory } = this.#options;
    const larger = largerOf(present, volume.limits);
    const undo = memory.acquire(target.path, volume.owner, memoryOf(larger));
    if (!isSameLimits(larger, present)) {
      try {
        check(this.#tmpfs.resize(mounted, larger), 'remount', mounted);
      } catch (error) {
        undo();
        throw error;
      }
    }
    const change = this.#writer.rewrite(mounted, volume, volume.options, volume.replaced);
    if (!isSameLimits(larger, volume.limits) && this.#tmpfs.resize(mounted, volume.limits) >= 0) {
      memory.acquire(target.path, volume.owner, memoryOf(volume.limits));
    }
    return change;
  }

  /** Mounts a new volume. @param found the target's directory; undefined if there is none yet. */
  #attach(target: Target, found: Directory | undefined, volume: NewVolume): 'fresh' {
    const problem = this.#tmpfs.problem() ?? this.#propagationProblem();
    if (problem !== undefined) throw new CodedError('FAILED_PRECONDITION', problem);
    const undo = this.#options.memory.acquire(target.path, volume.owner, memoryOf(volume.limits));
    const tmpfs = this.#tmpfsOptions(volume);
    try {
      closing(this.#syscalls, this.#tmpfs.createDetached(tmpfs), (root) => {
        this.#writer.fill(root, volume, volume.options);
        this.#onDirectory(target, found, (directory) => this.#tmpfs.attach(root, directory));
      });
    } catch (error) {
      undo();
      throw error;
    }
    return 'fresh';
  }

  /** Creates the target's directory for `use` if it is absent, and removes it again if `use` fails. */
  #onDirectory(target: Target, found: Directory | undefined, use: (directory: Directory) => void): void {
    if (found !== undefined) {
      use(found);
      return;
    }
    const { parent, name } = target;
    check(this.#syscalls.mkdirat(parent.fd, name, 0o750), 'mkdirat', parent, name);
    try {
      closing(this.#syscalls, openDirectory(this.#syscalls, parent, name, open.pathOnly), use);
    } catch (error) {
      this.#syscalls.unlinkat(parent.fd, name, AT_REMOVEDIR);
      throw error;
    }
  }
}

function withCode(error: unknown): unknown {
  return error instanceof SyscallError ? fromSyscallError(error) : error;
}
