import type { VolumeFile } from '../publish/ports.ts';

/** Bytes of one file, and its names. */
interface FileContent {
  readonly content: Uint8Array;
  /** At least one; in the order of the files. */
  readonly names: readonly string[];
}

/** The files of a volume, grouped by equal content. */
export interface SharedFiles {
  readonly files: readonly VolumeFile[];
  readonly contents: readonly FileContent[];
}

/** Groups files with equal content: a volume has its CA bundle under three names and its proxy's address under two. */
export function deduplicateFiles(files: readonly VolumeFile[]): SharedFiles {
  const contents: { readonly content: Uint8Array; readonly names: string[] }[] = [];
  for (const { name, content } of files) {
    const same = contents.find((other) => other.content === content || isEqual(other.content, content));
    if (same === undefined) contents.push({ content, names: [name] });
    else same.names.push(name);
  }
  return { files, contents };
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
