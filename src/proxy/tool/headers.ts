/** Hop-by-hop headers (RFC 9110, 7.6.1), and framing headers, which the proxy creates itself. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'te',
  'transfer-encoding',
  'content-length',
  'upgrade',
]);

/** Headers that a sender cannot have removed by listing them in `Connection`. */
const neverListed: ReadonlySet<string> = new Set(['host', 'authorization', 'trailer', 'date', 'www-authenticate']);

/** Alternating names and values, as in Node's `rawHeaders`. */
export type RawHeaders = readonly string[];

const nothing: ReadonlySet<string> = new Set();

/** Returns a header's name in lower case with dashes. Many servers read `X_Key` and `x-key` as the same header. */
export function canonicalHeaderName(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

/**
 * Returns the headers for the next hop, without hop-by-hop headers, `Proxy-*`, and names in `without` (lower case, with
 * dashes; a name with underscores is the same).
 */
export function endToEnd(raw: RawHeaders, ...without: readonly ReadonlySet<string>[]): string[] {
  const listed = listedIn(valuesOf(raw, 'connection'));
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    if (hopByHop.has(name) || name.startsWith('proxy-') || listed.has(name)) continue;
    const canonical = name.includes('_') ? canonicalHeaderName(name) : name;
    if (without.some((names) => names.has(canonical))) continue;
    kept.push(raw[at] ?? '', raw[at + 1] ?? '');
  }
  return kept;
}

/** Returns the headers that `Connection` makes hop-by-hop. */
function listedIn(values: readonly string[]): ReadonlySet<string> {
  if (values.length === 0) return nothing;
  // Shortcut for nearly every message; this header is hop-by-hop in any case.
  if (values.length === 1 && values[0]?.toLowerCase() === 'keep-alive') return nothing;
  const names = values.flatMap((value) => value.split(',')).map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => !neverListed.has(name)));
}

const none: readonly string[] = [];

/**
 * Returns all values of a header.
 * @param name in lower case.
 */
export function valuesOf(raw: RawHeaders, name: string): readonly string[] {
  let values: string[] | undefined;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const text = raw[at] ?? '';
    // Called some ten times per request. Comparing lengths first excludes most names.
    if (text.length === name.length && text.toLowerCase() === name) (values ??= []).push(raw[at + 1] ?? '');
  }
  return values ?? none;
}

/** Reports whether the framing headers of a request announce a body. */
export function hasBody(raw: RawHeaders): boolean {
  return (
    valuesOf(raw, 'transfer-encoding').length > 0 || valuesOf(raw, 'content-length').some((length) => length !== '0')
  );
}

/**
 * Reports whether a list header contains a word.
 * @param word in lower case.
 */
export function hasWord(raw: RawHeaders, name: string, word: string): boolean {
  const values = valuesOf(raw, name);
  return (
    values.length > 0 && values.some((value) => value.split(',').some((each) => each.trim().toLowerCase() === word))
  );
}
