/** What a request wants, in the words of the authorizer. */
export interface RequestAttributes {
  readonly verb: string;
  readonly path: string;
  /** False for /version, /livez and the like; then only verb and path count. */
  readonly isResource: boolean;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  /** Empty when there is none; may contain slashes. */
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** Kubernetes' RequestInfoFactory: path, method and query to attributes. */
export function requestAttributes(method: string, url: URL): RequestAttributes {
  const path = url.pathname;
  const parts = path.split('/').filter(Boolean).map(decodeURIComponent);
  const nothing = { group: '', version: '', resource: '', subresource: '', namespace: '', name: '' };
  const skipped = parts[0] === 'api' ? 2 : parts[0] === 'apis' ? 3 : 0;
  if (skipped === 0 || parts.length <= skipped) {
    return { ...nothing, verb: method.toLowerCase(), path, isResource: false };
  }
  const [group = '', version = ''] = skipped === 2 ? ['', parts[1]] : [parts[1], parts[2]];
  const rest = parts.slice(skipped);
  const namespace = rest[0] === 'namespaces' && rest.length > 2 ? (rest.splice(0, 2)[1] ?? '') : '';
  const [resource = '', pathName = '', ...subresource] = rest;
  const name = pathName === '' && method === 'GET' ? nameOfSelector(url.searchParams) : pathName;
  const verb = verbs[method] ?? readVerb(pathName, url.searchParams);
  return {
    verb,
    path,
    isResource: true,
    group,
    version,
    resource,
    subresource: subresource.join('/'),
    namespace,
    name,
  };
}

function readVerb(name: string, query: URLSearchParams): string {
  if (['1', 'true'].includes(query.get('watch') ?? '')) return 'watch';
  return name === '' ? 'list' : 'get';
}

/** A list or watch of one name is authorised for that name, which is what makes `resourceNames` useful with them. */
function nameOfSelector(query: URLSearchParams): string {
  return /^metadata\.name==?([^,=!]+)$/.exec(query.get('fieldSelector') ?? '')?.[1] ?? '';
}
