import type { Manifest } from '../deploy/manifests.ts';

/** One verb for one resource. */
export interface Right {
  readonly verb: string;
  readonly group: string;
  /** With the subresource, as rules name it. */
  readonly resource: string;
  readonly names?: readonly string[];
  /** Absent: in the whole cluster. */
  readonly namespace?: string;
}

interface Role extends Manifest {
  readonly rules: readonly {
    readonly verbs: readonly string[];
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
}
interface Binding extends Manifest {
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly { readonly name: string; readonly namespace?: string }[];
}

/**
 * The rights that roles and bindings give an account, each once.
 * @param where `own`: in the whole cluster and in its own namespace; `all`: in other namespaces too.
 */
export function expandRights(objects: readonly Manifest[], account: string, where: 'own' | 'all'): readonly Right[] {
  const rights = objects
    .filter((object): object is Binding => object.kind.endsWith('RoleBinding'))
    .filter(({ metadata, subjects }) =>
      subjects.some(
        ({ name, namespace }) =>
          name === account && (where === 'all' || [undefined, namespace].includes(metadata.namespace)),
      ),
    )
    .flatMap(({ metadata, roleRef }) => {
      const roles = objects.filter(
        (object): object is Role =>
          object.kind === roleRef.kind &&
          object.metadata.name === roleRef.name &&
          (object.kind === 'ClusterRole' || object.metadata.namespace === metadata.namespace),
      );
      const place = metadata.namespace === undefined ? {} : { namespace: metadata.namespace };
      return roles.flatMap(({ rules }) =>
        rules.flatMap(({ verbs, apiGroups, resources, resourceNames }) =>
          apiGroups.flatMap((group) =>
            resources.flatMap((resource) =>
              verbs.map((verb) => ({
                ...{ verb, group, resource, ...place },
                ...(resourceNames === undefined ? {} : { names: resourceNames }),
              })),
            ),
          ),
        ),
      );
    });
  return [...new Map(rights.map((right) => [JSON.stringify(right), right])).values()];
}
