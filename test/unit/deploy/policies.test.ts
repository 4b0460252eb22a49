import assert from 'node:assert/strict';
import { denials } from '../../support/deploy/admission-policy.ts';
import type { AdmissionRequest } from '../../support/deploy/admission-policy.ts';
import { chartFile } from '../../support/deploy/manifests.ts';
import type { Manifest } from '../../support/deploy/manifests.ts';
import { rulesFor } from '../../support/access/driver-rules.ts';
import { driverUser } from '../../support/driver/driver-account.ts';
import type { PolicyRule } from '../../support/kube-api/access-rules.ts';

function policyOf(name: string): Manifest {
  const manifests = chartFile(`policies/${name}`);
  const policy = manifests.find(({ kind }) => kind === 'ValidatingAdmissionPolicy');
  const binding = manifests.find(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding');
  assert.ok(policy && binding);
  assert.deepEqual(binding['spec'], { policyName: policy.metadata.name, validationActions: ['Deny'] });
  return policy;
}

const extra = { 'authentication.kubernetes.io/node-name': ['node-1'] };

describe('the policy for minted tokens', () => {
  const policy = policyOf('token-minting');
  const spec = {
    audiences: ['connectors-proxy'],
    expirationSeconds: 3600,
    boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'build', uid: '0f5d' },
  };
  const ask = (change: object, more: Partial<AdmissionRequest> = {}): readonly string[] =>
    denials(policy, {
      operation: 'CREATE',
      group: '',
      resource: 'serviceaccounts/token',
      username: driverUser,
      rules: rulesFor('token-minting'),
      extra,
      object: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { ...spec, ...change } },
      ...more,
    });

  it('lets the driver have what it needs', () => assert.deepEqual(ask({}), []));

  it('lets it have a day, and no second more', () => {
    assert.deepEqual(ask({ expirationSeconds: 86_400 }), []);
    assert.match(ask({ expirationSeconds: 86_401 }).join(), /at most 24 hours/);
  });

  for (const [what, change, message] of [
    ['the API server’s audience', { audiences: ['https://kubernetes.default.svc'] }, /audience only/],
    ['the API server’s beside the proxy’s', { audiences: ['connectors-proxy', 'vault'] }, /audience only/],
    ['no audience, which is the API server’s', { audiences: [] }, /audience only/],
    ['no audience at all', { audiences: undefined }, /audience only/],
    ['no pod', { boundObjectRef: undefined }, /bound to a pod/],
    ['a Secret in place of the pod', { boundObjectRef: { ...spec.boundObjectRef, kind: 'Secret' } }, /bound to a pod/],
    ['a node in place of the pod', { boundObjectRef: { ...spec.boundObjectRef, kind: 'Node' } }, /bound to a pod/],
    ['any pod of the name', { boundObjectRef: { ...spec.boundObjectRef, uid: '' } }, /bound to a pod/],
    ['a pod without uid', { boundObjectRef: { kind: 'Pod', name: 'build' } }, /bound to a pod/],
    ['a pod without name', { boundObjectRef: { kind: 'Pod', uid: 'x' } }, /bound to a pod/],
    ['a century', { expirationSeconds: 4_294_967_296 }, /at most 24 hours/],
    ['a lifetime that nobody set', { expirationSeconds: undefined }, /at most 24 hours/],
  ] as const) {
    it(`denies ${what}`, () => {
      const defined = JSON.parse(JSON.stringify({ ...spec, ...change })) as object;
      const denied = ask({}, { object: { spec: defined } });
      assert.equal(denied.length, 1, denied.join('\n'));
      assert.match(denied.join(), message);
    });
  }

  it('denies all at once, and what cannot be judged', () => {
    assert.equal(ask({}, { object: { spec: {} } }).length, 3);
    assert.equal(ask({}, { object: {} }).length, 3);
  });

  it('is about the service accounts that have the role, whatever their names are, and about no other', () => {
    const object = { spec: { audiences: ['https://kubernetes.default.svc'] } };
    const own = rulesFor('token-minting');
    const minting: PolicyRule = { verbs: ['create'], apiGroups: [''], resources: ['serviceaccounts/token'] };
    const all: PolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
    const ofGroup: PolicyRule = { verbs: ['*'], apiGroups: ['connectors.alauda.io'], resources: ['*'] };
    for (const [username, rules, isJudged] of [
      [driverUser, own, true],
      ['system:serviceaccount:elsewhere:acme-connectors-csi', own, true],
      ['system:serviceaccount:elsewhere:node-agent', [...own, minting], true],
      ['system:serviceaccount:vault:vault', [minting], false],
      // Who has all permissions is not the driver, with or without its role.
      ['system:serviceaccount:argocd:argocd-application-controller', [all], false],
      ['system:serviceaccount:connectors-system:controller', [ofGroup, minting], false],
      ['system:node:node-1', [minting], false],
      ['admin', [all], false],
    ] as const) {
      assert.equal(ask({}, { username, rules, object }).length > 0, isJudged, username);
    }
  });
});

