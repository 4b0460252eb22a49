import { throwIfAborted } from '../../shared/errors.js';
import { jsonMember } from '../../shared/json.js';
import { apiFailure } from '../../shared/kube/api-failure.js';
import type { KubeClient } from '../../shared/kube/kube-client.js';
import { isKubeError } from '../../shared/kube/kube-error.js';
import type { ResourceType } from '../../shared/kube/resource-location.js';
import type { CaObject } from './ca-publisher.js';

/** As in `deploy/components/image-pulls`. The Secret with the key has the same name. */
export const caConfigMapName = 'connectors-proxy-ca';
const key = 'ca.crt';

const type: ResourceType = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' };

/** The CA as a ConfigMap in the proxy's namespace, for pods there that read no Secret. */
export function caConfigMap(client: KubeClient, namespace: string): CaObject {
  const { apiVersion, kind } = type;
  const location = { type, namespace, name: caConfigMapName };
  return {
    kind,
    name: caConfigMapName,
    write: async (certificate, signal) => {
      const data = { [key]: certificate };
      const metadata = { namespace, name: caConfigMapName };
      try {
        await client.create({ type, namespace }, { apiVersion, kind, metadata, data }, { signal });
        return true;
      } catch (error) {
        throwIfAborted(signal);
        if (!isKubeError(error, 409)) throw error;
      }
      const existing = await client.get(location, { signal });
      if (jsonMember(existing['data'], key) === certificate) return false;
      await client.patch(location, { data }, { signal });
      return true;
    },
    toFailure: (error) =>
      apiFailure(error, {
        doing: `publishing the CA in ConfigMap ${namespace}/${caConfigMapName}`,
        needed: { apiGroup: '', resource: 'configmaps', resourceNames: [], verbs: ['create', 'get', 'patch'] },
        roleNamespace: namespace,
        problem: client.problem,
      }),
  };
}
