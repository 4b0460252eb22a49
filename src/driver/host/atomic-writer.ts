import type { Clock } from '../../shared/clock.ts';
import type { FileGroup, ReplacedFiles, VolumeFile } from '../publish/ports.ts';
import { check, checkValue, closing, openDirectory } from './directory.ts';
import type { Directory } from './directory.ts';
import { errno, SyscallError } from './errno.ts';
import { compareRevision, removeEntry, writeRevision } from './revision.ts';
import type { Comparison } from './revision.ts';
import { hasFileMode, fileModeOf, setFileMode } from './file-mode.ts';
import type { FileMode } from './file-mode.ts';
import type { SharedFiles } from './deduplicate-files.ts';
import { open } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';

/** The link that readers resolve: it points to the current revision. */
export const dataLink = '..data';
/** The next `..data`, until it is renamed. */
const nextDataLink = '..data_tmp';

const maxNameAttempts = 8;

/** The target content of a volume. */
interface Wanted extends SharedFiles {
  readonly permissions: FileMode;
  readonly replaced: ReplacedFiles;
}

/** Sources of a revision's name. */
export interface RevisionNames {
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * Writes a volume's files in the kubelet's AtomicWriter layout, on an open directory:
 *
 *     ..2026_01_31_09_05_00_250.k3x9q2   a revision: a directory with the files
 *     ..data -> ..2026_01_31_…           the current one
 *     ca.crt -> ..data/ca.crt            one link per file
 *
 * A reader that resolves `..data` once sees one complete revision. The steps:
 *
 * 1. Read the entries, and which of the wanted files the current revision has with the same bytes, mode and group.
 * 2. Set mode and group of the directory itself.
 * 3. Remove the remains of an interrupted write and, before a write, the revision before the current one. If there is
 *    nothing to write, continue with 7.
 * 4. Write the new revision; unchanged files of the current one are linked into it.
 * 5. Link new names. They dangle until the swap, so the swap alone is the commit.
 * 6. Swap: rename a symbolic link to the new revision over `..data`.
 * 7. Repair the links of names, and remove names that are no longer in the set.
 * 8. If replaced files must not stay, remove the replaced revision. Step 3 has removed all others.
 *
 * If the process dies before the swap, the old revision is current, otherwise the new one; the next write repairs the
 * rest. A failure before the swap is undone. A write that fails in step 8 is completed by the next one with the same
 * content.
 */
export class AtomicWriter {
  readonly #syscalls: Syscalls;
  readonly #names: RevisionNames;

  constructor(syscalls: Syscalls, names: RevisionNames) {
    this.#syscalls = syscalls;
    this.#names = names;
  }