describe('the policy for tokens of the proxy', () => {
  const policy = policyOf('proxy-identities');
  const proxy = 'system:serviceaccount:connectors-system:connectors-proxy';
  const ask = (spec: object, more: Partial<AdmissionRequest> = {}): string =>
    denials(policy, {
      ...{ operation: 'CREATE', group: '', resource: 'serviceaccounts/token', username: proxy, extra: {} },
      rules: rulesFor('proxy'),
      object: { spec: { expirationSeconds: 3600, ...spec } },
      ...more,
    }).join();

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
    it(`admits ${audience}, for at most an hour`, () => {
      assert.equal(ask({ audiences: [audience] }), '');
      assert.match(ask({ audiences: [audience], expirationSeconds: 3601 }), /at most an hour/);
    });
  }

  for (const audiences of [
    ...[undefined, [], ['connectors-proxy'], ['vault', 'connectors-proxy'], ['kubernetes'], ['api']],
    ...[['https://kubernetes.default.svc'], ['https://kubernetes.default.svc.cluster.local']],
    ...[['kubernetes.default.svc.example.org'], ['vault', 'https://kubernetes.default.svc/']],
    ['https://oidc.eks.eu-west-1.amazonaws.com/id/0A1B'],
    ['https://container.googleapis.com/v1/projects/p/locations/l/clusters/c'],
    ['https://westeurope.oic.prod-aks.azure.com/tenant/cluster/'],
    ['https://c-dns-1a2b.hcp.westeurope.azmk8s.io'],
  ]) {
    it(`denies the audiences ${audiences?.join() ?? 'that are not there'}`, () => {
      const spec = audiences === undefined ? {} : { audiences };
      assert.match(ask(spec), /only for audiences other than the API server's and its own/);
    });
  }

  it('is about the service accounts that have the role, and about no other', () => {
    const all: PolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
    const minting: PolicyRule = { verbs: ['create'], apiGroups: [''], resources: ['serviceaccounts/token'] };
    assert.notEqual(ask({}, { username: 'system:serviceaccount:elsewhere:own-proxy' }), '');
    for (const [username, rules] of [
      [proxy, [minting]],
      ['system:serviceaccount:argocd:controller', [all]],
      ['system:node:node-1', rulesFor('proxy')],
      ['system:serviceaccount:connectors-system:connectors-csi', rulesFor('token-minting')],
    ] as const) {
      assert.equal(ask({}, { username, rules }), '', username);
    }
  });
});

