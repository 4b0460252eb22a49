import type { VolumeFile } from '../volume/ports.js';

/** Bytes that one file holds, and the names that it has. */
export interface SharedContent {
  readonly content: Uint8Array;
  /** At least one; in the order of the files. */
  readonly names: readonly string[];
}

/** Files with the same bytes together: a volume has its CA bundle under three names and its proxy's address under two. */
export function shareContents(files: readonly VolumeFile[]): readonly SharedContent[] {
  const byLength = new Map<number, { readonly content: Uint8Array; readonly names: string[] }[]>();
  const all: SharedContent[] = [];
  for (const { name, content } of files) {
    const alike = byLength.get(content.length) ?? [];
    const same = alike.find((other) => other.content === content || Buffer.compare(other.content, content) === 0);
    if (same !== undefined) {
      same.names.push(name);
      continue;
    }
    const added = { content, names: [name] };
    byLength.set(content.length, [...alike, added]);
    all.push(added);
  }
  return all;
}
