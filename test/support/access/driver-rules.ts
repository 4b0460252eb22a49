import { chartFile, readTemplate } from '../deploy/manifests.ts';
import type { Binding, PolicyRule } from '../kube-api/access-rules.ts';
import type { KubeApi } from '../kube-api/kube-api.ts';

export const driverUser = 'driver';

/** The roles of the chart, by what they are for. */
const roles = {
  driver: ['connectors-csi'],
  approval: ['connectors-csi-approval'],
  'token-minting': ['connectors-csi-token-minting'],
  proxy: ['connectors-proxy', 'connectors-proxy-credentials', 'connectors-proxy-identities'],
  'image-pulls': ['connectors-proxy-ca'],
} as const;
export type Purpose = keyof typeof roles;

/** Who the driver is at the API server. */
type DriverSubject = Pick<Binding, 'user' | 'serviceAccount'>;

/** Gives the driver what roles give it in a cluster; the returned function takes it back. */
export function bindDriver(api: KubeApi, purpose: Purpose, subject?: DriverSubject): () => void {
  const unbind = bindingsFor(purpose, subject).map((binding) => api.bind(binding));
  return () => {
    for (const each of unbind) each();
  };
}

/** The rules of all roles for a purpose. */
export function rulesFor(purpose: Purpose): readonly PolicyRule[] {
  return bindingsFor(purpose).flatMap(({ rules }) => rules);
}

/** The bindings for a purpose: of its ClusterRoles everywhere, of its Roles in their namespace. */
export function bindingsFor(purpose: Purpose, subject?: DriverSubject): readonly Binding[] {
  const names: readonly (string | undefined)[] = roles[purpose];
  const objects = [
    ...['driver-rbac', 'proxy-rbac'].flatMap(readTemplate),
    ...['approval', 'token-minting'].flatMap((name) => chartFile(`policies/${name}`)),
  ];
  return bindingsOf(
    objects.filter(({ metadata }) => names.includes(metadata.name)),
    subject,
  );
}

/** Those of the roles among manifests. */
function bindingsOf(objects: readonly unknown[], subject: DriverSubject = { user: driverUser }): Binding[] {
  return objects.flatMap((object) => {
    const { kind, metadata, rules } = object as {
      readonly kind: string;
      readonly metadata: { readonly namespace?: string };
      readonly rules?: readonly PolicyRule[];
    };
    if (rules === undefined || (kind !== 'ClusterRole' && kind !== 'Role')) return [];
    return [{ ...subject, ...(kind === 'Role' ? { namespace: metadata.namespace ?? '' } : {}), rules }];
  });
}
