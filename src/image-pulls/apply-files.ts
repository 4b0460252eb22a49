import { CodedError } from '../shared/errors.ts';
import {
  hostDirectory,
  readHostFile,
  removeEmptyDirectory,
  removeHostFile,
  removeTemporary,
  writeHostFile,
} from './host-file.ts';
import type { HostFile } from './host-file.ts';
import type { NodeFile } from './node-files.ts';
import { hash } from 'node:crypto';
import path from 'node:path';

/** Result of a change of the files of a node. */
export interface Applied {
  /** Paths of files that were written, or removed. */
  readonly changed: readonly string[];
  /** Files and directories that are not as they should be; one line each. */
  readonly problems: readonly CodedError[];
}

/** Writes the files that are missing or out of date. A file of an administrator is left as it is. */
export function installFiles(files: readonly NodeFile[]): Applied {
  return apply(files, true, (at, { mode, text }) => {
    const found = readHostFile(at);
    if (text === undefined) return false;
    const wanted = { text: signed(text), mode };
    if (found !== undefined && !isSigned(found.text)) {
      // An administrator can put the same file there, such as the script before the kubelet starts for the first time.
      if (found.text === text && found.mode === mode) return false;
      throw foreignFile(at, 'is not replaced');
    }
    if (found?.text === wanted.text && found.mode === mode) return false;
    writeHostFile(at, wanted);
    return true;
  });
}

/** Removes the files that this program has written, and their folders if they are empty then. */
export function uninstallFiles(files: readonly NodeFile[]): Applied {
  const removed = apply(files, false, (at) => {
    removeTemporary(at);
    const found = readHostFile(at);
    if (found === undefined) return false;
    if (!isSigned(found.text)) throw foreignFile(at, 'is not removed');
    removeHostFile(at);
    return true;
  });
  const problems = files.flatMap(({ directory, folder }) =>
    collected(() => {
      const at = hostDirectory(directory, folder, false);
      if (folder !== undefined && at !== undefined) removeEmptyDirectory(at);
    }),
  );
  return { changed: removed.changed, problems: unique([...removed.problems, ...problems]) };
}

/** Returns the file of this program's or an administrator's; undefined if there is none. @throws {CodedError} */
export function readNodeFile({
  directory,
  folder,
  name,
}: Omit<NodeFile, 'text' | 'mode'>): (HostFile & { readonly isSigned: boolean }) | undefined {
  const at = hostDirectory(directory, folder, false);
  const found = at === undefined ? undefined : readHostFile(path.join(at, name));
  return found && { ...found, isSigned: isSigned(found.text) };
}

/** @param action changes the file at a path, and returns whether it did. */
function apply(files: readonly NodeFile[], create: boolean, action: (at: string, file: NodeFile) => boolean): Applied {
  const changed: string[] = [];
  const problems = files.flatMap((file) =>
    collected(() => {
      const directory = hostDirectory(file.directory, file.folder, create && file.text !== undefined);
      const at = directory && path.join(directory, file.name);
      if (at !== undefined && action(at, file)) changed.push(at);
    }),
  );
  return { changed, problems: unique(problems) };
}

/** One file that fails does not keep the others from being written. */
function collected(action: () => void): readonly CodedError[] {
  try {
    action();
    return [];
  } catch (error) {
    if (error instanceof CodedError) return [error];
    throw error;
  }
}

/** Files of one directory fail for the same reason. */
function unique(problems: readonly CodedError[]): readonly CodedError[] {
  return [...new Map(problems.map((problem) => [problem.message, problem])).values()];
}

function foreignFile(at: string, consequence: string): CodedError {
  const problem = `${at} was written or changed by an administrator and ${consequence}`;
  const message = `${problem}: remove the file, or set the flag of its directory to an empty value`;
  return new CodedError('FAILED_PRECONDITION', message);
}

/** The comment that marks a file as written by this program. `#` is a comment in sh and TOML, and ignored in PEM. */
const line = /^# Written by connectors-csi image-pulls, which replaces and removes this file: sha256 ([0-9a-f]{64})\n/m;

/**
 * Returns the text with the comment, which contains the digest of the rest. It distinguishes a file that an administrator
 * has changed from one that another version of this program wrote, without state anywhere else.
 */
export function signed(text: string): string {
  const [, first = '', rest = ''] = /^(#!.*\n)?([\s\S]*)$/.exec(text) ?? [];
  const comment = `# Written by connectors-csi image-pulls, which replaces and removes this file: sha256 ${hash('sha256', text)}\n`;
  return `${first}${comment}${rest}`;
}

/** Reports whether the text is as some version of this program wrote it. */
function isSigned(text: string): boolean {
  const found = line.exec(text);
  return found !== null && hash('sha256', unsigned(text)) === found[1];
}

/** Returns the text without the comment. */
export function unsigned(text: string): string {
  return text.replace(line, '');
}
