import { parametersOf } from './overrides.ts';
import { ambiguityOf, readingsOf } from './request-path.ts';

/** The parts of a request that rules use. */
export interface RequestParts {
  readonly method: string;
  /** As sent to the tool, without a `pathProblem`. */
  readonly pathname: string;
  /** Without the question mark; empty if there is none. */
  readonly query: string;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  readonly hasBody: boolean;
  /** Media type of the body in lower case; undefined unless one header names it. */
  readonly contentType: string | undefined;
  /** Whether it asks for another protocol, such as a websocket. */
  readonly isUpgrade: boolean;
}

/** A request as rules see it. */
export interface RequestForRules extends RequestParts {
  /** See `isRead`. */
  readonly isRead: boolean;
}

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Reports whether a request only reads. A request that some tool could take for a write is none.
 * @param isGit whether the tool is a Git server: `git clone` sends POST requests, and `git push` begins with a GET.
 */
export function isRead(request: RequestParts, isGit: boolean): boolean {
  const { method, pathname, query, isUpgrade, hasBody } = request;
  if (isUpgrade) return false;
  if (!safeMethods.has(method)) return isGit && method === 'POST' && isFetch(request);
  // Tools that ignore the body of a GET read it as the next request.
  if (hasBody) return false;
  const parameters = parametersOf(query);
  if (parameters === undefined || parameters.some(asksForMoreThanPull)) return false;
  return !isGit || !/\/info\/refs\/?$/.test(pathname) || !parameters.some(isPush);
}

/** Names what a request does that is no read, for messages. */
export function writeOf({ method, pathname, query, isUpgrade }: RequestParts): string {
  if (isUpgrade) return 'a change of the protocol';
  if (!safeMethods.has(method)) return method;
  const parameters = parametersOf(query) ?? [];
  if (parameters.some(asksForMoreThanPull)) return `${method} of a token for more than pull`;
  return /\/info\/refs\/?$/.test(pathname) && parameters.some(isPush) ? 'git push' : method;
}

function isPush(parameter: string): boolean {
  return parameter.includes('service') && parameter !== 'service=git-upload-pack';
}

/** Reports whether a parameter asks the token service of a registry for a token that can do more than pull. */
function asksForMoreThanPull(parameter: string): boolean {
  const [, scopes = ''] = /^scope[^=]*=(.*)$/s.exec(parameter) ?? [];
  // A name has a colon only before a port.
  const isPull = (scope: string): boolean =>
    /^[^:]+:[^:]+(?::\d+\/[^:]+)?:pull$/.test(scope) || scope === 'registry:catalog:*';
  return scopes.split(/[\s+]+/).some((scope) => scope.split(':').length > 2 && !isPull(scope));
}

/** Reports whether a POST to a Git server is a fetch. */
function isFetch(request: RequestParts): boolean {
  return request.contentType === 'application/x-git-upload-pack-request' && isAt(request, 'git-upload-pack');
}

/** Reports whether a POST to a Git server is a batch request of Git LFS, whose body names its operation. */
export function isLfsBatch(request: RequestParts): boolean {
  const { method, contentType = '', isUpgrade } = request;
  if (method !== 'POST' || isUpgrade) return false;
  const isBatch = /^application\/vnd\.git-lfs\+json(?:;\s*charset=utf-8)?$/.test(contentType);
  return isBatch && isAt(request, 'info', 'lfs', 'objects', 'batch');
}

/**
 * Reports whether a path ends with segments, as an endpoint of Git. By APIs of Git servers, clients create files of any
 * name. These have a version in their path, or need parameters.
 */
function isAt({ pathname, query }: RequestParts, ...end: readonly string[]): boolean {
  if (query !== '' || ambiguityOf(pathname) !== undefined) return false;
  const { sent, lenient } = readingsOf(pathname);
  return end.every((segment, at) => sent[sent.length - end.length + at] === segment) && !lenient.some(isOfApi);
}

/** Reports whether a path is below an API with a version: `/api/v4`, `/rest/api/1.0`. */
function isOfApi(segments: readonly string[]): boolean {
  return segments.some((segment, at) => segment === 'api' && /^(?:v?\d[\d.]*|latest)$/.test(segments[at + 1] ?? ''));
}

/**
 * Returns the body of a Git LFS batch request if it asks for downloads: written again from the values that were read, so
 * that no tool finds another operation in it, such as in a second key.
 * @returns undefined for uploads and for everything that is not clear.
 */
export function downloadBatch(body: Buffer): Buffer | undefined {
  try {
    const batch: unknown = JSON.parse(body.toString());
    if (typeof batch !== 'object' || batch === null || Array.isArray(batch)) return undefined;
    // Tools in Go read keys without case.
    const operations = Object.entries(batch).filter(([key]) => key.toLowerCase() === 'operation');
    const [[, operation] = []] = operations;
    return operations.length === 1 && operation === 'download' ? Buffer.from(JSON.stringify(batch)) : undefined;
  } catch {
    // No JSON, or nested too deeply to be written.
    return undefined;
  }
}

/** A verb of RBAC. */
export type Verb = 'get' | 'create' | 'update' | 'patch' | 'delete';

const verbs: ReadonlyMap<string, Verb> = new Map([
  ['POST', 'create'],
  ['MKCOL', 'create'],
  ['COPY', 'create'],
  ['PATCH', 'patch'],
  ['PROPPATCH', 'patch'],
  ['DELETE', 'delete'],
]);

/** Returns the verb of a request: `get` for reads, `create` for a change of the protocol, `update` for unknown methods. */
export function verbOf(request: RequestForRules): Verb {
  const { method, isUpgrade, isRead } = request;
  if (isRead) return 'get';
  return isUpgrade ? 'create' : (verbs.get(method) ?? 'update');
}
