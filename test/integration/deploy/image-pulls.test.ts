import assert from 'node:assert/strict';
import { accessSync, constants, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { buildFolder, deployFolder, only, readManifests } from '../../support/deploy/manifests.js';
import type { Manifest } from '../../support/deploy/manifests.js';
import { objectProblems } from '../../support/deploy/object-problems.js';
import { needs } from '../../support/e2e/rendered-classes.js';

const folder = path.join(deployFolder, 'image-pulls');
const [csiDriver] = readManifests(path.join(deployFolder, 'base', 'csi-driver.yaml'));
const { tokenRequests } = csiDriver?.['spec'] as { readonly tokenRequests: readonly [{ readonly audience: string }] };
const [{ audience }] = tokenRequests;

describe('deploy/image-pulls', () => {
  let objects: readonly Manifest[];
  before(needs('kubectl'));
  before(async () => {
    objects = await buildFolder(folder);
  });

  it('is objects that an API server takes', () => {
    assert.deepEqual(objects.flatMap(objectProblems), []);
    assert.equal(objects.length, 3);
  });

  it('lets kubelets request tokens of the audience of the proxy, and do nothing else', () => {
    const role = only(objects, 'ClusterRole');
    assert.deepEqual(role['rules'], [
      { apiGroups: [''], resources: [audience], verbs: ['request-serviceaccounts-token-audience'] },
    ]);
    const binding = only(objects, 'ClusterRoleBinding') as unknown as {
      readonly roleRef: { readonly kind: string; readonly name: string };
      readonly subjects: unknown;
    };
    assert.deepEqual([binding.roleRef.kind, binding.roleRef.name], ['ClusterRole', role.metadata.name]);
    assert.deepEqual(binding.subjects, [
      { kind: 'Group', name: 'system:nodes', apiGroup: 'rbac.authorization.k8s.io' },
    ]);
  });

  it('lets nodes connect to the port of the proxy with TLS', async () => {
    const policy = only(objects, 'NetworkPolicy');
    const ofProxy = only(await buildFolder(path.join(deployFolder, 'proxy')), 'NetworkPolicy');
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
