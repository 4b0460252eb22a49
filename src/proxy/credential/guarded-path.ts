import { fullyDecoded, percentDecodings } from '../upstream/percent-decodings.js';

/** A request's path, in any spelling that lenient servers accept for a guarded one. */
export class LenientPath {
  readonly #readings: readonly string[];

  /** @param path with or without the query. */
  constructor(path: string) {
    // Some servers remove the parameters of a segment before a decoding that would end it: `/oauth;%2Fx/token`.
    const cut = [...percentDecodings(path)]
      .filter((text) => text.includes(';'))
      .map((text) => text.replaceAll(/;[^/]*/g, ''));
    this.#readings = [path, ...cut].map(comparable);
  }

  /** Reports whether it is a guarded path. */
  isAt(guarded: string): boolean {
    const other = comparable(guarded);
    return this.#readings.some((own) => own === other);
  }

  /** Reports the same, also for paths below the guarded one and those with a suffix such as `.json`. */
  isAtOrBelow(guarded: string): boolean {
    const other = comparable(guarded);
    return this.#readings.some((own) => own === other || own.startsWith(`${other}/`) || own.startsWith(`${other}.`));
  }
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
