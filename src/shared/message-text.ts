/** Names in one message. */
const maxListed = 20;
const maxQuotedLength = 100;
/** Characters of a path. The kubelet's target paths have some 170. */
const maxPathLength = 400;

/** Quotes foreign text for a message: escaped, one line, at most 100 characters. */
export function quote(text: string): string {
  return JSON.stringify(shortened(text, maxQuotedLength));
}

/**
 * Shortens a path for a message or the log. A long path keeps both ends: the start names its owner, the end its
 * purpose.
 */
export function shownPath(path: string): string {
  const half = maxPathLength / 2;
  return path.length > maxPathLength ? `${path.slice(0, half)}…${path.slice(-half)}` : path;
}

/**
 * Joins names by commas for a message: the first twenty and the number of the rest. Each has at most 100 characters.
 */
export function listed(names: Iterable<string>): string {
  return joined([...names], (name) => shortened(name, maxQuotedLength));
}

/** Joins names like `listed`, each in quotes. */
export function listedInQuotes(names: Iterable<string>): string {
  return joined([...names], quote);
}

const beyondAscii = /[^ -~]/;

/**
 * Replaces control and format characters, such as escape sequences and bidirectional overrides. Texts of other users have
 * them, and a terminal would interpret them.
 */
export function printable(line: string): string {
  return beyondAscii.test(line) ? line.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?') : line;
}

function joined(names: readonly string[], show: (name: string) => string): string {
  const first = names.slice(0, maxListed).map(show).join(', ');
  return names.length > maxListed ? `${first} and ${names.length - maxListed} more` : first;
}

function shortened(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
}

/** Returns the problem of a value with a variable that Tekton should have replaced; undefined without one. */
export function unsubstitutedIn(value: string): string | undefined {
  const [variable] = /\$\([^)]{0,100}\)?/.exec(value) ?? [];
  if (variable === undefined) return undefined;
  return `still holds ${quote(variable)}: Tekton substitutes variables in the volumes of a Task, but not in the csi of a workspace`;
}

/** Returns lines of whole words. A longer word has a line of its own. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}

/** Returns `: did you mean "X"?` for the name that a word is nearest to, ignoring case; empty without a near one. */
export function suggestion(word: string, names: readonly string[]): string {
  const near = names.map((name) => [edits(word.toLowerCase(), name.toLowerCase()), name] as const);
  const [[distance, name] = [Infinity, '']] = near.sort(([a], [b]) => a - b);
  return distance <= Math.min(2, word.length / 2) ? `: did you mean ${quote(name)}?` : '';
}

/** Returns how many characters to insert, remove or replace (Levenshtein). Of longer words, only the beginning counts. */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const character of from.slice(0, maxQuotedLength)) {
    const next = [(row[0] ?? 0) + 1];
    for (const [at, other] of to.split('').entries()) {
      next.push(Math.min((row[at] ?? 0) + Number(character !== other), (next[at] ?? 0) + 1, (row[at + 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
