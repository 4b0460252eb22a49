import fs from 'node:fs';
import path from 'node:path';
import { CodedError } from '../../shared/errors.ts';
import { shownPath } from '../../shared/message-text.ts';
import { check, checkValue } from './directory.ts';
import type { Directory } from './directory.ts';
import { errno } from './errno.ts';
import { descriptorPath } from './linux-syscalls.ts';
import { AT_FDCWD, open } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';

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
    const parents = this.#namesIn(targetPath);
    const name = parents.pop() ?? '';
    this.#resolvedPods ??= path.join(resolveKubeletDir(this.#kubeletDir), 'pods');
    const parentPath = [this.#resolvedPods, ...parents].join('/');
    const fd = this.#syscalls.openat(AT_FDCWD, parentPath, open.pathOnly, 0);
    if (fd === -errno.ENOENT) return undefined;
    if (fd === -errno.ELOOP || fd === -errno.ENOTDIR) throw linked(targetPath);
    const parent = { fd: check(fd, 'openat', { path: parentPath }), path: parentPath };
    // If the kernel has followed a symbolic link, it has another path for the descriptor.
    const opened = this.#syscalls.readlinkat(AT_FDCWD, descriptorPath(fd));
    if (opened === parentPath) return { path: targetPath, parent, name };
    this.#syscalls.close(fd);
    checkValue(opened, 'readlinkat', parent);
    throw linked(targetPath);
  }

  /** Returns the names below the directory of pods, two at least. */
  #namesIn(targetPath: string): string[] {
    const problem = problemOf(targetPath);
    if (problem !== undefined) throw invalid(targetPath, problem);
    const pods = `${this.#pods}/`;
    const names = targetPath.startsWith(pods) ? targetPath.slice(pods.length).split('/') : [];
    if (names.length > 1) return names;
    throw invalid(targetPath, `it must be the directory of a pod's volume under ${pods} (see --kubelet-dir)`);
  }
}

function resolveKubeletDir(kubeletDir: string): string {
  try {
    return fs.realpathSync(kubeletDir);
  } catch (error) {
    throw new CodedError('INTERNAL', `the kubelet directory ${kubeletDir} cannot be found`, { cause: error });
  }
}

function problemOf(targetPath: string): string | undefined {
  if (targetPath.includes('\0')) return 'it contains a NUL byte';
  if (!targetPath.startsWith('/')) return 'it must be absolute';
  if (path.normalize(targetPath) !== targetPath || targetPath.endsWith('/')) {
    return 'it must be normalised: no "..", ".", "//" or final "/"';
  }
  const isTooLong = Buffer.byteLength(targetPath) > maxPathBytes;
  const hasLongName = isTooLong || targetPath.split('/').some((name) => Buffer.byteLength(name) > maxNameBytes);
  return hasLongName ? 'it is too long' : undefined;
}

function linked(targetPath: string): CodedError {
  return invalid(targetPath, 'a parent of it is a symbolic link or not a directory');
}

function invalid(targetPath: string, problem: string): CodedError {
  return new CodedError('INVALID_ARGUMENT', `target path ${JSON.stringify(shownPath(targetPath))}: ${problem}`);
}
