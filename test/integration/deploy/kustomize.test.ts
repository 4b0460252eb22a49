import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { parseServeConfig, type DriverConfig } from '../../../src/driver/config.js';
import {
  buildFolder,
  buildOverlay,
  deployFolder,
  only,
  repository,
  type Manifest,
} from '../../support/deploy/manifests.js';
import { denials } from '../../support/deploy/admission-policy.js';
import { commandOf } from '../../support/deploy/container-command.js';
import { objectProblems } from '../../support/deploy/object-problems.js';
import { deduplicateFiles } from '../../../src/driver/host/deduplicate-files.js';
import { memoryOf, tmpfsLimitsOf } from '../../../src/driver/host/footprint.js';
import { driverLimits } from '../../../src/driver/limits.js';

const components = ['token-minting', 'approval', 'registrar-sidecar', 'token-in-secrets', 'pod-monitor'] as const;

interface Container {
  readonly name: string;
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

// The shapes below were checked by objectProblems first.
const daemonSet = (objects: readonly Manifest[]): DaemonSet => only(objects, 'DaemonSet')['spec'] as DaemonSet;
const driver = (objects: readonly Manifest[]): Container => daemonSet(objects).template.spec.containers[0]!;
/** Of programs, that is: those that become part of people's roles need no binding. */
const roles = (objects: readonly Manifest[]): Manifest[] =>
  objects.filter(
    ({ kind, metadata }) =>
      kind.endsWith('Role') && !Object.keys(metadata.labels ?? {}).some((label) => label.includes('/aggregate-to-')),
  );
const rules = (objects: readonly Manifest[]): Rule[] => roles(objects).flatMap((role) => role['rules'] as Rule[]);

/** `list,watch connectors.alauda.io/connectors` and so on, one line per resource. */
function grants(objects: readonly Manifest[]): string[] {
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
function configurationOf(container: Container): DriverConfig {
  const { args, env } = commandOf(container);
  return parseServeConfig(args.slice(1), env);
}

function withoutArguments(object: Manifest): unknown {
  return JSON.parse(JSON.stringify(object, (key, value: unknown) => (key === 'args' ? undefined : value)));
}

function toSorted(value: unknown): unknown {
  return Array.isArray(value) ? [...(value as unknown[])].sort() : value;
}

const baseGrants = [
  'create authorization.k8s.io/subjectaccessreviews',
  'list,watch /configmaps connectors-config',
  'list,watch connectors.alauda.io/connectorclasses',
  'list,watch connectors.alauda.io/connectors',
  'list,watch storage.k8s.io/csidrivers connectors-csi',
];

function assertConsistent(objects: readonly Manifest[]): void {
  assert.deepEqual(objects.flatMap(objectProblems), []);
  const names = objects.map(
    (object) => `${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`,
  );
  assert.equal(new Set(names).size, names.length, 'an object is there twice');
  assertBindingsResolve(objects);
  assertWorkloadResolves(objects);
}

function assertBindingsResolve(objects: readonly Manifest[]): void {
  for (const binding of objects.filter(({ kind }) => kind.endsWith('RoleBinding'))) {
    const { roleRef, subjects } = binding as unknown as {
      roleRef: { kind: string; name: string };
      subjects: readonly { namespace: string; name: string }[];
    };
    if (!isOfTheCluster(roleRef)) only(objects, roleRef.kind, roleRef.name);
    for (const subject of subjects) {
      assert.equal(only(objects, 'ServiceAccount', subject.name).metadata.namespace, subject.namespace);
    }
  }
  const bound = objects.filter(
    (object) => object.kind.endsWith('RoleBinding') && !isOfTheCluster(object['roleRef'] as { name: string }),
  ).length;
  assert.equal(bound, roles(objects).length, 'a role is not bound');
}

/** A role that the cluster has by itself. */
function isOfTheCluster(roleRef: { readonly name: string }): boolean {
  return roleRef.name.startsWith('system:');
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

/** All subsets; the n-th has the components whose bit is set in n. */
const combinations = Array.from({ length: 2 ** components.length }, (_, mask) =>
  components.filter((_name, bit) => mask & (1 << bit)),
);

describe('deploy', function () {
  const built = new Map<string, Manifest[]>();
  before(async function () {
    // Debian's package `kubernetes-client`. CI has it, and counts a skipped test as failed.
    if (spawnSync('kubectl', ['version', '--client']).error) {
      console.log('      skipped: not installed: kubectl');
      this.skip();
    }
    const waiting = [...combinations];
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next; next = waiting.pop()) built.set(next.join(' + '), await buildOverlay(next));
    };
    await Promise.all([work(), work(), work()]);
  });

  it('covers every component of the folder', async () => {
    const folders = await readdir(path.join(deployFolder, 'components'));
    assert.deepEqual(
      folders.sort(),
      [
        ...components,
        'admission',
        'admission-deny',
        'events',
        'flow-schema',
        'image-connector',
        'image-pulls',
        'kubelet-dir',
        'network-policy',
        'openshift',
        'proxy-autoscaling',
        'scheduling',
        'volume-limit',
        'proxy-credentials',
        'proxy-pod-monitor',
      ].sort(),
    );
  });

  for (const combination of combinations) {
    const has = (name: (typeof components)[number]): boolean => combination.includes(name);

    it(`builds with ${combination.join(' + ') || 'no component'}`, () => {
      const objects = built.get(combination.join(' + '))!;
      assertConsistent(objects);

      const expected = [...baseGrants];
      const identity = 'identify connectors.alauda.io/drivers';
      if (has('token-minting')) expected.push('create /serviceaccounts/token', identity);
      if (has('approval')) expected.push('create,list,watch connectors.alauda.io/accessrequests', identity);
      assert.deepEqual(grants(objects), expected.sort());

      const { args, name } = driver(objects);
      assert.equal(name, 'driver');
      assert.equal(args[0], 'serve');
      assert.equal(args.includes('--allow-token-minting'), has('token-minting'));
      assert.equal(args.includes('--registration-dir='), has('registrar-sidecar'));
      assert.equal(daemonSet(objects).template.spec.containers.length, has('registrar-sidecar') ? 2 : 1);

      const csiDriver = only(objects, 'CSIDriver')['spec'] as Record<string, unknown>;
      assert.equal(csiDriver['serviceAccountTokenInSecrets'], has('token-in-secrets') ? true : undefined);
      assert.equal(objects.filter(({ kind }) => kind === 'PodMonitor').length, has('pod-monitor') ? 1 : 0);
    });
  }

  it('asks the kubelet for all that the driver relies on', () => {
    const { metadata, spec } = only(built.get('')!, 'CSIDriver');
    assert.equal(metadata.name, 'connectors-csi');
    assert.equal(metadata.labels?.['security.openshift.io/csi-ephemeral-volume-profile'], 'restricted');
    assert.deepEqual(spec, {
      volumeLifecycleModes: ['Ephemeral'],
      attachRequired: false,
      storageCapacity: false,
      podInfoOnMount: true,
      requiresRepublish: true,
      tokenRequests: [{ audience: 'connectors-proxy', expirationSeconds: 1800 }],
      fsGroupPolicy: 'None',
      seLinuxMount: false,
    });
  });

  it('never grants Secrets, wildcards or the use of a proxy, with all components on', () => {
    for (const rule of rules(built.get(components.join(' + '))!)) {
      for (const word of [...rule.apiGroups, ...rule.resources, ...rule.verbs]) assert.notEqual(word, '*');
      assert.ok(!rule.resources.some((resource) => resource.startsWith('secrets') || resource.includes('proxy')));
    }
  });

  it('runs the driver privileged, the sidecar not, and both on a read-only root', () => {
    const [own, sidecar] = daemonSet(built.get('registrar-sidecar')!).template.spec.containers;
    assert.equal(own!.securityContext['privileged'], true);
    assert.equal(sidecar!.securityContext['privileged'], undefined);
    assert.equal(sidecar!.securityContext['allowPrivilegeEscalation'], false);
    for (const container of [own!, sidecar!]) assert.equal(container.securityContext['readOnlyRootFilesystem'], true);
  });

  it('gives the memory limit room for the process, and for a full node whose volumes hold as much as they may in ten files', () => {
    const own = driver(built.get('')!);
    const { memory } = (own as unknown as { resources: { limits: { memory: string } } }).resources.limits;
    assert.match(memory, /^\d+Mi$/);
    const limit = Number.parseInt(memory, 10) * 1024 * 1024;
    const reserve = configurationOf(own)['memory-reserve'];
    const files = Array.from({ length: 10 }, (_, n) => ({
      name: `file-${n}`,
      content: Buffer.alloc(driverLimits.volume.bytes / 10, n),
    }));
    const perVolume = memoryOf(tmpfsLimitsOf(deduplicateFiles(files), 4096));
    assert.ok(reserve >= 125e6 && limit - reserve >= 110 * perVolume, memory);
  });

  it('starts the driver with flags that fit the other objects', () => {
    const objects = built.get('')!;
    const own = driver(objects);
    const configuration = configurationOf(own);
    assert.equal(configuration['node-name'], 'value-of-NODE_NAME');
    assert.equal(configuration.namespace, 'value-of-POD_NAMESPACE');
    assert.equal(configuration['driver-name'], only(objects, 'CSIDriver').metadata.name);
    assert.equal(configuration.endpoint, configuration['kubelet-endpoint']);
    assert.equal(configuration['registration-dir'], '/var/lib/kubelet/plugins_registry');
    assert.ok(configuration.endpoint.startsWith(`${own.volumeMounts[0]!.mountPath}/`));
    const { tokenRequests } = only(objects, 'CSIDriver')['spec'] as { tokenRequests: readonly { audience: string }[] };
    assert.deepEqual(
      tokenRequests.map(({ audience }) => audience),
      [configuration['token-audience']],
    );
    const [port] = own.ports as unknown as [{ containerPort: number }];
    assert.equal(configuration['http-address']?.port, port.containerPort);
  });

  it('tells driver and sidecar of the same socket', () => {
    const [own, sidecar] = daemonSet(built.get('registrar-sidecar')!).template.spec.containers;
    const configuration = configurationOf(own!);
    assert.equal(configuration['registration-dir'], undefined);
    const registered = sidecar!.args.find((arg) => arg.startsWith('--kubelet-registration-path='));
    assert.equal(registered?.replace('$(KUBELET_DIR)', '/var/lib/kubelet').split('=')[1], configuration.endpoint);
    assert.equal(sidecar!.env.find(({ name }) => name === 'KUBELET_DIR')?.value, '/var/lib/kubelet');
    const [plugin] = sidecar!.volumeMounts;
    assert.equal(`/var/lib/kubelet/${plugin!.subPath!}/csi.sock`, configuration.endpoint);
    assert.ok(sidecar!.args.includes(`--csi-address=${plugin!.mountPath}/csi.sock`));
  });

  it('is the same whatever the order of the components', async () => {
    const all = [...components, 'openshift', 'admission', 'events'];
    const sorted = (objects: readonly Manifest[]): string[] =>
      objects
        .map((object) => JSON.stringify(object, (key, value: unknown) => (key === 'args' ? toSorted(value) : value)))
        .sort();
    const [forwards, backwards] = await Promise.all([buildOverlay(all), buildOverlay([...all].reverse())]);
    assert.deepEqual(sorted(backwards), sorted(forwards));
  });

  it('gives the drivers a level of their own at the API server', async () => {
    const objects = await buildOverlay(['flow-schema']);
    assertConsistent(objects);
    const { metadata } = only(objects, 'PriorityLevelConfiguration');
    const spec = only(objects, 'FlowSchema')['spec'] as {
      readonly priorityLevelConfiguration: { readonly name: string };
      readonly rules: readonly { readonly subjects: readonly { readonly serviceAccount: unknown }[] }[];
    };
    assert.equal(spec.priorityLevelConfiguration.name, metadata.name);
    const account = only(objects, 'ServiceAccount').metadata;
    assert.deepEqual(
      spec.rules.flatMap(({ subjects }) => subjects.map(({ serviceAccount }) => serviceAccount)),
      [{ namespace: account.namespace, name: account.name }],
    );
  });

  it('lets events on pods be written, and has the driver write them, with events', async () => {
    const objects = await buildOverlay(['events']);
    assertConsistent(objects);
    assert.deepEqual(grants(objects), [...baseGrants, 'create,patch events.k8s.io/events'].sort());
    assert.equal(configurationOf(driver(objects))['pod-events'], true);
    assert.equal(configurationOf(driver(built.get('')!))['pod-events'], false);
  });

  for (const [component, action] of [
    ['admission', 'Warn'],
    ['admission-deny', 'Deny'],
  ] as const) {
    it(`judges volumes and rules as they are applied, and leaves the driver's own policies alone, with ${component}`, async () => {
      const objects = await buildOverlay([...components, component]);
      assertConsistent(objects);
      const bindings = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding');
      const ofGenerators = bindings.filter(({ metadata }) => metadata.name === 'connectors-csi-generators');
      assert.deepEqual(
        ofGenerators.map(({ spec }) => (spec as { readonly validationActions: unknown }).validationActions),
        [['Warn']],
      );
      const actions = bindings
        .filter((each) => !ofGenerators.includes(each))
        .map(({ metadata, spec }) => [
          /^connectors-csi-(volumes-|rules$)/.test(metadata.name!),
          (spec as { validationActions: readonly string[] }).validationActions.join(),
        ]);
      const own = actions.filter(([isOfUsers]) => !isOfUsers);
      assert.deepEqual(own, Array(2).fill([false, 'Deny']));
      assert.deepEqual(
        actions.filter(([isOfUsers]) => isOfUsers),
        Array(4).fill([true, action]),
      );
    });
  }

  for (const [how, more] of [
    ['as it is', {}],
    ['with a prefix', { namePrefix: 'acme-' }],
    ['with a suffix, in another namespace', { nameSuffix: '-7', namespace: 'elsewhere' }],
    [
      'under a name of its own',
      {
        patches: [
          {
            target: { kind: 'ServiceAccount', name: 'connectors-csi' },
            options: { allowNameChange: true },
            patch: '[{ "op": "replace", "path": "/metadata/name", "value": "node-agent" }]',
          },
        ],
      },
    ],
  ] as const) {
    it(`confines whichever service account has the rights of the components, ${how}`, async () => {
      const objects = await buildOverlay(['token-minting', 'approval'], more);
      const denied = [
        ['token-minting', '', 'serviceaccounts/token', { spec: { audiences: ['https://kubernetes.default.svc'] } }],
        ['approval', 'connectors.alauda.io', 'accessrequests', { metadata: {}, spec: {} }],
      ] as const;
      for (const [component, group, resource, object] of denied) {
        const isOfComponent = ({ metadata }: Manifest): boolean => metadata.name!.includes(component);
        const ofComponent = objects.filter(isOfComponent);
        const [{ namespace, name }] = only(ofComponent, 'ClusterRoleBinding')['subjects'] as [
          { readonly namespace: string; readonly name: string },
        ];
        assert.equal(only(objects, 'ServiceAccount').metadata.name, name);
        const policy = only(ofComponent, 'ValidatingAdmissionPolicy');
        const { policyName } = only(ofComponent, 'ValidatingAdmissionPolicyBinding')['spec'] as { policyName: string };
        assert.equal(policyName, policy.metadata.name);
        const request = {
          ...({ operation: 'CREATE', extra: {} } as const),
          ...{ group, resource, object },
          username: `system:serviceaccount:${namespace}:${name}`,
          rules: rules(ofComponent),
        };
        assert.ok(denials(policy, request).length > 0, `${component} lets ${request.username} do all`);
      }
    });
  }

  it('lets an overlay set the limit of volumes in all policies at once', async () => {
    const page = readFileSync(path.join(repository, 'docs', 'admission.md'), 'utf8');
    const [, shown = ''] = /## How many volumes a pod can have\n.*?```yaml\n(.*?)```/s.exec(page) ?? [];
    const objects = await buildOverlay(['volume-limit', 'admission', ...components], parse(shown) as object);
    assertConsistent(objects);
    const limited = objects.flatMap(({ kind, spec }) => {
      const { variables = [] } = (kind === 'ValidatingAdmissionPolicy' ? spec : {}) as {
        readonly variables?: readonly { readonly name: string; readonly expression: string }[];
      };
      return variables.flatMap(({ name, expression }) => (name === 'maxVolumes' ? [expression] : []));
    });
    assert.deepEqual(limited, Array(4).fill('32'));
    assert.match(JSON.stringify(objects), /\['connectors-proxy'\]/);
  });

  it('lets only the scraper to the port of metrics, of the pods that the DaemonSet makes', async () => {
    const objects = await buildOverlay(['network-policy']);
    const policy = objects.find(({ kind }) => kind === 'NetworkPolicy') as unknown as {
      readonly spec: {
        readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
        readonly policyTypes: readonly string[];
        readonly ingress: readonly { readonly from: readonly object[]; readonly ports: readonly { port: string }[] }[];
      };
    };
    const daemonSet = objects.find(({ kind }) => kind === 'DaemonSet') as unknown as {
      readonly spec: {
        readonly template: {
          readonly metadata: { readonly labels: Readonly<Record<string, string>> };
          readonly spec: { readonly containers: readonly { readonly ports?: readonly { name: string }[] }[] };
        };
      };
    };
    const { metadata, spec } = daemonSet.spec.template;
    for (const [label, value] of Object.entries(policy.spec.podSelector.matchLabels)) {
      assert.equal(metadata.labels[label], value);
    }
    const named = new Set(spec.containers.flatMap(({ ports = [] }) => ports.map(({ name }) => name)));
    assert.deepEqual(policy.spec.policyTypes, ['Ingress']);
    assert.equal(policy.spec.ingress.length, 1);
    assert.equal(policy.spec.ingress[0]!.from.length, 1);
    for (const { port } of policy.spec.ingress[0]!.ports) assert.ok(named.has(port), port);
  });

  it('turns on what the components promise', () => {
    assert.equal(configurationOf(driver(built.get('')!))['allow-token-minting'], false);
    assert.equal(configurationOf(driver(built.get('token-minting')!))['allow-token-minting'], true);
  });

  it('names the version of package.json', () => {
    const { version } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as { version: string };
    const { template } = daemonSet(built.get('')!);
    assert.equal((template.spec.containers[0] as unknown as { image: string }).image, `connectors-csi:${version}`);
    assert.equal(template.metadata.labels['app.kubernetes.io/version'], version);
  });

  for (const components of [
    ['kubelet-dir'],
    ['registrar-sidecar', 'kubelet-dir'],
    ['kubelet-dir', 'registrar-sidecar'],
    ['kubelet-dir', 'token-minting'],
  ]) {
    it(`moves the kubelet directory in one place with ${components.join(' + ')}`, async () => {
      const objects = await buildOverlay(components, {
        configMapGenerator: [
          {
            name: 'connectors-csi-kubelet',
            literals: ['dir=/var/lib/k0s/kubelet'],
            options: { annotations: { 'config.kubernetes.io/local-config': 'true' } },
          },
        ],
      });
      assertConsistent(objects);
      assert.doesNotMatch(JSON.stringify(objects), /\/var\/lib\/kubelet/);
      assert.equal(objects.filter(({ kind }) => kind === 'ConfigMap').length, 0);
      const { spec } = daemonSet(objects).template;
      assert.equal(spec.volumes[0]!.hostPath.path, '/var/lib/k0s/kubelet');
      assert.equal(spec.containers[0]!.volumeMounts[0]!.mountPath, '/var/lib/k0s/kubelet');
      for (const { env } of spec.containers) {
        assert.equal(env.find(({ name }) => name === 'KUBELET_DIR')?.value, '/var/lib/k0s/kubelet');
      }
    });
  }

  it('lets the driver be privileged on OpenShift, in its own namespace only', async () => {
    const objects = await buildOverlay(['openshift']);
    assertConsistent(objects);
    assert.deepEqual(grants(objects), [...baseGrants].sort());
    const binding = objects.filter(({ kind, metadata }) => kind === 'RoleBinding' && metadata.name?.endsWith('-scc'));
    assert.deepEqual(
      binding.map(({ metadata, roleRef }) => [metadata.namespace, (roleRef as { name: string }).name]),
      [['connectors-system', 'system:openshift:scc:privileged']],
    );
  });

  it('builds the overlay that is there to be copied, with an image that has a registry', async () => {
    const objects = await buildFolder(path.join(deployFolder, 'examples', 'overlay'));
    assertConsistent(objects);
    assert.match((driver(objects) as unknown as { image: string }).image, /^[^/]+\.[^/]+\/connectors-csi:\d/);
  });

  it('builds that overlay with all that it offers in comments', async () => {
    const text = readFileSync(path.join(deployFolder, 'examples', 'overlay', 'kustomization.yaml'), 'utf8');
    const [, ...rest] = text.replaceAll(/^# ?/gm, '').split('\n');
    const { components: offered, ...more } = parse(rest.join('\n')) as { components: string[]; patches: object[] };
    assert.equal(more.patches.length, 2);
    const names = offered.map((component) => path.basename(component));
    const objects = await buildOverlay(names, { patches: more.patches }, 'standalone');
    for (const { metadata, ...account } of objects.filter(({ kind }) => kind === 'ServiceAccount')) {
      assert.deepEqual(account['imagePullSecrets'], [{ name: 'registry-login' }], metadata.name);
    }
    assert.equal(objects.filter(({ kind }) => kind === 'Namespace').length, 0);
    assert.equal(objects.filter(({ kind }) => kind === 'PodMonitor').length, 1);
  });

  it('labels its own objects, so that removal by label spares the namespace and nothing else', async () => {
    const objects = await buildOverlay([...components, 'openshift', 'admission', 'events']);
    const spared = objects.filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] !== 'connectors-csi');
    assert.deepEqual(
      spared.map(({ kind }) => kind),
      ['Namespace'],
    );
  });

  it('follows a change of namespace', async () => {
    const objects = await buildOverlay([...components, 'openshift', 'admission', 'events'], { namespace: 'elsewhere' });
    assertConsistent(objects);
    for (const { kind, metadata } of objects) {
      if (metadata.namespace !== undefined) assert.equal(metadata.namespace, 'elsewhere', kind);
    }
  });

  for (const [version, added] of [
    ['1.36', { serviceAccountTokenInSecrets: true }],
    ['1.37', { serviceAccountTokenInSecrets: true, preventPodSchedulingIfMissing: true }],
  ] as const) {
    it(`asks for what Kubernetes ${version} has, and for nothing else, with its overlay`, async () => {
      const objects = await buildFolder(path.join(deployFolder, 'overlays', `kubernetes-${version}`));
      assertConsistent(objects);
      const base = built.get('')!;
      const spec = { ...(only(base, 'CSIDriver')['spec'] as object), ...added };
      const expected = base.map((object) => (object.kind === 'CSIDriver' ? { ...object, spec } : object));
      assert.deepEqual(driver(objects).args, driver(base).args);
      const [rest, policies] = [false, true].map((isPolicy) =>
        objects.filter(({ kind }) => kind.startsWith('ValidatingAdmissionPolicy') === isPolicy),
      );
      assert.deepEqual(rest?.map(withoutArguments), expected.map(withoutArguments));
      assert.deepEqual(
        policies?.map(({ metadata }) => metadata.name),
        Array(2).fill('connectors-csi-volume-limit'),
      );
    });
  }

  it('builds the approval example and the observability folders', async () => {
    for (const folder of ['examples/approval', 'observability', 'observability/proxy']) {
      const objects = await buildFolder(path.join(deployFolder, folder));
      assert.ok(objects.length > 0);
      assert.deepEqual(objects.flatMap(objectProblems), []);
    }
  });
});
