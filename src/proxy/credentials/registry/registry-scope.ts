import type { RegistryEndpoint } from './registry-api.ts';
import { isRepositoryName } from './registry-api.ts';

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
