import { closeSync, existsSync, openSync, readSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';
import { CodedError } from '../../../errors.js';
import { readNodeFile } from '../../image-pulls/apply-files.js';

type NodeText = NonNullable<ReturnType<typeof readNodeFile>>;

const maxLinks = 40;
const maxCommandLineBytes = 64 * 1024;
const maxDirectoryFiles = 100;

/** A process of the node. */
export interface NodeProcess {
  /** Its command line. */
  readonly words: readonly string[];
  /** Path of its program on the node; undefined if it cannot be read. */
  readonly program: string | undefined;
}

/**
 * The files of the node below the directory where its root is mounted. Paths are the node's. Symbolic links lead to
 * where they lead on the node, so never out of that directory.
 */
export class HostRoot {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** @returns undefined if there is no file. @throws {CodedError} if it is no regular file, or cannot be read. */
  read(at: string): NodeText | undefined {
    const real = this.#resolve(at);
    const directory = path.dirname(real);
    return existsSync(directory) ? readNodeFile({ directory, name: path.basename(real) }) : undefined;
  }

  /** Returns the path itself, or the paths of the files in it if it is a directory. @throws {CodedError} */
  filesAt(at: string, isWanted: (name: string) => boolean): readonly string[] {
    const real = this.#resolve(at);
    if (statSync(real, { throwIfNoEntry: false })?.isDirectory() !== true) return [at];
    const names = namesIn(real).filter(isWanted).sort().slice(0, maxDirectoryFiles);
    return names.map((name) => path.join(at, name));
  }

  /** Returns the processes of the node itself, without those of containers. Empty if they cannot be read. */
  processes(): readonly NodeProcess[] {
    const proc = path.join(this.#root, 'proc');
    const mountsOf = (pid: string): string | undefined => linkAt(path.join(proc, pid, 'ns/mnt'));
    const own = mountsOf('1');
    return namesIn(proc)
      .filter((name) => /^[1-9]\d*$/.test(name) && mountsOf(name) === own)
      .map((pid) => ({ words: commandLineOf(path.join(proc, pid)), program: linkAt(path.join(proc, pid, 'exe')) }));
  }

  #resolve(at: string): string {
    const pending = at.split('/').reverse();
    let found: string[] = [];
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '..') found.pop();
      if (['', '.', '..'].includes(name)) continue;
      const target = linkAt(path.join(this.#root, ...found, name));
      if (target === undefined) {
        found.push(name);
        continue;
      }
      links += 1;
      if (links > maxLinks)
        throw new CodedError('FAILED_PRECONDITION', `${at} leads over more than ${maxLinks} symbolic links`);
      if (target.startsWith('/')) found = [];
      pending.push(...target.split('/').reverse());
    }
    return path.join(this.#root, ...found);
  }
}

function linkAt(at: string): string | undefined {
  try {
    return readlinkSync(at);
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** A process can write its command line itself, so as much of it as it likes. */
function commandLineOf(directory: string): readonly string[] {
  const buffer = Buffer.alloc(maxCommandLineBytes);
  try {
    const file = openSync(path.join(directory, 'cmdline'), 'r');
    try {
      return buffer.toString('utf8', 0, readSync(file, buffer)).split('\0');
    } finally {
      closeSync(file);
    }
  } catch {
    // The process has ended.
    return [];
  }
}
