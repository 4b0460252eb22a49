/** Meant for the next hop alone (RFC 9110, 7.6.1). Framing is not passed on either but made anew. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'te',
  'transfer-encoding',
  'content-length',
  'upgrade',
]);

/** What a message must not lose because its sender lists it in `Connection`. */
const neverListed: ReadonlySet<string> = new Set(['host', 'authorization', 'trailer', 'date', 'www-authenticate']);

/** Names and values in turn, as Node has them in `rawHeaders`. */
export type RawHeaders = readonly string[];

const nothing: ReadonlySet<string> = new Set();

/** The headers that go on to the next hop: neither hop-by-hop nor `Proxy-*` nor in one of `without` (lower case). */
export function endToEnd(raw: RawHeaders, ...without: readonly ReadonlySet<string>[]): string[] {
  const listed = listedIn(valuesOf(raw, 'connection'));
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    if (hopByHop.has(name) || name.startsWith('proxy-') || listed.has(name)) continue;
    if (without.some((names) => names.has(name))) continue;
    kept.push(raw[at] ?? '', raw[at + 1] ?? '');
  }
  return kept;
}

/** The headers that `Connection` makes hop-by-hop. */
function listedIn(values: readonly string[]): ReadonlySet<string> {
  if (values.length === 0) return nothing;
  // Nearly every message says this, and that header is hop-by-hop anyway.
  if (values.length === 1 && values[0]?.toLowerCase() === 'keep-alive') return nothing;
  const names = values.flatMap((value) => value.split(',')).map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => !neverListed.has(name)));
}

const none: readonly string[] = [];

/** All values of a header. @param name in lower case. */
export function valuesOf(raw: RawHeaders, name: string): readonly string[] {
  let values: string[] | undefined;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const text = raw[at] ?? '';
    // Asked some ten times a request: most names differ in length already.
    if (text.length === name.length && text.toLowerCase() === name) (values ??= []).push(raw[at + 1] ?? '');
  }
  return values ?? none;
}

/** Whether the words of a list header have this one. @param word in lower case. */
export function hasWord(raw: RawHeaders, name: string, word: string): boolean {
  const values = valuesOf(raw, name);
  return (
    values.length > 0 && values.some((value) => value.split(',').some((each) => each.trim().toLowerCase() === word))
  );
}
