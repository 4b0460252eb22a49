/** A rule in its shortest form, to compare the proxy's with. */
export interface ReferenceRule {
  readonly effect: 'allow' | 'deny';
  readonly methods?: readonly string[];
  readonly paths?: readonly string[];
}

/**
 * Decides by the rules: an allow matches the path as it is sent, with a slash in no `*`, a deny the path that some tool sees
 * in it, with or without case.
 * @param path a canonical one.
 */
export function referenceAllows(rules: readonly ReferenceRule[], method: string, path: string): boolean {
  const sent = path.replace(/\/$/, '').split('/').slice(1).map(decodeURIComponent);
  const seen = pathsSeen(path);
  const lowered = seen.map((segments) => segments.map((segment) => segment.toLowerCase()));
  for (const { effect, methods = [method], paths = ['/**'] } of rules) {
    const isMatch = paths.some((text) => {
      const pattern = text.split('/').filter(Boolean);
      const withoutCase = text.toLowerCase().split('/').filter(Boolean);
      return effect === 'allow'
        ? matches(pattern, sent, '/')
        : seen.some((each) => matches(pattern, each)) || lowered.some((each) => matches(withoutCase, each));
    });
    if (methods.includes(method) && isMatch) return effect === 'allow';
  }
  return rules.every(({ effect }) => effect === 'deny');
}

/** @param without what a segment that `*` matches does not have. */
function matches(pattern: readonly string[], segments: readonly string[], without?: string): boolean {
  const [first, ...rest] = pattern;
  const [segment, ...others] = segments;
  if (first === undefined) return segment === undefined;
  if (first === '**') {
    return matches(rest, segments, without) || (segment !== undefined && matches(pattern, others, without));
  }
  const isAny = first === '*' && segment !== '' && (without === undefined || segment?.includes(without) === false);
  return segment !== undefined && (isAny || first === segment) && matches(rest, others, without);
}

/** How servers get the segments of a path; each decodes it at least once. */
const decoders: readonly ((path: string, split: Split) => readonly string[])[] = [
  // Express, and Go's routers that use the encoded path: split, then decode each segment.
  (path, split) => split(path).map(decodeURIComponent),
  // Rack, and Go's ServeMux: decode, then split.
  (path, split) => split(decodeURIComponent(path)),
  // The same two behind a gateway that decodes the path.
  (path, split) => split(decodeURIComponent(path)).map(decodeURIComponent),
  (path, split) => split(decodeURIComponent(decodeURIComponent(path))),
  (path, split) => split(path).map(decodeURIComponent).map(decodeURIComponent),
];
type Split = (path: string) => readonly string[];

/** Linux, and what takes a backslash for a slash. */
const splits: readonly Split[] = [(path) => path.split('/').slice(1), (path) => path.split(/[/\\]/).slice(1)];

/** Most servers, and containers of servlets, which cut the parameters of each segment before or after decoding. */
const cuts: readonly ((decode: Split) => Split)[] = [
  (decode) => decode,
  (decode) => (path) => decode(path.replaceAll(/;[^/]*/g, '')),
  (decode) => (path) => decode(path).map((segment) => segment.replace(/;.*/s, '')),
];

/** Routers that take a path as it is, and those that clean it. */
const cleaners: readonly ((segments: readonly string[]) => readonly string[])[] = [
  (segments) => segments.slice(0, segments.findLastIndex((segment) => segment !== '') + 1),
  (segments) => segments.filter((segment) => segment !== '' && segment !== '.'),
];

/** Most routers, and those of Rails and Grape, which take a suffix for the format of the response. */
const formats: readonly ((segments: readonly string[]) => readonly string[])[] = [
  (segments) => segments,
  (segments) => [...segments.slice(0, -1), ...segments.slice(-1).map((last) => last.replace(/\.json$/i, ''))],
];

/** Returns the paths that servers read in a request's path: one for each combination of the above. */
function pathsSeen(path: string): readonly (readonly string[])[] {
  const seen = new Map<string, readonly string[]>();
  for (const decode of decoders) {
    for (const split of splits) {
      for (const cut of cuts) {
        for (const clean of cleaners) {
          for (const format of formats) {
            const segments = format(clean(cut((text) => decode(text, split))(path)));
            seen.set(JSON.stringify(segments), segments);
          }
        }
      }
    }
  }
  return [...seen.values()];
}
