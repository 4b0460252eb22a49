import { fullyDecoded } from '../upstream/percent-decodings.js';

/** Reports whether a request's path is a guarded one, in any spelling that lenient servers accept for it. */
export function isAtPath(path: string, guarded: string): boolean {
  return comparable(path) === comparable(guarded);
}

/** Reports the same, also for paths below the guarded one and those with a suffix such as `.json`. */
export function isAtOrBelowPath(path: string, guarded: string): boolean {
  const [own, other] = [comparable(path), comparable(guarded)];
  return own === other || own.startsWith(`${other}/`) || own.startsWith(`${other}.`);
}

/**
 * Normalizes a path as lenient servers do: decoded repeatedly, in lower case, without query, parameters of segments,
 * empty segments and `.`, with slashes for backslashes.
 */
function comparable(path: string): string {
  const segments = fullyDecoded(path)
    .normalize('NFKC')
    .replace(/[?#].*$/s, '')
    .replaceAll('\\', '/')
    .toLowerCase()
    .split('/')
    .map((segment) => segment.replace(/;.*$/s, '').trim())
    .filter((segment) => segment !== '' && segment !== '.');
  return segments.length === 0 ? '' : `/${segments.join('/')}`;
}
