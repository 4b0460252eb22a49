/** Longer ones resemble nothing, and the comparison takes their length times the known name's. */
const maxLength = 64;

/**
 * The known names that somebody may have meant: those that differ least, if that is little, in letters and digits
 * alone; else those that begin with what was written, word for word.
 */
export function similarNames(written: string, known: readonly string[]): readonly string[] {
  if (written.length > maxLength) return [];
  const letters = lettersOf(written);
  const distances = known.map((name) => [name, editDistance(letters, lettersOf(name))] as const);
  const least = Math.min(...distances.map(([, distance]) => distance));
  // A third wrong is no longer a slip.
  if (least <= Math.min(3, letters.length / 3)) {
    return distances.filter(([, distance]) => distance === least).map(([name]) => name);
  }
  return known.filter((name) => name.startsWith(`${written.toLowerCase()}.`));
}

function lettersOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** How many letters must be put in, left out or exchanged to make one text of the other (Levenshtein's distance). */
export function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let index = 0; index < from.length; index += 1) {
    const letter = from[index];
    const next = [index + 1];
    for (let at = 1; at <= to.length; at += 1) {
      const exchanged = (row[at - 1] ?? 0) + (letter === to[at - 1] ? 0 : 1);
      next.push(Math.min(exchanged, (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
