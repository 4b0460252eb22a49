import type { ToolAddress } from '../../connectors/tool-address.ts';

/** An endpoint of the distribution API. A registry's credential is sent to no other path. */
export type RegistryEndpoint =
  | { readonly kind: 'root' | 'catalog'; readonly pathname: string }
  /** Manifests, blobs, tags and referrers of one repository. */
  | { readonly kind: 'repository'; readonly pathname: string; readonly query: string; readonly name: string };

/** A repository name of the distribution specification. */
const repositoryName = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;

/**
 * Returns the path of the distribution API at a Connector's address, without a slash at the end. It is `/v2` below the
 * address's path, or the `/v2` inside it if the address is part of a registry (`https://registry.example.com/v2/team`).
 */
export function apiRootOf({ path }: ToolAddress): string {
  return /^.*?\/v2(?=\/|$)/.exec(path)?.[0] ?? `${path}/v2`;
}

/**
 * Returns the endpoint that a request is for.
 * @param root see `apiRootOf`.
 * @param path with the query, and without a `pathProblem`.
 * @returns undefined for every other path, including token services below the API.
 */
export function endpointOf(root: string, path: string): RegistryEndpoint | undefined {
  const [, pathname = '', query = ''] = /^([^?]*)\??(.*)$/s.exec(path) ?? [];
  if (!`${pathname}/`.startsWith(`${root}/`)) return undefined;
  const rest = pathname.slice(root.length);
  if (rest === '' || rest === '/') return { kind: 'root', pathname };
  if (rest === '/_catalog') return { kind: 'catalog', pathname };
  const name = /^\/(.+)\/(?:manifests|blobs|tags|referrers)\/./.exec(rest)?.[1];
  if (name === undefined || !isRepositoryName(name)) return undefined;
  return { kind: 'repository', pathname, query, name };
}

export function isRepositoryName(text: string): boolean {
  return repositoryName.test(text);
}

/** Returns the path of the first request of a push to a repository. */
export function uploadsPath(root: string, name: string): string {
  return `${root}/${name}/blobs/uploads/`;
}

const catalogScope = 'registry:catalog:*';

/**
 * Returns the scopes that a request to a registry needs, in the notation of token services:
 * `repository:NAME:pull,push`.
 */
export function impliedScopes(method: string, endpoint: RegistryEndpoint): readonly string[] {
  if (endpoint.kind !== 'repository') return endpoint.kind === 'root' ? [] : [catalogScope];
  const { name, query } = endpoint;
  const actions = isReadMethod(method) ? 'pull' : method === 'DELETE' ? 'delete' : 'pull,push';
  const from = method === 'POST' ? new URLSearchParams(query).get('from') : null;
  const source = from !== null && isRepositoryName(from) ? [`repository:${from}:pull`] : [];
  return [`repository:${name}:${actions}`, ...source];
}

/** Reports whether a request to the distribution API reads: each write has another method. */
export function isReadMethod(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Returns the scopes of a challenge with their actions in a fixed order, so that equal scopes are equal strings. */
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
