import assert from 'node:assert/strict';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { parseProxyConfig, type ProxyConfig } from '../../../src/proxy/config.ts';
import { bindingsFor } from '../../support/access/driver-rules.ts';
import type { PolicyRule } from '../../support/kube-api/access-rules.ts';
import { assertConsistent } from '../../support/deploy/driver-objects.ts';
import { needsHelm, renderChart, type Values } from '../../support/deploy/helm.ts';
import { only, rendered, type Manifest } from '../../support/deploy/manifests.ts';

type Labels = Readonly<Record<string, string>>;
interface Selector {
  readonly matchLabels: Labels;
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
  }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly securityContext: { readonly readOnlyRootFilesystem?: boolean };
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
}
interface Deployment {
  readonly replicas?: number;
  readonly selector: Selector;
  readonly template: {
    readonly metadata: { readonly labels: Labels };
    readonly spec: {
      readonly serviceAccountName: string;
      readonly terminationGracePeriodSeconds: number;
      readonly containers: readonly Container[];
      readonly volumes?: readonly {
        readonly name: string;
        readonly projected: {
          readonly sources: readonly {
            readonly secret: { readonly name: string; readonly items: readonly { readonly path: string }[] };
          }[];
        };
      }[];
      readonly topologySpreadConstraints: readonly { readonly labelSelector: Selector }[];
    };
  };
}

// A real API server takes these shapes in another test.
const deployment = (objects: readonly Manifest[]): Deployment =>
  only(objects, 'Deployment', 'connectors-proxy')['spec'] as Deployment;
const container = (objects: readonly Manifest[]): Container => deployment(objects).template.spec.containers[0]!;

/** As the process in the pod sees it. */
function configurationOf({ args, env }: Container): ProxyConfig {
  const values = env.map(({ name, value, valueFrom }) => {
    return [name, value ?? `value-of-${valueFrom?.fieldRef.fieldPath ?? '?'}`] as const;
  });
  return parseProxyConfig(args.slice(1), Object.fromEntries(values));
}

function assertSelects(selector: Labels, { template }: Deployment): void {
  assert.ok(Object.keys(selector).length > 0);
  for (const [label, value] of Object.entries(selector)) assert.equal(template.metadata.labels[label], value, label);
}

const subjectsOf = (binding: Manifest): readonly { readonly namespace: string; readonly name: string }[] =>
  binding['subjects'] as readonly { readonly namespace: string; readonly name: string }[];