describe('the policy for volumes of one pod', () => {
  const policy = policyOf('volume-limit');
  const ours = (count: number): readonly object[] =>
    Array.from({ length: count }, (_, at) => ({ name: `connectors-${at}`, csi: { driver: 'connectors-csi' } }));
  const ask = (volumes: readonly object[] | undefined): readonly string[] =>
    denials(policy, {
      ...{ operation: 'CREATE', group: '', resource: 'pods', username: 'dev', extra: {} },
      object: { metadata: { name: 'build' }, spec: { containers: [], ...(volumes === undefined ? {} : { volumes }) } },
    });

  it('admits what is within the limit, and counts nothing but volumes of the driver', () => {
    const others = [
      { name: 'scratch', emptyDir: {} },
      { name: 'other', csi: { driver: 'secrets-store.csi.k8s.io' } },
    ];
    for (const volumes of [undefined, [], others, ours(16), [...ours(16), ...others]]) {
      assert.deepEqual(ask(volumes), []);
    }
  });

  it('denies a volume with over 16 attributes, and says what the driver reads', () => {
    const volumeAttributes = (count: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`a${n}`, '']));
    const [volume] = ours(1);
    const withAttributes = (driver: string, count: number): readonly object[] => [
      { ...volume, csi: { driver, volumeAttributes: volumeAttributes(count) } },
    ];
    assert.deepEqual(ask(withAttributes('connectors-csi', 16)), []);
    assert.deepEqual(ask(withAttributes('other', 28_000)), []);
    assert.match(ask(withAttributes('connectors-csi', 17)).join(), /over 16 volumeAttributes: the driver reads 6/);
  });

  for (const count of [17, 100, 2000]) {
    it(`denies ${count} of them, and says how many a pod can have`, () => {
      assert.deepEqual(ask(ours(count)), [
        `${count} volumes of connectors-csi, more than the 16 that a pod can have: name several connectors in one volume`,
      ]);
    });
  }
});

describe('the policy for AccessRequests', () => {
  const policy = policyOf('approval');
  const annotations = { 'connectors.alauda.io/requested-by-node': 'node-1' };
  const spec = {
    subject: { kind: 'ServiceAccount', name: 'builder', namespace: 'ci' },
    connectorRef: { name: 'harbor' },
    context: { objectRef: { apiVersion: 'v1', kind: 'Pod', name: 'build', namespace: 'ci', uid: '0f5d' } },
  };
  const ask = (change: object, more: Partial<AdmissionRequest> = {}): readonly string[] =>
    denials(policy, {
      operation: 'CREATE',
      group: 'connectors.alauda.io',
      resource: 'accessrequests',
      username: driverUser,
      rules: rulesFor('approval'),
      extra,
      object: { metadata: { name: 'x', annotations }, spec, ...change },
      ...more,
    });

  it('lets a driver ask that says truly where it is', () => assert.deepEqual(ask({}), []));

  for (const [what, change, more] of [
    ['another node', { metadata: { annotations: { 'connectors.alauda.io/requested-by-node': 'node-2' } } }, {}],
    ['no node', { metadata: { annotations: {} } }, {}],
    ['no annotation', { metadata: {} }, {}],
    ['a token that is not bound to a pod', {}, { extra: {} }],
    ['a token of another node', {}, { extra: { 'authentication.kubernetes.io/node-name': ['node-2'] } }],
  ] as const) {
    it(`denies a request with ${what}`, () => assert.match(ask(change, more).join(), /of its own node$/));
  }

  for (const [what, change] of [
    ['an account of another namespace', { subject: { ...spec.subject, namespace: 'prod' } }],
    ['a group', { subject: { ...spec.subject, kind: 'Group' } }],
    ['no pod', { context: {} }],
    ['a pod without uid', { context: { objectRef: { ...spec.context.objectRef, uid: '' } } }],
  ] as const) {
    it(`denies a request for ${what}`, () => {
      assert.match(ask({ spec: { ...spec, ...change } }).join(), /service account of its namespace$/);
    });
  }

  it('is not about others, whose requests are judged by whoever lets them ask', () => {
    const username = 'system:serviceaccount:connectors-system:approver';
    const rules = [{ verbs: ['create'], apiGroups: ['connectors.alauda.io'], resources: ['accessrequests'] }];
    assert.deepEqual(ask({ metadata: {} }, { username, rules }), []);
  });

  it('is about the driver under any name', () => {
    assert.equal(ask({ metadata: {} }, { username: 'system:serviceaccount:elsewhere:acme-connectors-csi' }).length, 1);
  });
});
