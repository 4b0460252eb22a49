/** Parts of a pattern: quoted text, an escape, a class in brackets, a repetition with numbers, or a character. */
const parts =
  /\\Q[^]*?(?:\\E|$)|\\[pPx]\{[^}]{0,40}\}|\\[^]|\[\^?\]?(?:\[:\^?\w+:\]|\\[^]|[^\]\\])*\]?|\{(\d+)(?:,(\d*))?\}|[^]/g;

/** Most copies that RE2 makes; it rejects patterns with more. */
const maxCopies = 1001;

/**
 * Returns about how many instructions a pattern in RE2's syntax is compiled to, and not less than half of them. A
 * repetition such as `{100}` copies what it repeats.
 */
export function patternSize(pattern: string): number {
  let size = 0;
  /** Size of the part that a repetition would copy. */
  let last = 0;
  /** Sizes of the pattern before each group that is open. */
  const before: number[] = [];
  for (const [part, least, most = ''] of pattern.matchAll(parts)) {
    if (least !== undefined) {
      const copies = Math.min(Number(most === '' ? least : most), maxCopies);
      size += last * copies;
      last += last * copies;
    } else if (part === '(') {
      before.push(size);
      size += 1;
    } else if (part === ')') {
      size += 1;
      last = size - (before.pop() ?? 0);
    } else {
      const added = part.startsWith('\\Q') ? part.length : 1;
      size += added;
      // It belongs to the part before it, which a further repetition would copy with it.
      last = '*+?'.includes(part) ? last + added : added;
    }
  }
  return size;
}
