import assert from 'node:assert/strict';
import { KubeApi } from '../../support/kube-api/kube-api.js';
import { rawRequest } from '../../support/kube-api/raw-request.js';
import type { RawAnswer, RawRequest } from '../../support/kube-api/raw-request.js';
import { started } from '../../support/started.js';

const connectors = '/apis/connectors.alauda.io/v1alpha1/namespaces/team-a/connectors';
const connector = (name: string, address: string, labels: Record<string, string> = {}) => ({
  apiVersion: 'connectors.alauda.io/v1alpha1',
  kind: 'Connector',
  metadata: { name, namespace: 'team-a', labels },
  spec: { address },
});

describe('the test API server', () => {
  let api: KubeApi;
  let token: string;
  const ask = (request: RawRequest): Promise<RawAnswer> => rawRequest(api, { token, ...request });
  const askJson = async (request: RawRequest): Promise<Record<string, never>> =>
    JSON.parse((await ask(request)).text) as Record<string, never>;

  beforeEach(async () => {
    api = started(await KubeApi.start());
    token = api.tokenFor('tester');
    api.bind({ user: 'tester', rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] });
  });

  it('answers 401 without a valid token and 403 without a rule, with a Status', async () => {
    assert.equal((await rawRequest(api, { path: `${connectors}/git` })).code, 401);
    const denied = await rawRequest(api, { path: `${connectors}/git`, token: api.tokenFor('nobody') });
    assert.equal(denied.code, 403);
    assert.deepEqual(JSON.parse(denied.text), {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message:
        'connectors.connectors.alauda.io "git" is forbidden: User "nobody" cannot get resource "connectors" in API group "connectors.alauda.io" in the namespace "team-a"',
      reason: 'Forbidden',
      details: { name: 'git', group: 'connectors.alauda.io', kind: 'connectors' },
      code: 403,
    });
  });

  it('creates, refuses to create twice, updates with optimistic locking and deletes', async () => {
    const created = await ask({ method: 'POST', path: connectors, body: connector('git', 'a') });
    assert.equal(created.code, 201);
    assert.equal((await ask({ method: 'POST', path: connectors, body: connector('git', 'a') })).code, 409);
    const stale = JSON.parse(created.text) as object;
    api.put(connector('git', 'b'));
    assert.equal((await ask({ method: 'PUT', path: `${connectors}/git`, body: stale })).code, 409);
    assert.equal((await ask({ method: 'DELETE', path: `${connectors}/git` })).code, 200);
    assert.equal((await ask({ path: `${connectors}/git` })).code, 404);
  });

  it('takes no change of the spec of an AccessRequest, but its status', async () => {
    const collection = '/apis/connectors.alauda.io/v1alpha1/namespaces/team-a/accessrequests';
    const request = {
      apiVersion: 'connectors.alauda.io/v1alpha1',
      kind: 'AccessRequest',
      metadata: { name: 'ask', namespace: 'team-a' },
      spec: { connectorRef: { name: 'git' } },
    };
    await ask({ method: 'POST', path: collection, body: request });
    const changed = { ...request, spec: { connectorRef: { name: 'other' } } };
    assert.equal((await ask({ method: 'PUT', path: `${collection}/ask`, body: changed })).code, 422);
    const decided = { ...changed, status: { conditions: [] } };
    assert.equal((await ask({ method: 'PUT', path: `${collection}/ask/status`, body: decided })).code, 200);
    const stored = api.get('accessrequests', { namespace: 'team-a', name: 'ask' });
    assert.deepEqual([stored?.['spec'], stored?.['status']], [request.spec, { conditions: [] }]);
    assert.deepEqual(api.permissionsUsed('tester'), [
      'create connectors.alauda.io/accessrequests',
      'update connectors.alauda.io/accessrequests',
      'update connectors.alauda.io/accessrequests/status',
    ]);
  });

  it('lists by labels and by name', async () => {
    api.put(connector('one', 'a', { tier: 'x' }));
    api.put(connector('two', 'a', { tier: 'y' }));
    const names = async (query: string): Promise<readonly string[]> => {
      const list = (await askJson({ path: `${connectors}?${query}` })) as unknown as {
        items: { metadata: { name: string } }[];
      };
      return list.items.map(({ metadata }) => metadata.name);
    };
    assert.deepEqual(await names('labelSelector=tier%3Dx'), ['one']);
    assert.deepEqual(await names('labelSelector=tier%20in%20(x,y),tier!%3Dx'), ['two']);
    assert.deepEqual(await names('fieldSelector=metadata.name%3Dtwo'), ['two']);
    assert.deepEqual(await names(''), ['one', 'two']);
  });

  it('lists in pages of one revision, and tells when it is gone', async () => {
    for (const name of ['one', 'two', 'six']) api.put(connector(name, 'a'));
    interface Page {
      readonly metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
      readonly items: readonly { metadata: { name: string } }[];
    }
    const page = async (query: string): Promise<Page> =>
      (await askJson({ path: `${connectors}?${query}` })) as unknown as Page;
    const namesIn = ({ items }: Page): readonly string[] => items.map(({ metadata }) => metadata.name);
    const first = await page('limit=2');
    assert.deepEqual(namesIn(first), ['one', 'six']);
    assert.equal(first.metadata.remainingItemCount, 1);
    api.put(connector('zero', 'a'));
    api.delete('connectors', { namespace: 'team-a', name: 'two' });
    const rest = `continue=${first.metadata.continue}`;
    const last = await page(`limit=500&${rest}`);
    assert.deepEqual(namesIn(last), ['two']);
    assert.deepEqual(last.metadata, { resourceVersion: first.metadata.resourceVersion });
    assert.deepEqual(namesIn(await page('limit=500')), ['one', 'six', 'zero']);
    api.compact();
    const gone = await ask({ path: `${connectors}?limit=500&${rest}` });
    const { reason } = JSON.parse(gone.text) as { reason: string };
    assert.deepEqual([gone.code, reason], [410, 'Expired']);
  });

  it('streams changes from a revision on, with bookmarks, and tells when the revision is gone', async () => {
    const before = api.revision;
    api.put(connector('git', 'a'));
    api.put(connector('git', 'b'));
    api.delete('connectors', { namespace: 'team-a', name: 'git' });
    const watch = (from: string): Promise<RawAnswer> =>
      ask({ path: `${connectors}?watch=1&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=${from}` });
    const answer = watch(before);
    while (api.openWatches('connectors') === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    api.endWatches();
    const types = (await answer).text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    assert.deepEqual(types, ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);
    api.compact();
    const gone = JSON.parse((await watch(before)).text) as { type: string; object: { code: number } };
    assert.deepEqual([gone.type, gone.object.code], ['ERROR', 410]);
  });

  it('signs tokens that are bound to a pod and mean nothing at another audience', async () => {
    api.put({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'builder', namespace: 'team-a' } });
    const pod = api.put({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'pod-1', namespace: 'team-a' },
      spec: { serviceAccountName: 'builder' },
    });
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'pod-1', uid: pod.metadata.uid };
    const request = (spec: object): Promise<RawAnswer> =>
      ask({
        method: 'POST',
        path: '/api/v1/namespaces/team-a/serviceaccounts/builder/token',
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec },
      });
    const answer = await request({ audiences: ['connectors-proxy'], expirationSeconds: 900, boundObjectRef });
    assert.equal(answer.code, 201);
    const { status } = JSON.parse(answer.text) as { status: { token: string; expirationTimestamp: string } };
    const claims = JSON.parse(Buffer.from(status.token.split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      unknown
    >;
    assert.deepEqual(claims['aud'], ['connectors-proxy']);
    assert.equal(Number(claims['exp']) * 1000, Date.parse(status.expirationTimestamp));
    const identity = claims['kubernetes.io'] as { namespace: string; pod: object };
    assert.deepEqual(identity.pod, { name: 'pod-1', uid: pod.metadata.uid });
    assert.ok(api.identities.isValidFor(status.token, 'connectors-proxy'));
    assert.equal((await rawRequest(api, { path: '/version', token: status.token })).code, 401);
    assert.equal((await request({ expirationSeconds: 599 })).code, 422);
    assert.equal((await request({ boundObjectRef: { ...boundObjectRef, uid: 'another' } })).code, 409);
  });

  it('reviews access by the rules, with subresources and names', async () => {
    api.bind({
      serviceAccount: 'team-a/builder',
      namespace: 'team-a',
      rules: [
        { verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'], resourceNames: ['git'] },
        { verbs: ['*'], apiGroups: ['connectors.alauda.io'], resources: ['connectors/proxy/v1/pod/team-a/pod-1'] },
      ],
    });
    const review = async (attributes: Record<string, string>): Promise<boolean> => {
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: 'system:serviceaccount:team-a:builder',
          groups: ['system:authenticated'],
          resourceAttributes: {
            group: 'connectors.alauda.io',
            resource: 'connectors',
            namespace: 'team-a',
            ...attributes,
          },
        },
      };
      const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
      const answer = (await askJson({ method: 'POST', path, body })) as unknown as { status: { allowed: boolean } };
      return answer.status.allowed;
    };
    assert.equal(await review({ verb: 'get', name: 'git' }), true);
    assert.equal(await review({ verb: 'get', name: 'other' }), false);
    assert.equal(await review({ verb: 'get', name: 'git', namespace: 'team-b' }), false);
    assert.equal(await review({ verb: '*', name: 'git', subresource: 'proxy' }), false);
    assert.equal(await review({ verb: '*', name: 'git', subresource: 'proxy/v1/pod/team-a/pod-1' }), true);
  });

  it('misbehaves on demand and recovers', async () => {
    const path = '/version';
    api.faults.add({ path: /version/, count: 1, effect: { kind: 'status', code: 429, retryAfterSeconds: 3 } });
    const throttled = await ask({ path });
    assert.deepEqual([throttled.code, throttled.headers['retry-after']], [429, '3']);
    api.faults.add({ path: /version/, count: 1, effect: { kind: 'reset' } });
    await assert.rejects(ask({ path }), { code: 'ECONNRESET' });
    api.faults.add({ path: /version/, count: 1, effect: { kind: 'cut', afterBytes: 5 } });
    await assert.rejects(ask({ path }), { code: 'ECONNRESET' });
    const garbage = api.faults.add({ path: /version/, effect: { kind: 'garbage', body: 'moo' } });
    assert.equal((await ask({ path })).text, 'moo');
    assert.equal(garbage.hits, 1);
    garbage.remove();
    for (const choice of ['expired', 'not-yet-valid', 'wrong-host', 'unknown-authority'] as const) {
      api.useCertificate(choice);
      await assert.rejects(ask({ path }), { code: /CERT|ALTNAME|SIGNATURE/ }, choice);
    }
    api.useCertificate('valid');
    await api.goOffline();
    await assert.rejects(ask({ path }), { code: 'ECONNREFUSED' });
    await api.goOnline();
    assert.equal((await ask({ path })).code, 200);
  });
});