describe('the proxy of deploy/manifests', () => {
  const standalone = rendered('standalone');
  const proxy = standalone.filter(({ metadata }) => metadata.name?.startsWith('connectors-proxy'));
  const crds = rendered('crds');
  const classes = rendered('classes');

  it('has each object once', () => {
    for (const objects of [proxy, standalone, crds, classes]) {
      const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name ?? ''}`);
      assert.equal(new Set(names).size, names.length);
    }
  });

  it('starts the proxy with flags that fit its ports, its probes and its namespace', () => {
    const own = container(proxy);
    assert.equal(own.args[0], 'proxy');
    const configuration = configurationOf(own);
    assert.equal(configuration.namespace, 'value-of-metadata.namespace');
    const ports = Object.fromEntries(own.ports.map(({ name, containerPort }) => [name, containerPort]));
    assert.deepEqual(ports, {
      proxy: configuration['proxy-address'].port,
      'proxy-tls': configuration['tls-address']?.port,
      http: configuration['http-address']?.port,
    });
    const probes = [own.startupProbe, own.livenessProbe, own.readinessProbe].map(({ httpGet }) => httpGet);
    assert.deepEqual(
      probes.map((probe) => probe.path),
      ['/healthz', '/healthz', '/readyz'],
    );
    for (const { port } of probes) assert.equal(port, 'http');
  });

  it('looks up names in half of its threads, and in some of those for nobody else', () => {
    const { threads, client, connector } = proxyLimits.lookups;
    assert.ok(client.inFlight + connector.inFlight < threads / 2);
  });

  it('gives the proxy more time to stop than it takes', () => {
    const { 'shutdown-delay': delayMs, 'drain-timeout': drainMs } = configurationOf(container(proxy));
    const graceMs = deployment(proxy).template.spec.terminationGracePeriodSeconds * 1000;
    assert.ok(graceMs >= delayMs + drainMs + 10_000, String(graceMs));
  });

  it('writes nowhere', () => {
    assert.equal(container(proxy).securityContext.readOnlyRootFilesystem, true);
  });

  it('selects its own pods, and not the driver’s', () => {
    const own = deployment(proxy);
    const selectors = [
      own.selector.matchLabels,
      (only(proxy, 'Service')['spec'] as { selector: Labels }).selector,
      (only(proxy, 'PodDisruptionBudget')['spec'] as { selector: Selector }).selector.matchLabels,
      (only(proxy, 'NetworkPolicy')['spec'] as { podSelector: Selector }).podSelector.matchLabels,
      ...own.template.spec.topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels),
    ];
    assert.equal(selectors.length, 6);
    const driver = only(standalone, 'DaemonSet')['spec'] as Deployment;
    for (const selector of selectors) {
      assertSelects(selector, own);
      assert.ok(Object.entries(selector).some(([label, value]) => driver.template.metadata.labels[label] !== value));
    }
    only(proxy, 'ServiceAccount', own.template.spec.serviceAccountName);
  });

  it('lets pods in at the port that the Service leads to, and scraping at the other', () => {
    const { ports: served } = only(proxy, 'Service')['spec'] as {
      ports: readonly { port: number; targetPort: string | number }[];
    };
    assert.deepEqual(
      served.map(({ port, targetPort }) => [port, targetPort]),
      [
        [80, 'proxy'],
        [443, 'proxy-tls'],
      ],
    );
    const { ingress } = only(proxy, 'NetworkPolicy')['spec'] as {
      ingress: readonly { from: readonly unknown[]; ports: readonly { port: string | number }[] }[];
    };
    assert.deepEqual(
      ingress.map(({ ports }) => ports.map((one) => one.port)),
      [served.map(({ targetPort }) => targetPort), ['http']],
    );
    assert.deepEqual(ingress[0]!.from, [{ namespaceSelector: {} }]);
  });

  it('is the Service that the classes name', () => {
    const { metadata } = only(proxy, 'Service');
    const named = classes.flatMap((one) => (one['spec'] as { proxy?: { ref: unknown } }).proxy?.ref ?? []);
    assert.ok(named.length >= 10);
    for (const ref of named) {
      assert.deepEqual(ref, { kind: 'Service', namespace: metadata.namespace, name: metadata.name });
    }
  });

  it('gives the proxy the rights that it is tested with, and credentials nowhere', () => {
    const byResources = (one: readonly PolicyRule[], other: readonly PolicyRule[]): number =>
      JSON.stringify(one.map(({ resources }) => resources)) < JSON.stringify(other.map(({ resources }) => resources))
        ? -1
        : 1;
    const given = proxy.filter(({ kind }) => kind.endsWith('Role')).map(({ rules }) => rules as PolicyRule[]);
    const tested = bindingsFor('proxy').map(({ rules }) => rules);
    assert.deepEqual(given.sort(byResources), tested.sort(byResources));

    const bindings = proxy.filter(({ kind }) => kind.endsWith('RoleBinding'));
    assert.deepEqual(
      bindings.map((binding) => (binding['roleRef'] as { name: string }).name),
      ['connectors-proxy', 'connectors-proxy'],
    );
    const account = only(proxy, 'ServiceAccount').metadata;
    for (const [subject, ...more] of bindings.map(subjectsOf)) {
      assert.deepEqual([subject!.namespace, subject!.name, more.length], [account.namespace, account.name, 0]);
    }
    const clusterWide = only(proxy, 'ClusterRole', 'connectors-proxy');
    assert.doesNotMatch(JSON.stringify(clusterWide['rules']), /secrets|\*/);
  });

  it('gives people parts of Kubernetes’ own roles, and with none of them the status or the use by looking', () => {
    const aggregated = crds.filter(({ metadata }) =>
      Object.keys(metadata.labels ?? {}).some((label) => label.startsWith('rbac.authorization.k8s.io/aggregate-to-')),
    );
    assert.deepEqual(aggregated.map(({ metadata }) => metadata.name).sort(), [
      'connectors-editor',
      'connectors-viewer',
    ]);
    for (const role of aggregated) assert.doesNotMatch(JSON.stringify(role['rules']), /\/|"\*"/);
    const viewer = only(aggregated, 'ClusterRole', 'connectors-viewer')['rules'] as readonly PolicyRule[];
    const onConnectors = viewer.filter(({ resources }) => resources?.includes('connectors'));
    assert.deepEqual(
      onConnectors.map(({ verbs }) => verbs),
      [['list', 'watch']],
    );
  });

  it('lets the proxy hold the Lease of its flags and no other', () => {
    const { rules } = only(proxy, 'Role', 'connectors-proxy');
    const named = (rules as readonly PolicyRule[]).filter(
      ({ resources, verbs }) => resources?.includes('leases') && !verbs.includes('create'),
    );
    assert.deepEqual(
      named.map(({ resourceNames }) => resourceNames),
      [[configurationOf(container(proxy)).service]],
    );
    assert.equal(only(proxy, 'Service').metadata.name, configurationOf(container(proxy)).service);
  });
});

describe('the proxy of the chart', () => {
  before(needsHelm);
  const render = async (values: Values): Promise<readonly Manifest[]> => {
    const ownNames = { crds: { enabled: false }, classes: { enabled: false } };
    const objects = await renderChart(
      { ...ownNames, ...values, proxy: { enabled: true, ...(values['proxy'] as object | undefined) } },
      { namespace: 'elsewhere' },
    );
    assertConsistent(objects);
    return objects;
  };

  it('is scraped where the Prometheus operator is', async () => {
    const objects = await render({ monitoring: { podMonitors: true, prometheusNamespace: 'prometheus' } });
    const { selector, podMetricsEndpoints } = only(objects, 'PodMonitor', 'connectors-proxy')['spec'] as {
      selector: Selector;
      podMetricsEndpoints: readonly { port: string }[];
    };
    assertSelects(selector.matchLabels, deployment(objects));
    const ports = container(objects).ports.map(({ name }) => name);
    assert.ok(podMetricsEndpoints.every(({ port }) => ports.includes(port)));
    const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
    assert.deepEqual(
      policies.map((policy) => JSON.stringify(policy['spec']).includes('"prometheus"')),
      [true, true],
    );
  });

  it('can read Secrets of the namespaces that are chosen, or of all of them', async () => {
    for (const [namespaces, kind, expected] of [
      [[], 'RoleBinding', []],
      [['ci', 'team-a'], 'RoleBinding', ['ci', 'team-a']],
      [['*'], 'ClusterRoleBinding', [undefined]],
    ] as const) {
      const objects = await render({ proxy: { credentialNamespaces: namespaces } });
      const bindings = objects.filter(
        (object) => (object['roleRef'] as { name?: string } | undefined)?.name === 'connectors-proxy-credentials',
      );
      assert.deepEqual(
        bindings.map(({ metadata }) => metadata.namespace),
        expected,
      );
      for (const binding of bindings) {
        assert.equal(binding.kind, kind);
        const [subject] = subjectsOf(binding);
        assert.deepEqual([subject?.namespace, subject?.name], ['elsewhere', 'connectors-proxy']);
      }
    }
  });

  it('reaches tools through the proxy of a company, with the files of its Secrets', async () => {
    const url = 'https://proxy.example.com:3128';
    const noProxy = ['*.intra.example.com', '[fd00::1]:443'];
    const egress = { url, noProxy, credentialsSecret: 'egress-login', caSecret: 'egress-ca' };
    const objects = await render({ proxy: { egress } });
    const own = container(objects);
    const config = configurationOf(own);
    assert.deepEqual(config['egress-proxy'], { scheme: 'https', host: 'proxy.example.com', port: 3128 });
    const direct = ['a.intra.example.com', 'fd00::1', 'intra.example.com'];
    assert.deepEqual(
      direct.map((host) => config['no-egress-proxy']?.(host, 443)),
      [true, true, false],
    );
    const [mount, ...others] = own.volumeMounts ?? [];
    const [volume] = deployment(objects).template.spec.volumes ?? [];
    assert.deepEqual(others, []);
    assert.equal(mount?.mountPath, config['egress-proxy-files']);
    assert.equal(mount?.name, volume?.name);
    assert.deepEqual(
      volume?.projected.sources.map(({ secret }) => [secret.name, ...secret.items.map(({ path }) => path)]),
      [
        ['egress-login', 'username', 'password'],
        ['egress-ca', 'ca.crt'],
      ],
    );
    assert.equal(deployment(await render({ proxy: { egress: { url } } })).template.spec.volumes, undefined);
  });

  it('can create tokens of the service accounts that are chosen, or of all in a namespace', async () => {
    const objects = await render({
      proxy: { identities: [{ namespace: 'ci', serviceAccounts: ['registry', 'vault'] }, { namespace: 'tools' }] },
    });
    const bindings = objects.filter(
      ({ kind, metadata }) => kind === 'RoleBinding' && metadata.name === 'connectors-proxy-identities',
    );
    assert.deepEqual(
      bindings.map((binding) => [binding.metadata.namespace, (binding['roleRef'] as { kind: string }).kind]),
      [
        ['ci', 'Role'],
        ['tools', 'ClusterRole'],
      ],
    );
    for (const binding of bindings) assert.equal(subjectsOf(binding)[0]?.name, 'connectors-proxy');
    const rule = { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] };
    const [role] = objects.filter(
      ({ kind, metadata }) => kind === 'Role' && metadata.name === 'connectors-proxy-service-accounts',
    );
    assert.deepEqual(role?.['rules'], [{ ...rule, resourceNames: ['registry', 'vault'] }]);
    assert.deepEqual(only(objects, 'ClusterRole', 'connectors-proxy-identities')['rules'], [rule]);
    only(objects, 'ValidatingAdmissionPolicy', 'connectors-proxy-identities');
    const older = await renderChart({ proxy: { enabled: true } }, { kubeVersion: '1.29' });
    assert.ok(!older.some(({ kind }) => kind === 'ValidatingAdmissionPolicy'));
  });

  it('leaves the number of replicas to the autoscaler where there is one', async () => {
    assert.equal(deployment(await render({ proxy: { replicas: 3 } })).replicas, 3);
    const objects = await render({ proxy: { autoscaling: { enabled: true, maxReplicas: 20 } } });
    assert.equal(deployment(objects).replicas, undefined);
    const { scaleTargetRef, ...range } = only(objects, 'HorizontalPodAutoscaler')['spec'] as {
      scaleTargetRef: { kind: string; name: string };
      minReplicas: number;
      maxReplicas: number;
    };
    only(objects, scaleTargetRef.kind, scaleTargetRef.name);
    assert.deepEqual([range.minReplicas, range.maxReplicas], [2, 20]);
  });

  it('has the image of the driver, with its credential, and flags of its own', async () => {
    const image = { repository: 'registry.example.com/connectors-csi', tag: '7', pullSecrets: [{ name: 'login' }] };
    const objects = await render({ image, proxy: { extraArgs: ['--log-level=debug'] } });
    const driver = only(objects, 'DaemonSet')['spec'] as Deployment;
    for (const own of [container(objects), driver.template.spec.containers[0]!]) {
      assert.equal(own.image, 'registry.example.com/connectors-csi:7');
    }
    for (const account of objects.filter(({ kind }) => kind === 'ServiceAccount')) {
      assert.deepEqual(account['imagePullSecrets'], [{ name: 'login' }]);
    }
    assert.equal(configurationOf(container(objects))['log-level'], 'debug');
    const digest = `sha256:${'0'.repeat(64)}`;
    assert.equal(container(await render({ image: { ...image, digest } })).image, `${image.repository}@${digest}`);
  });
});
