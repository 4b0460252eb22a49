import type { VolumeFile } from '../../../src/driver/volume/ports.js';

const fileBytes = 3000;

/**
 * The files of a numbered generation: some names in all of them, one in every other; every file says its generation and
 * is of full length, so that a mix or a half is seen. `twin` has the bytes of `a`, and the `same` ones are those of
 * every generation.
 */
export function generationFiles(generation: number): VolumeFile[] {
  return generationNames(generation).map((name) => ({ name, content: Buffer.from(textOf(generation, name)) }));
}

export function generationNames(generation: number): string[] {
  return ['a', 'b', generation % 2 === 0 ? 'even' : 'odd', 'same', 'same-twin', 'twin'];
}

/** The generation that all files are of. @throws when they are of several, half-written, or not all there. */
export function generationOf(texts: Readonly<Record<string, string>>): number {
  const generation = Number.parseInt(texts['a'] ?? '', 10);
  const names = Object.keys(texts).sort().join(' ');
  if (names !== generationNames(generation).join(' ')) throw new Error(`generation ${generation} with files ${names}`);
  for (const [name, text] of Object.entries(texts)) {
    if (text !== textOf(generation, name)) throw new Error(`${name} is not whole, or not of generation ${generation}`);
  }
  return generation;
}

function textOf(generation: number, name: string): string {
  const start = name.startsWith('same') ? 'same' : `${generation}:${name === 'twin' ? 'a' : name}`;
  return start.padEnd(fileBytes, 'x');
}
