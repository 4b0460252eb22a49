import assert from 'node:assert/strict';
import { parseServeConfig, type DriverConfig } from '../../../src/driver/config.ts';
import { commandOf } from './container-command.ts';
import { only, type Manifest } from './manifests.ts';

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly ports?: readonly { readonly name: string }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly securityContext: Readonly<Record<string, unknown>>;
}
interface Probe {
  readonly httpGet: { readonly port: string };
}
interface DaemonSet {
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly template: {
    readonly metadata: { readonly labels: Readonly<Record<string, string>> };
    readonly spec: {
      readonly serviceAccountName: string;
      readonly containers: readonly Container[];
      readonly volumes: readonly { readonly name: string; readonly hostPath: { readonly path: string } }[];
    };
  };
}
interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

// A real API server takes these shapes in another test.
export const daemonSet = (objects: readonly Manifest[]): DaemonSet =>
  only(objects, 'DaemonSet', 'connectors-csi')['spec'] as DaemonSet;
export const driver = (objects: readonly Manifest[]): Container => daemonSet(objects).template.spec.containers[0]!;
/** Roles of programs: those that become part of people's roles need no binding. */
const roles = (objects: readonly Manifest[]): Manifest[] =>
  objects.filter(
    ({ kind, metadata }) =>
      kind.endsWith('Role') && !Object.keys(metadata.labels ?? {}).some((label) => label.includes('/aggregate-to-')),
  );
export const rules = (objects: readonly Manifest[]): Rule[] =>
  roles(objects).flatMap((role) => role['rules'] as Rule[]);

/** `list,watch connectors.alauda.io/connectors` and so on, one line per resource. */
export function grants(objects: readonly Manifest[]): string[] {
  return rules(objects)
    .flatMap((rule) =>
      rule.apiGroups.flatMap((group) =>
        rule.resources.map((resource) => {
          const names = rule.resourceNames ? ` ${rule.resourceNames.join(',')}` : '';
          return `${[...rule.verbs].sort().join(',')} ${group}/${resource}${names}`;
        }),
      ),
    )
    .sort();
}

/** The driver's configuration as the process in the pod sees it. */
export function configurationOf(container: Container): DriverConfig {
  const { args, env } = commandOf(container);
  return parseServeConfig(args.slice(1), env);
}

/** Permissions of the driver without options, as `grants` has them. */
export const baseGrants = [
  'create authorization.k8s.io/subjectaccessreviews',
  'list,watch /configmaps connectors-config',
  'list,watch connectors.alauda.io/connectorclasses',
  'list,watch connectors.alauda.io/connectors',
  'list,watch storage.k8s.io/csidrivers connectors-csi',
];

/** Asserts that all that the objects name is there, each object once. */
export function assertConsistent(objects: readonly Manifest[]): void {
  const names = objects.map(
    (object) => `${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`,
  );
  assert.equal(new Set(names).size, names.length, 'an object is there twice');
  assertBindingsResolve(objects);
  assertWorkloadResolves(objects);
}

function assertBindingsResolve(objects: readonly Manifest[]): void {
  const unbound = new Set(roles(objects).map(({ kind, metadata }) => `${kind} ${metadata.name}`));
  for (const binding of objects.filter(({ kind }) => kind.endsWith('RoleBinding'))) {
    const { roleRef, subjects } = binding as unknown as {
      roleRef: { kind: string; name: string };
      subjects: readonly { kind: string; namespace: string; name: string }[];
    };
    // The cluster has these by itself.
    if (!roleRef.name.startsWith('system:')) only(objects, roleRef.kind, roleRef.name);
    unbound.delete(`${roleRef.kind} ${roleRef.name}`);
    for (const { namespace, name } of subjects.filter(({ kind }) => kind === 'ServiceAccount')) {
      assert.equal(only(objects, 'ServiceAccount', name).metadata.namespace, namespace);
    }
  }
  // For RoleBindings in the namespaces of Connectors.
  for (const name of ['credentials', 'identities']) unbound.delete(`ClusterRole connectors-proxy-${name}`);
  assert.deepEqual([...unbound], []);
}

function assertWorkloadResolves(objects: readonly Manifest[]): void {
  const { selector, template } = daemonSet(objects);
  for (const [label, value] of Object.entries(selector.matchLabels))
    assert.equal(template.metadata.labels[label], value);
  only(objects, 'ServiceAccount', template.spec.serviceAccountName);
  const volumes = new Set(template.spec.volumes.map(({ name }) => name));
  for (const container of template.spec.containers) {
    const defined = new Set(container.env.map(({ name }) => name));
    for (const [, name] of container.args.join(' ').matchAll(/\$\((\w+)\)/g)) assert.ok(defined.has(name!), name);
    for (const mount of container.volumeMounts) assert.ok(volumes.has(mount.name), mount.name);
    const ports = new Set(container.ports?.map(({ name }) => name));
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      if (probe) assert.ok(ports.has(probe.httpGet.port), probe.httpGet.port);
    }
  }
}
