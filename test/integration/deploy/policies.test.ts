import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { acceptedBlocks, refusedBlocks } from '../../support/attributes/corpus.ts';
import { imageCorpus } from '../../support/deploy/image-corpus.ts';
import { applyAll, removeInstallation } from '../../support/deploy/installation.ts';
import { chartFile, crdsFolder, manifestFiles, readManifests, type Manifest } from '../../support/deploy/manifests.ts';
import type { ApiAnswer, ApiClient } from '../../support/kubernetes/api-client.ts';
import { sharedControlPlane } from '../../support/kubernetes/shared-control-plane.ts';
import { eventually } from '../../support/poll.ts';
import { annotated } from '../../support/rules/rule-sets.ts';
import { validRules } from '../../support/rules/rules-corpus.ts';

const names = ['admission', 'approval', 'image-connector', 'proxy-identities', 'token-minting', 'volume-limit'];
const objects = [
  ...manifestFiles(crdsFolder).flatMap(readManifests),
  ...names.flatMap((name) => chartFile(`policies/${name}`)),
];
const policies = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
const [namespace, driver, node] = ['ci', 'driver', 'node-1'];
const driverUser = `system:serviceaccount:${namespace}:${driver}`;
const nodeClaim = 'authentication.kubernetes.io/node-name';
const extra = { [nodeClaim]: node };
const driverRoles = ['connectors-csi-token-minting', 'connectors-csi-approval'];
const api = 'connectors.alauda.io/v1alpha1';

interface Status {
  readonly observedGeneration?: number;
  readonly typeChecking?: { readonly expressionWarnings?: readonly unknown[] };
}

