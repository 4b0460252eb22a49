import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { CodedError } from '../shared/errors.ts';

/** Content and mode of a regular file. */
export interface HostFile {
  readonly text: string;
  readonly mode: number;
}

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
/** Files of this program have a few KiB, a bundle of certificates less than this. */
const maxFileBytes = 1 << 20;

const fixes: Readonly<Record<string, string>> = {
  ENOSPC: 'free space on the node',
  EDQUOT: 'free space on the node',
  EROFS: 'name a directory of the node that can be written',
  EACCES: 'run as root, on a node with SELinux with a label that can write there',
  EPERM: 'run as root, and remove attributes such as "immutable"',
  ENOENT: 'mount the directory of the node',
  ENOTDIR: 'remove the file that is in the place of the directory',
};

/**
 * A directory of the node, opened once. Files are reached through its descriptor, and no symbolic link is followed: the
 * target of a link of the node is another file in this container.
 */
export class HostDirectory {
  readonly path: string;
  readonly #descriptor: number;

  private constructor(at: string, descriptor: number) {
    this.path = at;
    this.#descriptor = descriptor;
  }

  /** @throws {CodedError} if it does not exist, or its path has a symbolic link. */
  static open(at: string): HostDirectory {
    const real = attempt(`open directory ${at}`, () => realpathSync(at));
    if (real !== at) {
      const problem = `${at} leads over a symbolic link to ${real}, which can be outside of the mount`;
      throw new CodedError('FAILED_PRECONDITION', `${problem}: mount the target of the link and name it instead`);
    }
    return new HostDirectory(at, openDirectory(at, at));
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /**
   * Opens a folder of the directory.
   * @param create whether to create it.
   * @returns undefined if it does not exist.
   * @throws {CodedError} if it is a symbolic link or not a directory.
   */
  folder(name: string, { create = false } = {}): HostDirectory | undefined {
    const shown = this.#shown(name);
    const found = this.#kindOf(name);
    if (found?.isSymbolicLink() === true) throw linkProblem(shown);
    if (found === undefined) {
      if (!create) return undefined;
      attempt(`create directory ${shown}`, () => mkdirSync(this.#at(name)));
    }
    const descriptor = openDirectory(this.#at(name), shown);
    // Not subject to the umask.
    if (found === undefined) attempt(`create directory ${shown}`, () => fchmodSync(descriptor, 0o755));
    return new HostDirectory(shown, descriptor);
  }

  /** @returns undefined if there is no file. @throws {CodedError} if it is no regular file, or cannot be read. */
  read(name: string): HostFile | undefined {
    const shown = this.#shown(name);
    const found = this.#kindOf(name);
    if (found === undefined) return undefined;
    if (found.isSymbolicLink()) throw linkProblem(shown);
    if (!found.isFile()) throw new CodedError('FAILED_PRECONDITION', `${shown} is not a regular file: remove it`);
    return attempt(`read ${shown}`, () => {
      const file = openSync(this.#at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        const { mode, size } = fstatSync(file);
        // Larger ones are never of this program.
        const text = size > maxFileBytes ? '' : readFileSync(file, 'utf8');
        return { text, mode: mode & 0o7777 };
      } finally {
        closeSync(file);
      }
    });
  }

  /** Replaces the file in one step: readers see the old content or the new one. @throws {CodedError} */
  write(name: string, { text, mode }: HostFile): void {
    const temporary = this.#at(temporaryName(name));
    attempt(`write ${this.#shown(name)}`, () => {
      // Left over if a process was killed.
      ignoring('ENOENT', () => unlinkSync(temporary));
      try {
        const file = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
        try {
          writeFileSync(file, text);
          // Not subject to the umask.
          fchmodSync(file, mode);
          fsyncSync(file);
        } finally {
          closeSync(file);
        }
        renameSync(temporary, this.#at(name));
      } catch (error) {
        ignoring('ENOENT', () => unlinkSync(temporary));
        throw error;
      }
    });
  }

  /** Removes the file if it exists. @throws {CodedError} */
  remove(name: string): void {
    if (this.#kindOf(name) === undefined) return;
    attempt(`remove ${this.#shown(name)}`, () => unlinkSync(this.#at(name)));
  }

  /** Removes what an interrupted write of the file has left. @throws {CodedError} */
  removeTemporary(name: string): void {
    this.remove(temporaryName(name));
  }

  /** Removes a folder if it is empty. @throws {CodedError} */
  removeEmptyFolder(name: string): void {
    if (this.#kindOf(name)?.isDirectory() !== true) return;
    attempt(`remove directory ${this.#shown(name)}`, () => ignoring('ENOTEMPTY', () => rmdirSync(this.#at(name))));
  }

  #kindOf(name: string): ReturnType<typeof lstatSync> | undefined {
    return attempt(`read ${this.#shown(name)}`, () => lstatSync(this.#at(name), { throwIfNoEntry: false }));
  }

  #at(name: string): string {
    return `/proc/self/fd/${this.#descriptor}/${name}`;
  }

  #shown(name: string): string {
    return path.join(this.path, name);
  }
}

/** A name that no container runtime reads: only names that end with .crt, .cert, .key or .toml count. */
function temporaryName(name: string): string {
  return `.${name}.connectors-csi`;
}

function openDirectory(at: string, shown: string): number {
  return attempt(`open directory ${shown}`, () => openSync(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
}

function linkProblem(shown: string): CodedError {
  return new CodedError('FAILED_PRECONDITION', `${shown} is a symbolic link, which is not followed: remove it`);
}

function ignoring(code: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== code) throw error;
  }
}

/** Converts an error of the system to one that names the file as the node has it, and the fix. */
function attempt<T>(doing: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const fix = fixes[code];
    throw new CodedError('UNAVAILABLE', `cannot ${doing}: ${code}${fix === undefined ? '' : `: ${fix}`}`, {
      cause: error,
    });
  }
}
