import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Binding, PolicyRule } from '../kube-api/access-rules.js';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string };
  readonly rules?: readonly PolicyRule[];
}

/** The driver's service account in the manifests of deploy/. */
export const driverAccount = { namespace: 'connectors-system', name: 'connectors-csi' } as const;

export type RightsFile = 'base' | 'components/token-minting' | 'components/approval';

/** The rights that a folder of deploy/ gives to the driver: its ClusterRoles everywhere, its Roles in their namespace. */
export function driverBindings(folder: RightsFile): readonly Binding[] {
  return readManifests(`${folder}/rbac.yaml`).flatMap(({ rules, metadata: { namespace } }) => {
    if (rules === undefined) return [];
    const serviceAccount = `${driverAccount.namespace}/${driverAccount.name}`;
    return [{ serviceAccount, rules, ...(namespace === undefined ? {} : { namespace }) }];
  });
}

/** The objects of a file under deploy/. */
export function readManifests(file: string): readonly Manifest[] {
  const text = readFileSync(path.join(import.meta.dirname, '../../../deploy', file), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}
