import assert from 'node:assert/strict';
import { deduplicateFiles } from '../../../src/driver/host/deduplicate-files.ts';
import { memoryOf, tmpfsLimitsOf } from '../../../src/driver/host/footprint.ts';
import { driverLimits } from '../../../src/driver/limits.ts';
import {
  assertConsistent,
  baseGrants,
  configurationOf,
  daemonSet,
  driver,
  grants,
  rules,
} from '../../support/deploy/driver-objects.ts';
import { needsHelm, renderChart } from '../../support/deploy/helm.ts';
import { only, rendered, type Manifest } from '../../support/deploy/manifests.ts';

type Labels = Readonly<Record<string, string>>;

const actionsOf = ({ spec }: Manifest): readonly string[] =>
  (spec as { readonly validationActions: readonly string[] }).validationActions;

describe('the driver of deploy/manifests', () => {
  const objects = rendered('driver');

  it('is consistent, with the permissions of the driver and no others', () => {
    assertConsistent(objects);
    assert.deepEqual(grants(objects), baseGrants);
    assert.deepEqual(driver(objects).args, ['serve']);
    assert.equal(configurationOf(driver(objects))['allow-token-minting'], false);
  });

  it('asks the kubelet for all that the driver relies on', () => {
    const { metadata, spec } = only(objects, 'CSIDriver');
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

  it('runs privileged, on a read-only root', () => {
    const { securityContext } = driver(objects);
    assert.equal(securityContext['privileged'], true);
    assert.equal(securityContext['readOnlyRootFilesystem'], true);
  });

  it('gives the memory limit room for the process, and for a full node whose volumes hold as much as they may in ten files', () => {
    const own = driver(objects);
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

  it('starts with flags that fit the other objects', () => {
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

  it('lets only the scraper to the port of metrics, of the pods that the DaemonSet makes', () => {
    const policy = only(objects, 'NetworkPolicy')['spec'] as {
      readonly podSelector: { readonly matchLabels: Labels };
      readonly policyTypes: readonly string[];
      readonly ingress: readonly { readonly from: readonly object[]; readonly ports: readonly { port: string }[] }[];
    };
    const { labels } = daemonSet(objects).template.metadata;
    for (const [label, value] of Object.entries(policy.podSelector.matchLabels)) assert.equal(labels[label], value);
    const named = new Set(driver(objects).ports?.map(({ name }) => name));
    assert.deepEqual(policy.policyTypes, ['Ingress']);
    assert.equal(policy.ingress.length, 1);
    assert.equal(policy.ingress[0]!.from.length, 1);
    for (const { port } of policy.ingress[0]!.ports) assert.ok(named.has(port), port);
  });

  it('reports mistakes in volumes, rules and generators, and limits the volumes of a pod', () => {
    const bindings = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding');
    const denying = bindings.filter((binding) => actionsOf(binding).join() !== 'Warn');
    assert.deepEqual(
      denying.map((binding) => [binding.metadata.name, actionsOf(binding).join()]),
      [['connectors-csi-volume-limit', 'Deny']],
    );
    assert.equal(bindings.length, 4);
  });
});

/** Values with which the driver has more permissions. */
const options = {
  driver: { tokenMinting: true },
  approval: { enabled: true },
} as const;
/** All that concerns the driver. */
const everything = {
  ...options,
  admission: 'deny',
  openshift: true,
  flowSchema: true,
  monitoring: { podMonitors: true },
};

describe('the driver of the chart', () => {
  before(needsHelm);

  it('has the permissions and flags of each option, and no more', async () => {
    const identity = 'identify connectors.alauda.io/drivers';
    for (const [values, added, flags] of [
      [{ driver: { tokenMinting: true } }, ['create /serviceaccounts/token', identity], ['--allow-token-minting']],
      [{ approval: { enabled: true } }, ['create,list,watch connectors.alauda.io/accessrequests', identity], []],
      [{ openshift: true }, [], []],
      [{ driver: { extraArgs: ['--log-level=debug'] } }, [], ['--log-level=debug']],
    ] as const) {
      const objects = await renderChart(values);
      assertConsistent(objects);
      assert.deepEqual(grants(objects), [...baseGrants, ...added].sort(), JSON.stringify(values));
      assert.deepEqual(driver(objects).args, ['serve', ...flags]);
    }
    const { args } = driver(await renderChart(options));
    assert.deepEqual(args, ['serve', '--allow-token-minting']);
  });

  it('never has Secrets, wildcards or the use of a proxy, with all options', async () => {
    const objects = await renderChart(everything);
    assertConsistent(objects);
    for (const rule of rules(objects)) {
      for (const word of [...rule.apiGroups, ...rule.resources, ...rule.verbs]) assert.notEqual(word, '*');
      assert.ok(!rule.resources.some((resource) => resource.startsWith('secrets') || resource.includes('proxy')));
    }
  });

  it('has a level of its own at the API server', async () => {
    const objects = await renderChart({ flowSchema: true }, { namespace: 'elsewhere' });
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

  it('denies mistakes where that is chosen, but for those in generators of classes', async () => {
    const objects = await renderChart({ ...options, admission: 'deny' });
    const bindings = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding');
    const warning = bindings.filter((binding) => actionsOf(binding).join() === 'Warn');
    assert.deepEqual(
      warning.map(({ metadata }) => metadata.name),
      ['connectors-csi-generators'],
    );
    assert.equal(bindings.length, 6);
    const without = await renderChart({ admission: 'off', volumeLimit: 0 });
    assert.deepEqual(
      without.filter(({ kind }) => kind.startsWith('ValidatingAdmissionPolicy')),
      [],
    );
  });

  for (const namespace of ['connectors-system', 'elsewhere']) {
    it(`is confined by the policies of its permissions, in namespace ${namespace}`, async () => {
      const objects = await renderChart(options, { namespace });
      for (const option of ['token-minting', 'approval']) {
        const ofOption = objects.filter(({ metadata }) => metadata.name === `connectors-csi-${option}`);
        const [subject] = only(ofOption, 'ClusterRoleBinding')['subjects'] as [
          { readonly namespace: string; readonly name: string },
        ];
        const account = only(objects, 'ServiceAccount').metadata;
        assert.deepEqual([subject.namespace, subject.name], [namespace, account.name]);
        const policy = only(ofOption, 'ValidatingAdmissionPolicy');
        const binding = only(ofOption, 'ValidatingAdmissionPolicyBinding');
        assert.equal((binding['spec'] as { policyName: string }).policyName, policy.metadata.name);
      }
    });
  }

  it('has one limit of volumes in all policies', async () => {
    const objects = await renderChart({ ...everything, volumeLimit: 32 });
    const limited = objects.flatMap(({ kind, spec }) => {
      const { variables = [] } = (kind === 'ValidatingAdmissionPolicy' ? spec : {}) as {
        readonly variables?: readonly { readonly name: string; readonly expression: string }[];
      };
      return variables.flatMap(({ name, expression }) => (name === 'maxVolumes' ? [expression] : []));
    });
    assert.deepEqual(limited, Array(2).fill('32'));
    assert.match(JSON.stringify(objects), /\['connectors-proxy'\]/);
  });

  it('has one kubelet directory', async () => {
    const objects = await renderChart({ ...options, driver: { kubeletDir: '/var/lib/k0s/kubelet' } });
    assertConsistent(objects);
    assert.doesNotMatch(JSON.stringify(objects), /\/var\/lib\/kubelet/);
    const { containers, volumes } = daemonSet(objects).template.spec;
    assert.equal(volumes[0]!.hostPath.path, '/var/lib/k0s/kubelet');
    assert.equal(containers[0]!.volumeMounts[0]!.mountPath, '/var/lib/k0s/kubelet');
    assert.equal(configurationOf(containers[0]!)['registration-dir'], '/var/lib/k0s/kubelet/plugins_registry');
  });

  it('can be privileged on OpenShift, in its own namespace only', async () => {
    const objects = await renderChart({ openshift: true });
    const binding = objects.filter(({ kind, metadata }) => kind === 'RoleBinding' && metadata.name?.endsWith('-scc'));
    assert.deepEqual(
      binding.map(({ metadata, roleRef }) => [metadata.namespace, (roleRef as { name: string }).name]),
      [['connectors-system', 'system:openshift:scc:privileged']],
    );
  });

  it('has a label on all its objects', async () => {
    const objects = await renderChart(everything);
    const others = objects.filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] !== 'connectors-csi');
    assert.deepEqual(others, []);
  });

  it('follows the namespace of the release', async () => {
    const objects = await renderChart(everything, { namespace: 'elsewhere' });
    assertConsistent(objects);
    assert.doesNotMatch(JSON.stringify(objects), /connectors-system/);
    assert.ok(objects.filter(({ metadata }) => metadata.namespace === 'elsewhere').length >= 7);
  });
});
