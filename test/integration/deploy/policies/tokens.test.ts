import assert from 'node:assert/strict';
import { api, namespace, podOf, told, usePolicies } from '../../../support/deploy/installed-policies.ts';
import type { Manifest } from '../../../support/deploy/manifests.ts';
import type { ApiAnswer, ApiClient } from '../../../support/kubernetes/api-client.ts';
import { eventually } from '../../../support/poll.ts';

const [driver, node] = ['driver', 'node-1'];
const driverUser = `system:serviceaccount:${namespace}:${driver}`;
const nodeClaim = 'authentication.kubernetes.io/node-name';
const extra = { [nodeClaim]: node };
const driverRoles = ['connectors-csi-token-minting', 'connectors-csi-approval'];

describe('the policies of tokens and AccessRequests', () => {
  const policies = usePolicies(['approval', 'proxy-identities', 'token-minting']);
  const plane = (): typeof policies.plane => policies.plane;
  /** Of the pod `build`. */
  let uid: string;
  let asDriver: ApiClient;
  const tryCreate = async (object: Manifest, client = plane().admin): Promise<readonly string[]> =>
    told(await client.create(object, 'dryRun=All'));

  before(async () => {
    const { admin } = plane();
    // The roles of the chart, for an account with another name.
    await bind(admin, driverUser, driverRoles);
    const { code, text } = await admin.create(podOf([], { name: 'build' }));
    assert.equal(code, 201, text);
    ({ uid } = (JSON.parse(text) as { readonly metadata: { readonly uid: string } }).metadata);
    asDriver = admin.as({ user: driverUser, groups: ['system:authenticated'], extra });
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

    before(() => eventually('it is in force', async () => (await mint({ boundObjectRef: undefined })).length > 0));

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
      await eventually('it is in force', async () => (await ask([])) !== '');
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

    before(() => eventually('it is in force', async () => (await tryCreate(request({}), asDriver)).length > 0));

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
