import fs from 'node:fs';
import path from 'node:path';
import { CodedError } from '../../shared/errors.ts';
import { shownPath } from '../../shared/message-text.ts';
import { check } from './directory.ts';
import type { Directory } from './directory.ts';
import { errno } from './errno.ts';
import { AT_FDCWD, open, resolve } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';

/**
 * Location of a volume: the entry `name` of the directory at `parentPath`, in which no component is a symbolic link.
 */
interface TargetLocation {
  readonly parentPath: string;
  readonly name: string;
}

/** A target path whose parent directory is open; the caller closes it. */
export interface Target {
  /** The kubelet's spelling of the path. */
  readonly path: string;
  readonly parent: Directory;
  readonly name: string;
}

/** PATH_MAX without its final NUL. */
const maxPathBytes = 4095;
/** NAME_MAX. */
const maxNameBytes = 255;

/**
 * Target paths of one kubelet: `<kubelet dir>/pods/<uid>/volumes/kubernetes.io~csi/<volume>/mount`. The kubelet
 * directory itself can be reached through symbolic links, which are resolved once; below it none is followed.
 */
export class TargetPaths {
  readonly #kubeletDir: string;
  /** The kubelet's directory of pods, in its own spelling. */
  readonly #pods: string;
  readonly #syscalls: Syscalls;
  #resolvedPods: string | undefined;
  #hasOpenat2 = true;

  constructor(kubeletDir: string, syscalls: Syscalls) {
    this.#kubeletDir = path.resolve(kubeletDir);
    this.#pods = path.join(this.#kubeletDir, 'pods');
    this.#syscalls = syscalls;
  }

  /** Returns why no path can be a target now; undefined if one can. */
  problem(): string | undefined {
    if (fs.existsSync(this.#pods)) return undefined;
    return `${this.#kubeletDir} has no folder "pods": set --kubelet-dir to the kubelet's --root-dir, mounted at that path`;
  }

  /**
   * Opens the target's parent; undefined if it does not exist.
   * @throws {CodedError} INVALID_ARGUMENT for a path that cannot be a target.
   */
  open(targetPath: string): Target | undefined {
    const { parentPath, name } = this.#locate(targetPath);
    const fd = this.#openWithoutLinks(parentPath);
    if (fd === -errno.ENOENT) return undefined;
    if (fd === -errno.ELOOP || fd === -errno.ENOTDIR) {
      throw invalid(targetPath, 'a parent of it is a symbolic link or not a directory');
    }
    const parent = { fd, path: parentPath };
    check(fd, 'openat2', parent);
    return { path: targetPath, parent, name };
  }

  #locate(targetPath: string): TargetLocation {
    const pods = this.#pods;
    const problem = problemOf(targetPath);
    if (problem !== undefined) throw invalid(targetPath, problem);
    const nameAt = targetPath.lastIndexOf('/') + 1;
    if (!targetPath.startsWith(`${pods}/`) || nameAt === pods.length + 1) {
      throw invalid(targetPath, `it must be the directory of a pod's volume under ${pods}/ (see --kubelet-dir)`);
    }
    this.#resolvedPods ??= path.join(resolveKubeletDir(this.#kubeletDir), 'pods');
    return {
      parentPath: `${this.#resolvedPods}${targetPath.slice(pods.length, nameAt - 1)}`,
      name: targetPath.slice(nameAt),
    };
  }

  #openWithoutLinks(directory: string): number {
    if (this.#hasOpenat2) {
      const fd = this.#syscalls.openat2(AT_FDCWD, directory, open.pathOnly, resolve.NO_SYMLINKS);
      if (fd !== -errno.ENOSYS) return fd;
      this.#hasOpenat2 = false;
    }
    return this.#walk(directory);
  }

  /** Does the work of openat2 (Linux 5.6), component by component. */
  #walk(directory: string): number {
    let fd = this.#syscalls.openat(AT_FDCWD, '/', open.pathOnly, 0);
    for (const component of directory.split('/').filter((part) => part !== '')) {
      if (fd < 0) return fd;
      const next = this.#syscalls.openat(fd, component, open.pathOnly, 0);
      this.#syscalls.close(fd);
      fd = next;
    }
    return fd;
  }
}

function resolveKubeletDir(kubeletDir: string): string {
  try {
    return fs.realpathSync(kubeletDir);
  } catch (error) {
    throw new CodedError('INTERNAL', `the kubelet directory ${kubeletDir} cannot be found`, { cause: error });
  }
}

/** No character takes more than three bytes for each of its code units. */
const maxBytesPerUnit = 3;

function problemOf(targetPath: string): string | undefined {
  if (targetPath.includes('\0')) return 'it contains a NUL byte';
  if (!targetPath.startsWith('/')) return 'it must be absolute';
  let problem = isTooLong(targetPath, maxPathBytes) ? tooLong : undefined;
  for (let from = 1; from <= targetPath.length;) {
    const slash = targetPath.indexOf('/', from);
    const to = slash === -1 ? targetPath.length : slash;
    if (isNoName(targetPath, from, to)) return 'it must be normalised: no "..", ".", "//" or final "/"';
    if (maxBytesPerUnit * (to - from) > maxNameBytes && isTooLong(targetPath.slice(from, to), maxNameBytes))
      problem = tooLong;
    from = to + 1;
  }
  return problem;
}

const tooLong = 'it is too long';

function isTooLong(text: string, maxBytes: number): boolean {
  return maxBytesPerUnit * text.length > maxBytes && Buffer.byteLength(text) > maxBytes;
}

/** Reports whether the component is empty, `.` or `..`. */
function isNoName(targetPath: string, from: number, to: number): boolean {
  const length = to - from;
  return length === 0 || (length <= 2 && targetPath[from] === '.' && targetPath[to - 1] === '.');
}

function invalid(targetPath: string, problem: string): CodedError {
  return new CodedError('INVALID_ARGUMENT', `target path ${JSON.stringify(shownPath(targetPath))}: ${problem}`);
}
