import { driverBindings } from '../access/driver-rules.js';
import type { KubeApi } from '../kube-api/kube-api.js';

/**
 * Binds the roles of deploy/ to the users `driver` and `proxy`.
 * @param components of deploy/components, whose roles the proxy has too.
 */
export function bindDeployed(api: KubeApi, components: readonly string[]): void {
  for (const binding of driverBindings('base/rbac.yaml', { user: 'driver' })) api.bind(binding);
  for (const binding of driverBindings('proxy/rbac.yaml', { user: 'proxy' })) {
    // The role for credentials is bound by namespace only, here in that of the connectors.
    const isCredentials = binding.namespace === undefined && binding.rules.every(isForSecrets);
    api.bind(isCredentials ? { ...binding, namespace: 'ci' } : binding);
  }
  for (const name of components) {
    for (const binding of driverBindings(`components/${name}/rbac.yaml`, { user: 'proxy' })) api.bind(binding);
  }
}

function isForSecrets({ resources }: { readonly resources?: readonly string[] | undefined }): boolean {
  return resources?.includes('secrets') === true;
}
