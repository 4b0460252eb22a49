import assert from 'node:assert/strict';
import { accessSync, constants, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { parseImagePullsConfig } from '../../../src/image-pulls/flags.ts';
import { caConfigMapName } from '../../../src/proxy/status/ca-config-map.ts';
import { allValues } from '../../support/deploy/all-values.ts';
import { commandOf } from '../../support/deploy/container-command.ts';
import type { ContainerStart } from '../../support/deploy/container-command.ts';
import { assertConsistent, driver } from '../../support/deploy/driver-objects.ts';
import { needsHelm, renderChart } from '../../support/deploy/helm.ts';
import { chartFolder, only, rendered } from '../../support/deploy/manifests.ts';
import type { Manifest } from '../../support/deploy/manifests.ts';

const folder = path.join(chartFolder, 'files', 'image-pulls');
const { tokenRequests } = only(rendered('driver'), 'CSIDriver')['spec'] as {
  readonly tokenRequests: readonly [{ readonly audience: string }];
};
const [{ audience }] = tokenRequests;

describe('image pulls of nodes that are prepared by hand', () => {
  let objects: readonly Manifest[];
  before(needsHelm);
  before(async () => {
    objects = await renderChart({ proxy: { enabled: true }, imagePulls: { enabled: true, installer: 'off' } });
  });

  it('lets kubelets request tokens of the audience of the proxy, and do nothing else', () => {
    const role = only(objects, 'ClusterRole', 'connectors-image-pulls');
    assert.deepEqual(role['rules'], [
      { apiGroups: [''], resources: [audience], verbs: ['request-serviceaccounts-token-audience'] },
    ]);
    const binding = only(objects, 'ClusterRoleBinding', 'connectors-image-pulls') as unknown as {
      readonly roleRef: { readonly kind: string; readonly name: string };
      readonly subjects: unknown;
    };
    assert.deepEqual([binding.roleRef.kind, binding.roleRef.name], ['ClusterRole', role.metadata.name]);
    assert.deepEqual(binding.subjects, [
      { kind: 'Group', name: 'system:nodes', apiGroup: 'rbac.authorization.k8s.io' },
    ]);
  });

  it('lets nodes connect to the port of the proxy with TLS', () => {
    const policy = only(objects, 'NetworkPolicy', 'connectors-image-pulls');
    const ofProxy = only(objects, 'NetworkPolicy', 'connectors-proxy');
    const { podSelector, ingress } = policy['spec'] as { readonly podSelector: unknown; readonly ingress: unknown };
    assert.equal(policy.metadata.namespace, ofProxy.metadata.namespace);
    assert.deepEqual(podSelector, (ofProxy['spec'] as { readonly podSelector: unknown }).podSelector);
    assert.deepEqual(ingress, [{ ports: [{ protocol: 'TCP', port: 'proxy-tls' }] }]);
  });

  it('configures the kubelet: tokens of the same audience for the script, for one registry name, never cached', () => {
    const config: unknown = parse(readFileSync(path.join(folder, 'credential-provider-config.yaml'), 'utf8'));
    assert.deepEqual(config, {
      apiVersion: 'kubelet.config.k8s.io/v1',
      kind: 'CredentialProviderConfig',
      providers: [
        {
          name: 'connectors-credential-provider',
          apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
          matchImages: ['connectors.local'],
          args: ['connectors.local'],
          defaultCacheDuration: '0s',
          tokenAttributes: { serviceAccountTokenAudience: audience, cacheType: 'Token', requireServiceAccount: true },
        },
      ],
    });
    accessSync(path.join(folder, 'connectors-credential-provider'), constants.X_OK);
  });
});

interface Pod {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly tolerations: unknown;
  readonly containers: readonly [
    ContainerStart & {
      readonly image: string;
      readonly securityContext: unknown;
      readonly resources: { readonly limits: unknown };
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: true }[];
    },
  ];
  readonly volumes: readonly {
    readonly name: string;
    readonly hostPath?: { readonly path: string };
    readonly configMap?: { readonly name: string };
  }[];
}

