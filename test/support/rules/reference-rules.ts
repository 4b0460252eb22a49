/** A rule in its shortest form, to compare the proxy's with. */
export interface ReferenceRule {
  readonly effect: 'allow' | 'deny';
  readonly methods?: readonly string[];
  readonly paths?: readonly string[];
}

/** Decides by the rules about one path, already decoded. */
function referenceAllows(rules: readonly ReferenceRule[], method: string, segments: readonly string[]): boolean {
  for (const { effect, methods = [method], paths = ['/**'] } of rules) {
    const isPath = paths.some((pattern) => matches(pattern.split('/').filter(Boolean), segments));
    if (methods.includes(method) && isPath) return effect === 'allow';
  }
  return rules.every(({ effect }) => effect === 'deny');
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  const [segment, ...others] = segments;
  if (first === undefined) return segment === undefined;
  if (first === '**') return matches(rest, segments) || (segment !== undefined && matches(pattern, others));
  if (segment === undefined || (first === '*' ? segment === '' : first !== segment)) return false;
  return matches(rest, others);
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
export function pathsSeen(path: string): readonly (readonly string[])[] {
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

/** Reports whether the rules allow a request for each tool that reads a path in some way, with or without case. */
export function allToolsAllow(rules: readonly ReferenceRule[], method: string, path: string): boolean {
  const withoutCase = rules.map((rule) => ({
    ...rule,
    paths: (rule.paths ?? ['/**']).map((each) => each.toLowerCase()),
  }));
  return pathsSeen(path).every(
    (segments) =>
      referenceAllows(rules, method, segments) &&
      referenceAllows(
        withoutCase,
        method,
        segments.map((segment) => segment.toLowerCase()),
      ),
  );
}
