import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { PolicyRule } from '../kube-api/access-rules.js';

/** The rules of the ClusterRoles in a file under deploy/: what the driver may do in a cluster, and in these tests. */
export function driverRules(file: string): readonly PolicyRule[] {
  const text = readFileSync(path.join(import.meta.dirname, '../../../deploy', file), 'utf8');
  return parseAllDocuments(text).flatMap((document) => {
    const object = document.toJS() as { readonly kind: string; readonly rules?: readonly PolicyRule[] };
    return object.kind === 'ClusterRole' ? (object.rules ?? []) : [];
  });
}
