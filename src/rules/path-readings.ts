import { limits } from '../limits/defaults.js';
import { folded } from './path-pattern.js';
import { percentDecoded } from './percent-decode.js';

/** The paths that tools can read a request's path as, each as a list of segments. */
export interface PathReadings {
  /** Readings that a rule must cover to allow the request: all of them. */
  readonly exact: readonly (readonly string[])[];
  /** Readings that a rule must cover to deny the request: any of them. As `folded` returns them. */
  readonly folded: readonly (readonly string[])[];
}

/** A sign of more than one reading. */
const unusual = /[%;\\]|[^\x21-\x7e]|\/\/|\/\.(?:\/|$)/;
/** A path without a `pathProblem` is encoded at most this many times. */
const maxDecodings = limits.percentDecodings;
/**
 * Ends of a segment that some tools ignore: a format (GitLab's API routes `/tokens.json` as `/tokens`), dots and spaces
 * (Windows), and what follows a decoded `?` or `#`.
 */
const ignoredEnd = /\.[a-z0-9]{1,8}$|(?<![. ])[. ]+$|[?#].*$/s;

/**
 * Returns all readings of a path. The path is sent to the tool as it is, and tools differ in what they decode:
 * - once or, behind a gateway, more often;
 * - before or after they split it, so that `%2F` is a character of a segment or a separator;
 * - with a backslash as separator or not;
 * - with parameters after `;` or without them;
 * - with empty segments and `.`, or without them.
 *
 * A slash at the end never counts.
 * @param pathname without the query and without a `pathProblem`, in Latin-1 as Node's parser returns it.
 * @returns undefined for too many segments or readings.
 */
export function readingsOf(pathname: string): PathReadings | undefined {
  if (!unusual.test(pathname)) {
    const segments = withoutSlashAtEnd(pathname.split('/').slice(1));
    return segments.length > limits.rules.requestSegments ? undefined : withFormats([segments]);
  }
  const readings = new Map<string, readonly string[]>();
  for (const segments of separated(pathname)) {
    const texts = segments.map((segment) => Buffer.from(segment, 'latin1').toString('utf8'));
    for (const reading of [texts, texts.filter((text) => text !== '' && text !== '.')]) {
      const trimmed = withoutSlashAtEnd(reading);
      readings.set(trimmed.join('\0'), trimmed);
      if (trimmed.length > limits.rules.requestSegments || readings.size > limits.rules.readings) return undefined;
    }
  }
  return withFormats([...readings.values()]);
}

function withFormats(exact: readonly (readonly string[])[]): PathReadings {
  const lenient: (readonly string[])[] = [];
  for (const reading of exact) {
    const segments = reading.map(folded);
    lenient.push(segments);
    const last = segments.at(-1) ?? '';
    if (ignoredEnd.test(last)) lenient.push([...segments.slice(0, -1), last.replace(ignoredEnd, '')]);
  }
  return { exact, folded: lenient };
}

/** Yields the segments of a path for each order of decoding, cutting parameters and splitting. */
function* separated(pathname: string): Generator<readonly string[]> {
  const levels = levelsOf(pathname);
  yield* splitAt(levels, 0);
  for (const [before, text] of levels.entries()) {
    if (!text.includes(';')) continue;
    const cut = text.replaceAll(/;[^/]*/g, '');
    yield* splitAt([...levels.slice(0, before), ...levelsOf(cut, levels.length - before)], before);
  }
}

/** Returns a text, the text decoded once, and so on until decoding changes nothing. */
function levelsOf(text: string, count = maxDecodings + 1): readonly string[] {
  const levels = [text];
  for (let next = percentDecoded(text); next !== levels.at(-1) && levels.length < count; next = percentDecoded(next)) {
    levels.push(next);
  }
  return levels;
}

/** @param least decodings before the path is split. */
function* splitAt(levels: readonly string[], least: number): Generator<readonly string[]> {
  const deepest = levels.at(-1) ?? '';
  const separators = deepest.includes('\\') ? ['/', /[/\\]/] : ['/'];
  for (let before = least; before < levels.length; before += 1) {
    for (const separator of separators) {
      const segments = levels[before]?.split(separator).slice(1) ?? [];
      // No tool leaves the path encoded.
      const first = Math.max(before, Math.min(1, levels.length - 1));
      for (let times = first; times < levels.length; times += 1) {
        const kept = segments.map((segment) => decodedTimes(segment, times - before));
        yield kept;
        if (deepest.includes(';')) yield kept.map((segment) => segment.replace(/;.*/s, ''));
      }
    }
  }
}

function decodedTimes(segment: string, times: number): string {
  return times === 0 ? segment : decodedTimes(percentDecoded(segment), times - 1);
}

function withoutSlashAtEnd(segments: readonly string[]): readonly string[] {
  let { length } = segments;
  while (length > 0 && segments[length - 1] === '') length -= 1;
  return length === segments.length ? segments : segments.slice(0, length);
}