describe('the admission policies in an API server', () => {
  const plane = sharedControlPlane();
  /** Of the pod `build`. */
  let uid: string;
  let asDriver: ApiClient;

  /** Refused or warned: the messages of policies, without the names of these. */
  function told({ code, text, warnings }: ApiAnswer): readonly string[] {
    const denial = code === 422 ? [(JSON.parse(text) as { readonly message: string }).message] : [];
    assert.ok(code < 300 || code === 422, text);
    return [...denial, ...warnings].map((message) =>
      message.replace(/^.*Validation failed for .* with binding '.*?': |^.* denied request: /, ''),
    );
  }

  function podOf(volumes: readonly object[], metadata: object = {}): Manifest {
    return {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name: 'tried', ...metadata } },
      spec: { containers: [{ name: 'app', image: 'registry.example.com/app:1' }], volumes },
    };
  }
  const volumeOf = (volumeAttributes: object, name = 'connectors'): object => ({
    name,
    csi: { driver: 'connectors-csi', readOnly: true, volumeAttributes },
  });
  const tryCreate = async (object: Manifest, client = plane().admin): Promise<readonly string[]> =>
    told(await client.create(object, 'dryRun=All'));

  before(async function () {
    const { admin } = plane();
    await admin.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
    await applyAll(plane(), objects);
    // The roles of the chart, for an account with another name.
    await bind(admin, driverUser, driverRoles);
    const pod = podOf([], { name: 'build' });
    await eventually('pods can be created', async () => (await admin.create(pod)).code === 201);
    const created = await admin.find(pod);
    assert.ok(created);
    ({ uid } = created.metadata as { readonly uid: string });
    asDriver = admin.as({ user: driverUser, groups: ['system:authenticated'], extra });
    const wrong = podOf([volumeOf({ connectors: 'a,,b' })]);
    await eventually('the policies are in force', async () => (await tryCreate(wrong)).length > 0);
    const many = podOf(Array.from({ length: 17 }, (_, at) => volumeOf({ connectors: 'a' }, `v${at}`)));
    await eventually('the limit is in force', async () => (await admin.create(many, 'dryRun=All')).code === 422);
  });
  after(() => removeInstallation(plane()));

  it('have expressions of the right types', async () => {
    assert.ok(policies.length >= 6);
    for (const policy of policies) {
      let status: Status = {};
      await eventually(`${policy.metadata.name} is checked`, async () => {
        const found = await plane().admin.find(policy);
        assert.ok(found);
        status = found['status'] ?? {};
        return status.observedGeneration === (found.metadata as { readonly generation?: number }).generation;
      });
      assert.deepEqual(status.typeChecking?.expressionWarnings ?? [], [], policy.metadata.name);
    }
  });

  it('warn of volumes of pods as the driver rejects them', async () => {
    for (const { what, block } of acceptedBlocks) assert.deepEqual(await tryCreate(podOf([volumeOf(block)])), [], what);
    for (const { what, block, needsCluster = false } of refusedBlocks) {
      assert.equal((await tryCreate(podOf([volumeOf(block)]))).length > 0, !needsCluster, what);
    }
  });

  it('deny pods with more volumes than the driver mounts', async () => {
    const volumes = (count: number): readonly object[] =>
      Array.from({ length: count }, (_, at) => volumeOf({ connectors: 'oci' }, `v${at}`));
    assert.deepEqual(await tryCreate(podOf(volumes(16))), []);
    const [first] = await tryCreate(podOf(volumes(17)));
    assert.equal(
      first,
      '17 volumes of connectors-csi, more than the 16 that a pod can have: name several connectors in one volume',
    );
  });

  it('deny a volume with over 16 attributes, of the driver alone', async () => {
    const attributes = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`a${at}`, '']));
    const other = { name: 'other', csi: { driver: 'other.example', volumeAttributes: attributes(2_000) } };
    const tryIt = (volume: object): Promise<ApiAnswer> => plane().admin.create(podOf([volume]), 'dryRun=All');
    assert.equal((await tryIt(volumeOf(attributes(16)))).code, 201);
    assert.equal((await tryIt(other)).code, 201);
    const { code, text } = await tryIt(volumeOf(attributes(17)));
    assert.equal(code, 422);
    assert.match(text, /over 16 volumeAttributes: the driver reads 6/);
  });

  it('warn of rules that the proxy cannot use, and of generators that it does not run', async () => {
    const connector = (rules: string): Manifest => ({
      ...{ apiVersion: api, kind: 'Connector', metadata: { namespace, name: 'tried', ...annotated({ rules }) } },
      spec: { connectorClassName: 'any', address: 'https://tool.example' },
    });
    for (const rules of validRules) assert.deepEqual(await tryCreate(connector(rules)), [], rules);
    assert.match(
      (await tryCreate(connector('- forbid: {paths: [/a]}'))).join(),
      /line "- forbid: .*: write allow or deny/,
    );
    const connectorClass = (generator: object): Manifest => ({
      ...{ apiVersion: api, kind: 'ConnectorClass', metadata: { name: 'tried' } },
      spec: { auth: { types: [{ name: 'own', secretType: 'Opaque', generator }] } },
    });
    assert.deepEqual(await tryCreate(connectorClass({ cel: '{"headers": {"X": secret.key}}' })), []);
    assert.match(
      (await tryCreate(connectorClass({ rego: 'package proxy' }))).join(),
      /^auth type "own": generator\.rego is not run/,
    );
  });

  describe('the one for minted tokens', () => {
    const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`;
    const pods = { apiVersion: 'v1', kind: 'Pod', name: 'build' };
    const fitting = { audiences: ['connectors-proxy'], expirationSeconds: 3600 };
    /** @param change of the specification, without the fields that it sets to undefined. */
    const mint = async (change: object, client = asDriver): Promise<readonly string[]> => {
      const spec = { ...fitting, boundObjectRef: { ...pods, uid }, ...change };
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
      return told(await requestToken(client, account, body));
    };

    it('lets the driver have what it needs, for a day at most', async () => {
      assert.deepEqual(await mint({}), []);
      assert.deepEqual(await mint({ expirationSeconds: 86_400 }), []);
    });

    for (const [what, change, message] of [
      ['the API server’s audience', { audiences: ['https://kubernetes.default.svc'] }, /audience only/],
      ['the API server’s next to the proxy’s', { audiences: ['connectors-proxy', 'vault'] }, /audience only/],
      ['no audience, which is the API server’s', { audiences: [] }, /audience only/],
      ['no audience at all', { audiences: undefined }, /audience only/],
      ['no pod', { boundObjectRef: undefined }, /bound to a pod/],
      ['a Secret in place of the pod', { boundObjectRef: { ...pods, kind: 'Secret', uid: 'x' } }, /bound to a pod/],
      ['a node in place of the pod', { boundObjectRef: { ...pods, kind: 'Node', uid: 'x' } }, /bound to a pod/],
      ['any pod of the name', { boundObjectRef: { ...pods, uid: '' } }, /bound to a pod/],
      ['a pod without name', { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', uid: 'x' } }, /bound to a pod/],
      ['a second more than a day', { expirationSeconds: 86_401 }, /at most 24 hours/],
      ['the longest lifetime', { expirationSeconds: 4_294_967_295 }, /at most 24 hours/],
    ] as const) {
      it(`denies ${what}`, async () => assert.match((await mint(change)).join('\n'), message));
    }

    it('is about the service accounts that have the role, whatever their names are, and about no other', async () => {
      const { admin } = plane();
      const change = { audiences: ['vault'], boundObjectRef: undefined };
      const minting = { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] };
      await admin.apply([{ ...clusterRole('policies-vault'), rules: [minting] }]);
      for (const [name, roles, isJudged] of [
        ['driver', [], true],
        ['node-agent', [...driverRoles, 'policies-vault'], true],
        ['vault', ['policies-vault'], false],
        // Who has all permissions is not the driver, with or without its role.
        ['argocd', ['cluster-admin', ...driverRoles], false],
      ] as const) {
        const user = `system:serviceaccount:${namespace}:${name}`;
        await bind(admin, user, roles);
        const client = admin.as({ user, groups: ['system:authenticated'] });
        assert.equal((await mint(change, client)).length > 0, isJudged, name);
      }
    });
  });

  describe('the one for tokens of the proxy', () => {
    const proxyUser = `system:serviceaccount:${namespace}:proxy`;
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`;
    const identify = { apiGroups: ['connectors.alauda.io'], resources: ['proxies'], verbs: ['identify'] };
    const minting = { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] };
    const ask = async (audiences: readonly string[], expirationSeconds = 3600, user = proxyUser): Promise<string> => {
      const body = {
        ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
        spec: { audiences, expirationSeconds },
      };
      const client = plane().admin.as({ user, groups: ['system:authenticated'] });
      return told(await requestToken(client, path, body)).join();
    };

    before(async () => {
      const { admin } = plane();
      await admin.apply([
        { ...clusterRole('policies-identify'), rules: [identify] },
        { ...clusterRole('policies-minting'), rules: [minting] },
      ]);
      await bind(admin, proxyUser, ['policies-identify', 'policies-minting']);
      await bind(admin, `system:serviceaccount:${namespace}:other`, ['policies-minting']);
      const argo = ['cluster-admin', 'policies-identify'];
      await bind(admin, `system:serviceaccount:${namespace}:argo`, argo);
    });

    for (const audience of [
      ...[
        'sts.amazonaws.com',
        'api://AzureADTokenExchange',
        'https://vault.example',
        'vault',
        'apis',
        'kubernetes.example',
      ],
      'https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q',
    ]) {
      it(`admits ${audience}, for at most an hour`, async () => {
        assert.equal(await ask([audience]), '');
        assert.match(await ask([audience], 3601), /at most an hour/);
      });
    }

    for (const audiences of [
      ...[[], ['connectors-proxy'], ['vault', 'connectors-proxy'], ['kubernetes'], ['api']],
      ...[['https://kubernetes.default.svc'], ['https://kubernetes.default.svc.cluster.local']],
      ...[['kubernetes.default.svc.example.org'], ['vault', 'https://kubernetes.default.svc/']],
      ['https://oidc.eks.eu-west-1.amazonaws.com/id/0A1B'],
      ['https://container.googleapis.com/v1/projects/p/locations/l/clusters/c'],
      ['https://westeurope.oic.prod-aks.azure.com/tenant/cluster/'],
      ['https://c-dns-1a2b.hcp.westeurope.azmk8s.io'],
    ]) {
      it(`denies the audiences ${audiences.join() || 'that are not there'}`, async () => {
        assert.match(await ask(audiences), /only for audiences other than the API server's and its own/);
      });
    }

    it('is about the service accounts that have the role, and about no other', async () => {
      for (const name of ['other', 'argo']) {
        assert.equal(await ask([], 7200, `system:serviceaccount:${namespace}:${name}`), '', name);
      }
    });
  });

  describe('the one for AccessRequests', () => {
    const key = 'connectors.alauda.io/requested-by-node';
    const subject = { kind: 'ServiceAccount', name: 'builder', namespace };
    const objectRef = { apiVersion: 'v1', kind: 'Pod', name: 'build', namespace, uid: '0f5d' };
    const request = (annotations: Record<string, string>, change: object = {}): Manifest => ({
      ...{
        apiVersion: api,
        kind: 'AccessRequest',
        metadata: { namespace, name: 'tried', annotations } as Manifest['metadata'],
      },
      spec: { subject, connectorRef: { name: 'harbor' }, context: { objectRef }, ...change },
    });

    it('lets a driver ask that says truly where it is, and others what they like', async () => {
      assert.deepEqual(await tryCreate(request({ [key]: node }), asDriver), []);
      assert.deepEqual(await tryCreate(request({})), []);
    });

    for (const [what, annotations, claims] of [
      ['another node', { [key]: 'node-2' }, extra],
      ['no node', {}, extra],
      ['a token that is not bound to a pod', { [key]: node }, {}],
      ['a token of another node', { [key]: node }, { [nodeClaim]: 'node-2' }],
    ] as const) {
      it(`denies a request with ${what}`, async () => {
        const client = plane().admin.as({ user: driverUser, groups: ['system:authenticated'], extra: claims });
        assert.match((await tryCreate(request(annotations), client)).join(), /of its own node$/);
      });
    }

    for (const [what, change] of [
      ['an account of another namespace', { subject: { ...subject, namespace: 'prod' } }],
      ['a pod without uid', { context: { objectRef: { ...objectRef, uid: '' } } }],
    ] as const) {
      it(`denies a request for ${what}`, async () => {
        const told = await tryCreate(request({ [key]: node }, change), asDriver);
        assert.match(told.join(), /service account of its namespace$/);
      });
    }
  });

  it('rewrite the images of new pods to those of the Connector that they name', async () => {
    const { admin } = plane();
    const prefix = `connectors.local/namespaces/${namespace}/connectors/registry/`;
    const connector = (address: string): Manifest => ({
      ...{ apiVersion: api, kind: 'Connector', metadata: { namespace, name: 'registry' } },
      spec: { connectorClassName: 'oci', address },
    });
    const imagesOf = async (images: readonly string[]): Promise<readonly string[]> => {
      const metadata = { namespace, name: 'tried', ...annotated({ 'image-connector': 'registry' }) };
      const spec = { containers: images.map((image, at) => ({ name: `c${at}`, image })) };
      const { code, text } = await admin.create({ apiVersion: 'v1', kind: 'Pod', metadata, spec }, 'dryRun=All');
      assert.equal(code, 201, text);
      return (JSON.parse(text) as { readonly spec: typeof spec }).spec.containers.map(({ image }) => image);
    };
    for (const [address, images] of Object.entries(imageCorpus)) {
      await admin.apply([connector(address)]);
      const expected = Object.entries(images).map(([image, rest]) => (rest === undefined ? image : `${prefix}${rest}`));
      let found: readonly string[] = [];
      // The policy reads Connectors from a watch.
      await eventually(
        () => `images of ${address}: ${found.join()}`,
        async () => {
          found = await imagesOf(Object.keys(images));
          return isDeepStrictEqual(found, expected);
        },
      );
    }
    await admin.remove(connector(''));
  });
});

function clusterRole(name: string): Manifest {
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name } };
}

/** Requests a token, once the API server has read the roles of the client: it reads them some time after they are written. */
async function requestToken(client: ApiClient, path: string, body: object): Promise<ApiAnswer> {
  let answer: ApiAnswer | undefined;
  await eventually('the client may create tokens', async () => {
    answer = await client.request({ method: 'POST', path, body });
    return !answer.text.includes('cannot create resource');
  });
  assert.ok(answer !== undefined);
  return answer;
}

async function bind(admin: ApiClient, user: string, roles: readonly string[]): Promise<void> {
  for (const role of roles) {
    const name = `${user.split(':').at(-1) ?? ''}-${role}`;
    await admin.apply([
      {
        ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name } },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
      },
    ]);
  }
}