  /**
   * Runs steps 4 to 6 for a directory that is new, empty, and has its mode and group. Undoes nothing: the caller drops
   * it.
   */
  fill(root: Directory, shared: SharedFiles, group: FileGroup): void {
    const permissions = fileModeOf(group);
    const revision = this.#makeRevision(root, permissions);
    writeRevision(this.#syscalls, root, revision, shared, permissions);
    for (const file of shared.files) this.#link(root, file.name);
    check(this.#syscalls.symlinkat(revision, root.fd, dataLink), 'symlinkat', root, dataLink);
  }

  /**
   * Runs all steps, on a directory in any state that an earlier write left, finished or not.
   * @returns 'unchanged' if nothing had to be changed.
   */
  rewrite(root: Directory, shared: SharedFiles, group: FileGroup, replaced: ReplacedFiles): 'refreshed' | 'unchanged' {
    const wanted = { ...shared, permissions: fileModeOf(group), replaced };
    const entries = checkValue(this.#syscalls.list(root.fd), 'getdents', root); // 1
    const current = openCurrentRevision(this.#syscalls, root);
    if (current === undefined) return this.#rewrite(root, entries, wanted);
    return closing(this.#syscalls, current, () => this.#rewrite(root, entries, wanted, current));
  }

  #rewrite(root: Directory, entries: readonly string[], wanted: Wanted, current?: Revision): 'refreshed' | 'unchanged' {
    const { files, permissions, replaced } = wanted;
    const comparison = current && compareRevision(this.#syscalls, current, wanted, permissions);
    const isSame = comparison?.isSame === true;
    const changes = [
      this.#ensureRootPermissions(root, permissions), // 2
      this.#sweep(root, entries, current?.name, isSame && replaced === 'kept'), // 3
      isSame ? this.#linkNew(root, entries, files).length > 0 : this.#replace(root, entries, wanted, comparison), // 4 to 6
      this.#repairNames(root, entries, files), // 7
    ];
    if (current !== undefined && !isSame && replaced === 'removed') {
      removeEntry(this.#syscalls, root, current.name); // 8
    }
    return changes.includes(true) ? 'refreshed' : 'unchanged';
  }

  #ensureRootPermissions(root: Directory, { directoryMode, gid }: FileMode): boolean {
    const status = checkValue(this.#syscalls.fstat(root.fd), 'fstat', root);
    if (hasFileMode(status, directoryMode, gid)) return false;
    // The descriptor may be an O_PATH one, which cannot change anything.
    closing(this.#syscalls, openDirectory(this.#syscalls, root, '.', open.directory), (directory) =>
      setFileMode(this.#syscalls, directory.fd, directoryMode, gid, root),
    );
    return true;
  }

  /**
   * Removes everything but the current revision. If others must stay, removes only the next link: another revision may
   * still have readers. There is at most one such revision, since every write starts here.
   */
  #sweep(root: Directory, entries: readonly string[], current: string | undefined, othersStay: boolean): boolean {
    const leftovers = entries.filter((entry) => {
      if (othersStay) return entry === nextDataLink;
      return isWritersOwn(entry) && entry !== current && (entry !== dataLink || current === undefined);
    });
    for (const entry of leftovers) removeEntry(this.#syscalls, root, entry);
    return leftovers.length > 0;
  }

  #replace(root: Directory, entries: readonly string[], wanted: Wanted, previous: Comparison | undefined): true {
    const { files, permissions } = wanted;
    const revision = this.#makeRevision(root, permissions);
    try {
      writeRevision(this.#syscalls, root, revision, wanted, permissions, previous); // 4
      const linked = this.#linkNew(root, entries, files); // 5
      this.#commit(root, revision, linked); // 6
    } catch (error) {
      this.#discard(root, revision);
      throw error;
    }
    return true;
  }

  #makeRevision(root: Directory, { directoryMode }: FileMode): string {
    for (let attempt = 1; ; attempt += 1) {
      const name = revisionName(this.#names);
      const made = this.#syscalls.mkdirat(root.fd, name, directoryMode);
      if (made === -errno.EEXIST && attempt < maxNameAttempts) continue;
      check(made, 'mkdirat', root, name);
      return name;
    }
  }

  /** Links missing names, and undoes that on failure. @returns the names that had no link. */
  #linkNew(root: Directory, entries: readonly string[], files: readonly VolumeFile[]): readonly string[] {
    const present = new Set(entries);
    const linked: string[] = [];
    try {
      for (const { name } of files) {
        if (present.has(name)) continue;
        this.#link(root, name);
        linked.push(name);
      }
    } catch (error) {
      this.#unlink(root, linked);
      throw error;
    }
    return linked;
  }

  #commit(root: Directory, revision: string, linked: readonly string[]): void {
    try {
      check(this.#syscalls.symlinkat(revision, root.fd, nextDataLink), 'symlinkat', root, nextDataLink);
      check(this.#syscalls.renameat(root.fd, nextDataLink, dataLink), 'renameat', root, nextDataLink);
    } catch (error) {
      this.#unlink(root, [nextDataLink, ...linked]);
      throw error;
    }
  }

  #link(root: Directory, name: string): void {
    check(this.#syscalls.symlinkat(`${dataLink}/${name}`, root.fd, name), 'symlinkat', root, name);
  }

  /** Undoes links as far as possible; the next write removes the rest. */
  #unlink(root: Directory, names: readonly string[]): void {
    for (const name of names) this.#syscalls.unlinkat(root.fd, name, 0);
  }

  #discard(root: Directory, revision: string): void {
    try {
      removeEntry(this.#syscalls, root, revision);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
    }
  }

  #repairNames(root: Directory, entries: readonly string[], files: readonly VolumeFile[]): boolean {
    const wanted = new Set(files.map((file) => file.name));
    let touched = false;
    for (const entry of entries) {
      if (isWritersOwn(entry)) continue;
      if (wanted.has(entry) && linkTarget(this.#syscalls, root, entry) === `${dataLink}/${entry}`) continue;
      removeEntry(this.#syscalls, root, entry);
      if (wanted.has(entry)) this.#link(root, entry);
      touched = true;
    }
    return touched;
  }
}

/** A revision that `..data` points to. */
interface Revision extends Directory {
  readonly name: string;
}

/**
 * Opens the revision that readers see, without following the link; the caller closes it.
 * @returns undefined if the directory has no complete revision.
 */
export function openCurrentRevision(syscalls: Syscalls, root: Directory): Revision | undefined {
  const target = linkTarget(syscalls, root, dataLink);
  if (target === undefined || !isWritersOwn(target) || target === '..' || target.includes('/')) return undefined;
  const fd = syscalls.openat(root.fd, target, open.directory, 0);
  if (fd === -errno.ENOENT || fd === -errno.ENOTDIR || fd === -errno.ELOOP) return undefined;
  return { fd: check(fd, 'openat', root, target), path: `${root.path}/${target}`, name: target };
}

/** Returns the target of a link; undefined if no link has that name. */
function linkTarget(syscalls: Syscalls, root: Directory, name: string): string | undefined {
  const target = syscalls.readlinkat(root.fd, name);
  if (target === -errno.ENOENT || target === -errno.EINVAL) return undefined;
  return checkValue(target, 'readlinkat', root, name);
}

/** Reports whether an entry belongs to the writer. The rule for file names reserves this prefix. */
function isWritersOwn(entry: string): boolean {
  return entry.startsWith('..');
}

function revisionName({ clock, random }: RevisionNames): string {
  const moment = new Date(clock.now())
    .toISOString()
    .replace(/[-T:.]/g, '_')
    .replace('Z', '');
  return `..${moment}.${Math.floor(random() * 0x100000000).toString(36)}`;
}
