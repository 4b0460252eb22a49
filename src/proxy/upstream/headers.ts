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

/** The headers that go on to the next hop: neither hop-by-hop nor `Proxy-*` nor in `without` (lower case). */
export function endToEnd(raw: RawHeaders, without: ReadonlySet<string> = new Set()): string[] {
  const listed = new Set(
    valuesOf(raw, 'connection')
      .flatMap((value) => value.split(','))
      .map((name) => name.trim().toLowerCase())
      .filter((name) => !neverListed.has(name)),
  );
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    if (hopByHop.has(name) || name.startsWith('proxy-') || listed.has(name) || without.has(name)) continue;
    kept.push(raw[at] ?? '', raw[at + 1] ?? '');
  }
  return kept;
}

/** All values of a header. @param name in lower case. */
export function valuesOf(raw: RawHeaders, name: string): readonly string[] {
  return raw.flatMap((text, at) => (at % 2 === 0 && text.toLowerCase() === name ? [raw[at + 1] ?? ''] : []));
}

/** Whether the words of a list header have this one. @param word in lower case. */
export function hasWord(raw: RawHeaders, name: string, word: string): boolean {
  return valuesOf(raw, name).some((value) => value.split(',').some((each) => each.trim().toLowerCase() === word));
}