describe('image pulls of nodes that the chart prepares', () => {
  let objects: readonly Manifest[];
  let pod: Pod;
  before(needsHelm);
  before(async () => {
    const values = { proxy: { enabled: true }, crds: { enabled: false }, classes: { enabled: false } };
    objects = await renderChart({ ...values, imagePulls: { enabled: true } }, { namespace: 'elsewhere' });
    const { template } = only(objects, 'DaemonSet', 'connectors-image-pulls')['spec'] as {
      readonly template: { readonly spec: Pod };
    };
    pod = template.spec;
  });

  it('have consistent objects, with the image of the driver', () => {
    assertConsistent(objects);
    assert.equal(pod.containers[0].image, driver(objects).image);
  });

  it('have the name, the directories and the verb that are chosen', async () => {
    const all = await renderChart(allValues, { kubeVersion: '1.37' });
    const { template } = only(all, 'DaemonSet', 'connectors-image-pulls')['spec'] as {
      readonly template: { readonly spec: Pod };
    };
    const { registry, directories } = allValues.imagePulls;
    const { args } = template.spec.containers[0];
    assert.deepEqual(args, ['image-pulls', 'uninstall', `--registry=${registry}`, '--interval=1m']);
    assert.deepEqual(
      template.spec.volumes.flatMap(({ hostPath }) => hostPath?.path ?? []),
      Object.values(directories),
    );
    const text = JSON.stringify(all);
    assert.ok(text.includes(`"--tls-names=${registry}"`) && text.includes(`"'${registry}'"`));
    assert.doesNotMatch(text, /connectors\.local/);
  });

  it('gives the pods no permission, no token and no capability', () => {
    assert.equal(pod.automountServiceAccountToken, false);
    const account = only(objects, 'ServiceAccount', pod.serviceAccountName);
    assert.equal(account['automountServiceAccountToken'], false);
    const subjects = objects.flatMap((object) => (object['subjects'] ?? []) as readonly { readonly name: string }[]);
    assert.ok(subjects.length > 0);
    assert.ok(subjects.every(({ name }) => name !== pod.serviceAccountName));
    assert.deepEqual(pod.containers[0].securityContext, {
      ...{ runAsUser: 0, runAsGroup: 0, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
      ...{ capabilities: { drop: ['ALL'] }, seLinuxOptions: { type: 'spc_t' } },
    });
    assert.deepEqual([pod.hostNetwork, pod.hostPID], [undefined, undefined]);
    assert.deepEqual(pod.tolerations, [{ operator: 'Exists' }]);
    assert.deepEqual(pod.containers[0].resources.limits, { memory: '128Mi' });
  });

  it('mounts the directories of the flags from the same paths of the node, and the CA that the proxy publishes', () => {
    const [container] = pod.containers;
    const { args, env } = commandOf(container, { POD_NAMESPACE: 'elsewhere' });
    assert.deepEqual(args, ['image-pulls', 'install']);
    const config = parseImagePullsConfig(args.slice(2), env);
    assert.equal(config['proxy-host'], 'connectors-proxy-service.elsewhere.svc');
    const volumeAt = (mountPath: string): Pod['volumes'][number] | undefined => {
      const mount = container.volumeMounts.find((each) => each.mountPath === mountPath);
      return pod.volumes.find(({ name }) => name === mount?.name);
    };
    for (const directory of [config['provider-dir'], config['containerd-dir'], config['crio-dir']]) {
      assert.equal(volumeAt(directory ?? '')?.hostPath?.path, directory?.replace(/^\/host/, ''));
    }
    assert.equal(container.volumeMounts.length, 4);
    assert.equal(volumeAt(path.dirname(config['ca-file']))?.configMap?.name, caConfigMapName);
  });

  it('lets the proxy publish the CA, and nothing else in ConfigMaps', () => {
    const role = only(objects, 'Role', 'connectors-proxy-ca');
    assert.deepEqual(role['rules'], [
      { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
      { apiGroups: [''], resources: ['configmaps'], resourceNames: [caConfigMapName], verbs: ['get', 'patch'] },
    ]);
    const { template } = only(objects, 'Deployment', 'connectors-proxy')['spec'] as {
      readonly template: { readonly spec: { readonly containers: readonly [{ readonly args: readonly string[] }] } };
    };
    const { args } = template.spec.containers[0];
    assert.ok(
      args.includes('--publish-ca-config-map') && args.includes('--tls-names=connectors.local'),
      args.join(' '),
    );
  });
});
