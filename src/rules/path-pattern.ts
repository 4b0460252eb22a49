/** Matches one segment that is not empty: `*`. */
const oneSegment = Symbol('*');
/** Matches any number of segments, also none: `**`. */
const anySegments = Symbol('**');

type Part = string | typeof oneSegment | typeof anySegments;

/** A path of a rule: segments, with `*` for one of them and `**` for any number. */
export interface PathPattern {
  readonly exact: readonly Part[];
  /** The same, as `folded` returns it. */
  readonly folded: readonly Part[];
}

type Kind = keyof PathPattern;

/** Parses the path of a rule. Percent-encoded characters are decoded: `%2F` is a slash in a segment. */
export function parsePathPattern(text: string): PathPattern | { readonly problem: string } {
  if (!text.startsWith('/')) return { problem: 'must begin with /' };
  if (/[?#\\]|\p{Cc}/u.test(text)) {
    return { problem: 'must be the path alone: leave out query, fragment, backslash and control characters' };
  }
  const segments = text.replace(/\/$/, '').split('/').slice(1);
  const exact: Part[] = [];
  for (const segment of segments) {
    const part = parsePart(segment);
    if (typeof part === 'object') return part;
    exact.push(part);
  }
  return { exact, folded: exact.map((part) => (typeof part === 'string' ? folded(part) : part)) };
}

function parsePart(segment: string): Part | { readonly problem: string } {
  if (segment === '*') return oneSegment;
  if (segment === '**') return anySegments;
  if (segment === '') return { problem: 'has an empty segment: write one slash' };
  if (segment.includes('*')) return { problem: 'has a * in a segment: it must be the whole segment' };
  try {
    const literal = decodeURIComponent(segment);
    if (literal !== '.' && !literal.startsWith('..')) return literal;
  } catch {
    return { problem: 'has a % that encodes nothing: write %25' };
  }
  return { problem: 'has a segment that begins with dots: write the path that it leads to' };
}

/** Reports whether the whole path matches. */
export function matchesPath(pattern: PathPattern, kind: Kind, path: readonly string[]): boolean {
  const parts = pattern[kind];
  const last = parts[parts.length - 1];
  // Most paths differ from most patterns here.
  const literal = typeof last === 'string' ? last : parts[parts.length - 2];
  if (typeof literal === 'string' && !path.includes(literal)) return false;
  return matchesSegments(parts, path);
}

/**
 * Compares one by one. The time is proportional to the product of both lengths: of several `**`, only
 * the last one is tried again.
 */
function matchesSegments(pattern: readonly Part[], path: readonly string[]): boolean {
  let at = 0;
  let part = 0;
  /** The last `**`, and where the path goes on after the segments that it has taken so far. */
  let wildcard = -1;
  let resumeAt = 0;
  while (at < path.length) {
    const expected = pattern[part];
    if (expected === anySegments) {
      wildcard = part;
      resumeAt = at;
      part += 1;
    } else if (expected === oneSegment ? path[at] !== '' : expected === path[at]) {
      part += 1;
      at += 1;
    } else if (wildcard === -1) {
      return false;
    } else {
      part = wildcard + 1;
      resumeAt += 1;
      at = resumeAt;
    }
  }
  while (pattern[part] === anySegments) part += 1;
  return part === pattern.length;
}

/** Returns a segment as the most lenient tools compare it: compatible characters alike (NFKC), without case. */
export function folded(segment: string): string {
  return (/^[ -~]*$/.test(segment) ? segment : segment.normalize('NFKC')).toLowerCase();
}
