import type { VolumeFile } from '../../../src/driver/publish/ports.ts';

/** The first revision of files for which a volume of the others must grow. */
export const largeRevision = 1_000_000;

const bytesOf = (revision: number): number => (revision < largeRevision ? 3000 : 9000);

/**
 * The files of a numbered revision: some names in all of them, one in every other; every file says its revision and
 * is of full length, so that a mix or a half is seen. `twin` has the bytes of `a`, and the `same` ones are those of
 * every revision.
 */
export function revisionFiles(revision: number): VolumeFile[] {
  return revisionNames(revision).map((name) => ({ name, content: Buffer.from(textOf(revision, name)) }));
}

function revisionNames(revision: number): string[] {
  return ['a', 'b', revision % 2 === 0 ? 'even' : 'odd', 'same', 'same-twin', 'twin'];
}

/** The revision that all files are of. @throws when they are of several, half-written, or not all there. */
export function revisionOf(texts: Readonly<Record<string, string>>): number {
  const revision = Number.parseInt(texts['a'] ?? '', 10);
  const names = Object.keys(texts).sort().join(' ');
  if (names !== revisionNames(revision).join(' ')) throw new Error(`revision ${revision} with files ${names}`);
  for (const [name, text] of Object.entries(texts)) {
    if (text !== textOf(revision, name)) throw new Error(`${name} is not whole, or not of revision ${revision}`);
  }
  return revision;
}

function textOf(revision: number, name: string): string {
  if (name.startsWith('same')) return 'same'.padEnd(3000, 'x');
  return `${revision}:${name === 'twin' ? 'a' : name}`.padEnd(bytesOf(revision), 'x');
}
