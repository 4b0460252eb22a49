import assert from 'node:assert/strict';
import path from 'node:path';
import { deployFolder, manifestFiles, only, readManifests } from '../deploy/manifests.ts';
import type { Manifest } from '../deploy/manifests.ts';
import type { PolicyRule } from '../kube-api/access-rules.ts';
import type { KubeApi } from '../kube-api/kube-api.ts';

const examples = path.join(deployFolder, 'examples');

/** The one object of that kind in a file of deploy/examples. */
export function exampleOf(file: string, kind: string): Manifest {
  return only(readManifests(path.join(examples, file)), kind);
}

/** Grants what the RoleBindings of deploy/examples grant, in the namespaces that they name. */
export function bindExamples(api: KubeApi): void {
  const objects = manifestFiles(examples).flatMap(readManifests);
  for (const binding of objects.filter(({ kind }) => kind === 'RoleBinding')) {
    const { namespace = '' } = binding.metadata;
    const { roleRef, subjects } = binding as unknown as {
      readonly roleRef: { readonly name: string };
      readonly subjects: readonly { readonly namespace: string; readonly name: string }[];
    };
    const role = objects.find(
      ({ kind, metadata }) => kind === 'Role' && metadata.name === roleRef.name && metadata.namespace === namespace,
    );
    assert.ok(role !== undefined, `no Role ${namespace}/${roleRef.name}`);
    const rules = role['rules'] as readonly PolicyRule[];
    for (const subject of subjects) {
      api.bind({ serviceAccount: `${subject.namespace}/${subject.name}`, namespace, rules });
    }
  }
}
