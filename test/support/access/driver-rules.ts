import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Binding, PolicyRule } from '../kube-api/access-rules.js';
import type { KubeApi } from '../kube-api/kube-api.js';

export const driverUser = 'driver';
/** The files under deploy/ that give rights to the driver. */
export const rightsFiles = ['base/rbac.yaml', 'components/approval/rbac.yaml'] as const;

/** Gives the driver what a file gives it in a cluster; the returned function takes it back. */
export function bindDriver(api: KubeApi, file: string): () => void {
  const unbind = driverBindings(file).map((binding) => api.bind(binding));
  return () => {
    for (const each of unbind) each();
  };
}

/** The rules of all roles in a file. */
export function driverRules(file: string): readonly PolicyRule[] {
  return driverBindings(file).flatMap(({ rules }) => rules);
}

function driverBindings(file: string): readonly Binding[] {
  const text = readFileSync(path.join(import.meta.dirname, '../../../deploy', file), 'utf8');
  return parseAllDocuments(text).flatMap((document) => {
    const { kind, metadata, rules } = document.toJS() as {
      readonly kind: string;
      readonly metadata: { readonly namespace?: string };
      readonly rules?: readonly PolicyRule[];
    };
    if (rules === undefined || (kind !== 'ClusterRole' && kind !== 'Role')) return [];
    return [{ user: driverUser, ...(kind === 'Role' ? { namespace: metadata.namespace ?? '' } : {}), rules }];
  });
}
