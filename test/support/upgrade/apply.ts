import type { Manifest } from '../deploy/manifests.js';

/** Fields that an API server of Kubernetes 1.29 or later does not let anybody change, by kind. */
const immutableFields: Readonly<Record<string, readonly string[]>> = {
  DaemonSet: ['spec.selector'],
  Deployment: ['spec.selector'],
  CSIDriver: ['spec.attachRequired', 'spec.volumeLifecycleModes'],
  RoleBinding: ['roleRef'],
  ClusterRoleBinding: ['roleRef'],
  CustomResourceDefinition: ['spec.group', 'spec.scope', 'spec.names.kind', 'spec.names.plural'],
  PriorityLevelConfiguration: ['spec.type'],
};

/** `Kind name`, with the namespace where there is one. */
export function nameOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name ?? ''}`;
}

/** Why `kubectl apply` of the one over the other fails: each field that cannot change and does. */
export function applyProblems(from: readonly Manifest[], to: readonly Manifest[]): string[] {
  const before = new Map(from.map((object) => [nameOf(object), object]));
  return to.flatMap((object) => {
    const old = before.get(nameOf(object));
    if (old === undefined) return [];
    const changed = (immutableFields[object.kind] ?? []).filter(
      (field) => textOf(valueAt(old, field)) !== textOf(valueAt(object, field)),
    );
    return [...changed, ...lostVersions(old, object)].map((field) => `${nameOf(object)}: ${field}`);
  });
}

/** Objects of the one that the other has not: `kubectl apply` leaves them where they are. */
export function leftOver(from: readonly Manifest[], to: readonly Manifest[]): string[] {
  const names = new Set(to.map(nameOf));
  return from.map(nameOf).filter((name) => !names.has(name));
}

/** Versions of a kind that objects are stored in, and that the definition serves no more. */
function lostVersions(old: Manifest, object: Manifest): string[] {
  if (object.kind !== 'CustomResourceDefinition') return [];
  const served = new Set(versionsOf(object).flatMap(({ name, served: isServed }) => (isServed ? [name] : [])));
  return versionsOf(old).flatMap(({ name, storage }) => (storage && !served.has(name) ? [`version ${name}`] : []));
}

export interface KindVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly subresources?: Readonly<Record<string, unknown>>;
}

export function versionsOf(definition: Manifest): readonly KindVersion[] {
  return (definition['spec'] as { readonly versions: readonly KindVersion[] }).versions;
}

function valueAt(object: unknown, field: string): unknown {
  return field
    .split('.')
    .reduce<unknown>(
      (value, name) =>
        typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined,
      object,
    );
}

/** The same for the same value, in whatever order its fields are. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort())
      : part,
  );
}
