const repositoryPath = /^\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)(?:\/|$)/;
/** The distribution specification's names; what is none goes into no scope. */
const repositoryName = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;

/**
 * The scopes that a request to a registry needs, as its token server calls them: `repository:NAME:pull,push`.
 * @param path with the query.
 * @returns undefined for requests that are about no repository.
 */
export function impliedScopes(method: string, path: string): readonly string[] | undefined {
  const [pathname = '', query = ''] = path.split('?', 2);
  const name = repositoryPath.exec(pathname)?.[1];
  if (name === undefined || !repositoryName.test(name)) return undefined;
  const isRead = method === 'GET' || method === 'HEAD';
  const actions = isRead ? 'pull' : method === 'DELETE' ? 'delete' : 'pull,push';
  const from = method === 'POST' ? new URLSearchParams(query).get('from') : null;
  const source = from !== null && repositoryName.test(from) ? [`repository:${from}:pull`] : [];
  return [`repository:${name}:${actions}`, ...source];
}

/** The scopes of a challenge, each with its actions in one order, so that equal ones are the same text. */
export function normalScopes(scope: string): readonly string[] {
  return scope
    .split(' ')
    .filter((each) => each !== '')
    .map((each) => {
      const colon = each.lastIndexOf(':');
      const actions = each.slice(colon + 1).split(',');
      return `${each.slice(0, colon + 1)}${[...new Set(actions)].sort().join(',')}`;
    });
}
