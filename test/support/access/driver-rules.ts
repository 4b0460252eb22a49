import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Binding, PolicyRule } from '../kube-api/access-rules.js';
import type { KubeApi } from '../kube-api/kube-api.js';

export const driverUser = 'driver';
/** The files under deploy/ that give rights to the driver. */
export const rightsFiles = ['base/rbac.yaml', 'components/approval/rbac.yaml'] as const;

/** Who the driver is at the API server. */
export type DriverSubject = Pick<Binding, 'user' | 'serviceAccount'>;

/** Gives the driver what a file gives it in a cluster; the returned function takes it back. */
export function bindDriver(api: KubeApi, file: string, subject?: DriverSubject): () => void {
  const unbind = driverBindings(file, subject).map((binding) => api.bind(binding));
  return () => {
    for (const each of unbind) each();
  };
}

/** The rules of all roles in a file. */
export function driverRules(file: string): readonly PolicyRule[] {
  return driverBindings(file).flatMap(({ rules }) => rules);
}

/** The bindings of a file: of its ClusterRoles everywhere, of its Roles in their namespace. */
export function driverBindings(file: string, subject?: DriverSubject): readonly Binding[] {
  const text = readFileSync(path.join(import.meta.dirname, '../../../deploy', file), 'utf8');
  return bindingsOf(
    parseAllDocuments(text).map((document) => document.toJS() as unknown),
    subject,
  );
}

/** Those of the roles among manifests. */
export function bindingsOf(objects: readonly unknown[], subject: DriverSubject = { user: driverUser }): Binding[] {
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
