import { limits } from '../limits/defaults.js';
import { percentDecoded } from './percent-decode.js';
import type { PathReadings } from './path-readings.js';

/** The parts of a request that rules use. */
export interface RequestParts {
  readonly method: string;
  /** As sent to the tool, without a `pathProblem`. */
  readonly pathname: string;
  /** Without the question mark; empty if there is none. */
  readonly query: string;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  /** Whether it asks for another protocol, such as a websocket. */
  readonly isUpgrade: boolean;
}

type Readings = () => PathReadings | undefined;

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const overrideHeader = /^x[-_](?:http[-_])?(?:method(?:[-_]override)?|verb)$/i;

/**
 * Reports whether a request only reads. Methods alone do not show it: `git clone` sends POST requests, and `git push`
 * begins with a GET. A request that some tool could take for a write is one.
 */
export function isRead(request: RequestParts, readings: Readings): boolean {
  const { method, query, isUpgrade } = request;
  if (isUpgrade) return false;
  if (safeMethods.has(method)) return !hasBody(request) && (query === '' || !startsWrite(query, readings));
  return method === 'POST' && isFetch(request, readings);
}

/**
 * Reports whether a request overrides its method, which some tools permit: it is a read for the proxy and a write for
 * them. They treat `_` in the name of a header like `-`.
 */
export function overridesMethod({ query, rawHeaders }: RequestParts): boolean {
  if (rawHeaders.some((name, at) => at % 2 === 0 && overrideHeader.test(name))) return true;
  return query !== '' && paramsOf(query).some((param) => /^[\s_.[]*_method|^\.method/.test(param));
}

/** Reports whether a request has a body. Tools that ignore that of a GET read it as the next request. */
function hasBody({ rawHeaders }: RequestParts): boolean {
  return rawHeaders.some((name, at) => {
    if (at % 2 === 1) return false;
    const lower = name.toLowerCase();
    return lower === 'transfer-encoding' || (lower === 'content-length' && rawHeaders[at + 1] !== '0');
  });
}

/**
 * Reports whether a GET begins a push of Git, or asks the token service of a registry for a token that can do more than
 * pull.
 */
function startsWrite(query: string, readings: Readings): boolean {
  const params = paramsOf(query);
  if (params.some(asksForMoreThanPull)) return true;
  const isPush = params.some((param) => param.includes('service') && param !== 'service=git-upload-pack');
  if (!isPush) return false;
  return readings()?.folded.some((segments) => endsWith(segments, 'info', 'refs')) ?? true;
}

function asksForMoreThanPull(param: string): boolean {
  const [, scopes = ''] = /^scope[^=]*=(.*)$/s.exec(param) ?? [];
  // A name has a colon only before a port.
  const isPull = (scope: string): boolean =>
    /^[^:]+:[^:]+(?::\d+\/[^:]+)?:pull$/.test(scope) || scope === 'registry:catalog:*';
  return scopes.split(/[\s+]+/).some((scope) => scope.split(':').length > 2 && !isPull(scope));
}

/**
 * Reports whether a POST is the fetch of a Git client. Its path alone does not show it: by APIs of Git servers, clients
 * create files of any name. These need parameters, in the query or in a body of another type.
 */
function isFetch({ query, rawHeaders }: RequestParts, readings: Readings): boolean {
  if (query !== '' || contentTypeOf(rawHeaders) !== 'application/x-git-upload-pack-request') return false;
  const found = readings();
  if (found === undefined || found.folded.some(isOfApi)) return false;
  return found.exact.every((segments) => endsWith(segments, 'git-upload-pack'));
}

/**
 * Reports whether a POST is a batch request of Git LFS, whose body names its operation. For its path see
 * `isFetch`.
 */
export function isLfsBatch({ method, query, rawHeaders, isUpgrade }: RequestParts, readings: Readings): boolean {
  if (method !== 'POST' || isUpgrade || query !== '') return false;
  if (contentTypeOf(rawHeaders)?.replace(/;\s*charset=utf-8$/, '') !== 'application/vnd.git-lfs+json') return false;
  const found = readings();
  if (found === undefined || found.folded.some(isOfApi)) return false;
  return found.exact.every((segments) => endsWith(segments, 'info', 'lfs', 'objects', 'batch'));
}

/** Reports whether a path is below an API with a version: `/api/v4`, `/rest/api/1.0`. */
function isOfApi(segments: readonly string[]): boolean {
  return segments.some((segment, at) => segment === 'api' && /^(?:v?\d[\d.]*|latest)$/.test(segments[at + 1] ?? ''));
}

function endsWith(segments: readonly string[], ...end: readonly string[]): boolean {
  return end.every((segment, at) => segments[segments.length - end.length + at] === segment);
}

/** Returns the parameters of a query in lower case, split before and after they are decoded. */
function paramsOf(query: string): readonly string[] {
  const split = (text: string): readonly string[] => text.split(/[&;?]/);
  return [...split(query).map(fullyDecoded), ...split(fullyDecoded(query))].map((param) => param.toLowerCase());
}

function fullyDecoded(text: string): string {
  let current = text;
  for (let times = 0; times < limits.percentDecodings && current.includes('%'); times += 1) {
    current = percentDecoded(current);
  }
  return current;
}

/** Returns the media type of the body; undefined if two headers name one. */
function contentTypeOf(rawHeaders: readonly string[]): string | undefined {
  const isName = (at: number): boolean => rawHeaders[at]?.toLowerCase() === 'content-type';
  const values = rawHeaders.filter((_value, at) => at % 2 === 1 && isName(at - 1));
  return values.length === 1 ? values[0]?.trim().toLowerCase() : undefined;
}
