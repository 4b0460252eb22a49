import { apiVersionOf, storedResources } from './resources.ts';
import type { StoredResource } from './resources.ts';

const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

/**
 * What kubectl asks first: which kinds there are, and whether the server looks for unknown fields itself. Undefined: the path
 * is of something else.
 */
export function discover(path: string, resources: readonly StoredResource[] = storedResources): object | undefined {
  const [root, ...rest] = path.split('/').slice(1);
  if (root === 'openapi') return openApi(rest, resources);
  if (root !== 'api' && root !== 'apis') return undefined;
  const groups = [...new Set(resources.map(({ group }) => group))].filter((group) => group !== '');
  if (rest.length === 0) {
    return root === 'api'
      ? { kind: 'APIVersions', versions: ['v1'] }
      : { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map((group) => groupOf(group, resources)) };
  }
  const groupVersion = rest.join('/');
  const found = resources.filter((resource) => apiVersionOf(resource) === groupVersion);
  if (found.length === 0) return undefined;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: found.map(resourceOf) };
}

function groupOf(name: string, resources: readonly StoredResource[]): object {
  const { version } = resources.find(({ group }) => group === name)!;
  const versions = [{ groupVersion: `${name}/${version}`, version }];
  return { name, versions, preferredVersion: versions[0] };
}

function resourceOf({ resource, kind, namespaced }: StoredResource): object {
  return { name: resource, singularName: kind.toLowerCase(), namespaced, kind, verbs };
}

/** OpenAPI 3 without any schema: with the parameter kubectl leaves the validation of objects to the server. */
function openApi([version, ...rest]: readonly string[], resources: readonly StoredResource[]): object | undefined {
  if (version !== 'v3') return undefined;
  const placeOf = (resource: StoredResource): string =>
    `${resource.group === '' ? 'api' : 'apis'}/${apiVersionOf(resource)}`;
  if (rest.length === 0) {
    const paths = resources.map((resource) => [
      placeOf(resource),
      { serverRelativeURL: `/openapi/v3/${placeOf(resource)}` },
    ]);
    return { paths: Object.fromEntries(paths) as object };
  }
  const members = resources.filter((resource) => placeOf(resource) === rest.join('/'));
  const paths = members.map(({ group, version: own, kind, resource }) => {
    const patch = {
      'x-kubernetes-group-version-kind': { group, version: own, kind },
      parameters: [{ name: 'fieldValidation', in: 'query', schema: { type: 'string' } }],
      responses: {},
    };
    return [`/${resource}/{name}`, { patch }];
  });
  return { openapi: '3.0.0', info: { title: 'test', version: '1' }, paths: Object.fromEntries(paths) as object };
}
