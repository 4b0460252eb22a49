import { apiVersionOf, storedResources } from './resources.js';
import type { StoredResource } from './resources.js';

const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

/** What kubectl asks first: which kinds there are. Undefined: the path is of something else. */
export function discover(path: string): object | undefined {
  const [root, ...rest] = path.split('/').slice(1);
  if (root !== 'api' && root !== 'apis') return undefined;
  const groups = [...new Set(storedResources.map(({ group }) => group))].filter((group) => group !== '');
  if (rest.length === 0) {
    return root === 'api'
      ? { kind: 'APIVersions', versions: ['v1'] }
      : { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupOf) };
  }
  const groupVersion = rest.join('/');
  const found = storedResources.filter((resource) => apiVersionOf(resource) === groupVersion);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: found.map(resourceOf) };
}

function groupOf(name: string): object {
  const { version } = storedResources.find(({ group }) => group === name)!;
  const versions = [{ groupVersion: `${name}/${version}`, version }];
  return { name, versions, preferredVersion: versions[0] };
}

function resourceOf({ resource, kind, namespaced }: StoredResource): object {
  return { name: resource, singularName: kind.toLowerCase(), namespaced, kind, verbs };
}
