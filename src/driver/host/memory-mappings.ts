export interface MemoryRange {
  readonly start: bigint;
  readonly end: bigint;
}

export interface FileMapping extends MemoryRange {
  /** Whether any page of it is in the process's memory. */
  readonly isResident: boolean;
}

const header = /^([0-9a-f]+)-([0-9a-f]+) ([r-][w-][x-][ps]) [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ (\d+)/;

/**
 * The mappings of files that cannot be written to and hold no page of the process's own, so that everything in them can be
 * read from the file again. A program's relocated constants are read-only too, but are pages of its own (`Anonymous` is
 * not 0): they would be lost.
 * @param smaps the text of `/proc/<pid>/smaps`, proc_pid_smaps(5)
 */
export function cleanFileMappings(smaps: string): FileMapping[] {
  const clean: FileMapping[] = [];
  let candidate: FileMapping | undefined;
  for (const line of smaps.split('\n')) {
    const [, start, end, permissions = '', inode] = header.exec(line) ?? [];
    if (start !== undefined) {
      const isReadOnlyFile = inode !== '0' && permissions.startsWith('r-');
      candidate = isReadOnlyFile
        ? { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), isResident: false }
        : undefined;
    } else if (candidate !== undefined && line.startsWith('Rss:')) {
      candidate = { ...candidate, isResident: !/^Rss:\s+0 kB$/.test(line) };
    } else if (candidate !== undefined && line.startsWith('Anonymous:')) {
      if (/^Anonymous:\s+0 kB$/.test(line)) clean.push(candidate);
      candidate = undefined;
    }
  }
  return clean;
}
