/** Limit of compared names. A comparison costs the product of both lengths, and no known name is that long. */
const maxLength = 64;

/**
 * Returns the known names that a misspelled name can mean. These are the names with the smallest difference in letters
 * and digits, if it is small; otherwise the names that begin with the written words.
 */
export function similarNames(written: string, known: readonly string[]): readonly string[] {
  if (written.length > maxLength) return [];
  const letters = lettersOf(written);
  const distances = known.map((name) => [name, editDistance(letters, lettersOf(name))] as const);
  const smallest = Math.min(...distances.map(([, distance]) => distance));
  // If more than a third of the letters differ, it is another name.
  if (smallest <= Math.min(3, letters.length / 3)) {
    return distances.filter(([, distance]) => distance === smallest).map(([name]) => name);
  }
  return known.filter((name) => name.startsWith(`${written.toLowerCase()}.`));
}

/** Returns ` (did you mean "NAME"?)` with the similar names; empty without one. @param prefix of each name. */
export function didYouMean(written: string, known: readonly string[], prefix = ''): string {
  const names = similarNames(written, known).map((name) => `"${prefix}${name}"`);
  return names.length === 0 ? '' : ` (did you mean ${names.join(' or ')}?)`;
}

function lettersOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/**
 * Returns the number of letters to insert, remove or replace to change one text to the other (Levenshtein's distance).
 */
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
