import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
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

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
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
 * Returns the directory, or the folder in it. No symbolic link is followed: the target of a link of the node is another
 * file in this container.
 * @param create whether to create the folder.
 * @returns undefined if the folder does not exist.
 * @throws {CodedError} if the directory does not exist, one of both is not a directory, or the path has a symbolic link.
 */
export function hostDirectory(directory: string, folder: string | undefined, create: boolean): string | undefined {
  const real = attempt(`open directory ${directory}`, () => realpathSync(directory));
  if (real !== directory) {
    const problem = `${directory} leads over a symbolic link to ${real}, which can be outside of the mount`;
    throw new CodedError('FAILED_PRECONDITION', `${problem}: mount the target of the link and name it instead`);
  }
  const at = path.join(directory, folder ?? '');
  if (kindOf(at) === undefined) {
    if (!create) return undefined;
    attempt(`create directory ${at}`, () => {
      mkdirSync(at);
      // Not subject to the umask.
      chmodSync(at, 0o755);
    });
  }
  attempt(`open directory ${at}`, () => readdirSync(at));
  return at;
}

/** @returns undefined if there is no file. @throws {CodedError} if it is no regular file, or cannot be read. */
export function readHostFile(at: string): HostFile | undefined {
  const found = kindOf(at);
  if (found === undefined) return undefined;
  if (!found.isFile()) throw new CodedError('FAILED_PRECONDITION', `${at} is not a regular file: remove it`);
  return attempt(`read ${at}`, () => {
    const file = openSync(at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
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
export function writeHostFile(at: string, { text, mode }: HostFile): void {
  const temporary = temporaryOf(at);
  attempt(`write ${at}`, () => {
    // Left over if a process was killed.
    unlinkIfThere(temporary);
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
      renameSync(temporary, at);
    } catch (error) {
      unlinkIfThere(temporary);
      throw error;
    }
  });
}

/** Removes what an interrupted write of the file has left. @throws {CodedError} */
export function removeTemporary(at: string): void {
  attempt(`remove ${at}`, () => unlinkIfThere(temporaryOf(at)));
}

/** @throws {CodedError} */
export function removeHostFile(at: string): void {
  attempt(`remove ${at}`, () => unlinkSync(at));
}

/** Removes a directory if it is empty. @throws {CodedError} */
export function removeEmptyDirectory(at: string): void {
  attempt(`remove directory ${at}`, () => {
    if (readdirSync(at).length === 0) rmdirSync(at);
  });
}

/** @throws {CodedError} if it is a symbolic link. */
function kindOf(at: string): ReturnType<typeof lstatSync> | undefined {
  const found = attempt(`read ${at}`, () => lstatSync(at, { throwIfNoEntry: false }));
  if (found?.isSymbolicLink() !== true) return found;
  throw new CodedError('FAILED_PRECONDITION', `${at} is a symbolic link, which is not followed: remove it`);
}

function unlinkIfThere(at: string): void {
  if (lstatSync(at, { throwIfNoEntry: false }) !== undefined) unlinkSync(at);
}

/** A name that no container runtime reads: only names that end with .crt, .cert, .key or .toml count. */
function temporaryOf(at: string): string {
  return path.join(path.dirname(at), `.${path.basename(at)}.connectors-csi`);
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
