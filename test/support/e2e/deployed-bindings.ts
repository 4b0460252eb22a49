import { bindingsFor, type Purpose } from '../access/driver-rules.ts';
import type { KubeApi } from '../kube-api/kube-api.ts';

/**
 * Binds the roles of the chart to the users `driver` and `proxy`.
 * @param optional roles that the proxy has too.
 */
export function bindDeployed(api: KubeApi, optional: readonly Purpose[]): void {
  for (const binding of bindingsFor('driver', { user: 'driver' })) api.bind(binding);
  for (const binding of bindingsFor('proxy', { user: 'proxy' })) {
    // The role for credentials is bound by namespace only, here in that of the connectors.
    const isCredentials = binding.namespace === undefined && binding.rules.every(isForSecrets);
    api.bind(isCredentials ? { ...binding, namespace: 'ci' } : binding);
  }
  for (const purpose of optional) {
    for (const binding of bindingsFor(purpose, { user: 'proxy' })) api.bind(binding);
  }
}

function isForSecrets({ resources }: { readonly resources?: readonly string[] | undefined }): boolean {
  return resources?.includes('secrets') === true;
}
