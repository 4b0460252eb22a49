import { folded, withSlashEncodedOnce } from './request-path.ts';

/** Matches one segment: `*`. */
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

/** Parses the path of a rule. Percent-encoded characters are decoded: `%2F` is a slash in a segment. */
export function parsePathPattern(text: string): PathPattern | { readonly problem: string } {
  if (!text.startsWith('/')) return { problem: 'must begin with /' };
  if (/[?#\\]|\p{Cc}/u.test(text)) {
    return { problem: 'must be the path alone: leave out query, fragment, backslash and control characters' };
  }
  const exact: Part[] = [];
  for (const segment of text.replace(/\/$/, '').split('/').slice(1)) {
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
    const literal = decodeURIComponent(withSlashEncodedOnce(segment));
    if (literal !== '.' && !literal.startsWith('..')) return literal;
  } catch {
    return { problem: 'has a % that encodes nothing: write %25' };
  }
  return { problem: 'has a segment that begins with dots: write the path that it leads to' };
}

/**
 * Reports whether the whole path matches. The time is proportional to the product of both lengths: of several `**`, only
 * the last one is tried again.
 * @param takesSlash whether `*` also matches a segment that contains a slash.
 */
export function matchesPath(pattern: readonly Part[], path: readonly string[], takesSlash = true): boolean {
  const last = pattern[pattern.length - 1];
  // Most paths differ from most patterns here.
  const literal = typeof last === 'string' ? last : pattern[pattern.length - 2];
  if (typeof literal === 'string' && !path.includes(literal)) return false;
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
    } else if (expected === path[at] || (expected === oneSegment && (takesSlash || !path[at]?.includes('/')))) {
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
