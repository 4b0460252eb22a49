import type { ToolAddress } from './tool-address.js';

/** An endpoint of the distribution API, and the only kind of path that a registry's credential is sent to. */
export type RegistryEndpoint =
  | { readonly kind: 'root' | 'catalog'; readonly pathname: string }
  /** Manifests, blobs, tags and referrers of one repository. */
  | { readonly kind: 'repository'; readonly pathname: string; readonly query: string; readonly name: string };

/** The distribution specification's repository names. */
const repositoryName = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;

/**
 * The path of the distribution API at a Connector's address, without a slash at its end: `/v2` below the address's path,
 * or the `/v2` in it where an address is part of a registry (`https://registry.example.com/v2/team`).
 */
export function apiRootOf({ path }: ToolAddress): string {
  return /^.*?\/v2(?=\/|$)/.exec(path)?.[0] ?? `${path}/v2`;
}

/**
 * Finds the endpoint that a request is for.
 * @param root see `apiRootOf`.
 * @param path with the query, and without a `pathProblem`.
 * @returns undefined for every other path, token services below the API included.
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

/** The path at which a push to a repository begins. */
export function uploadsPath(root: string, name: string): string {
  return `${root}/${name}/blobs/uploads/`;
}
