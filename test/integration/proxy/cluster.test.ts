import assert from 'node:assert/strict';
import { eventually } from '../../support/poll.ts';
import { ClusterFixture, buildPod } from '../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass, flags, secret } from '../../support/proxy/manifests.ts';
import { robotLogin, robotBasic } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer, toolAuthority, toolCa } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

describe('the proxy in a cluster', () => {
  let tool: ToolServer;
  let fixture: ClusterFixture;

  beforeEach(async () => {
    tool = started(await ToolServer.start('https'));
    fixture = started(await ClusterFixture.start());
    fixture.put(
      connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca' }),
      connectorClass(),
      robotLogin,
      toolCa,
    );
    fixture.bindCredentials('ci');
    fixture.allow('tool');
    await fixture.replica();
  });

  it('serves who the API server knows and allows, with the rights of deploy/', async () => {
    const answer = await fixture.client().getSecurely(`${tool.url()}/a`);
    assert.equal(answer.body, 'hello');
    assert.equal(tool.seen[0]?.headers.authorization, robotBasic);
    assert.equal(fixture.api.count({ resource: 'subjectaccessreviews' }), 1);
  });

  it('asks about a token and a right once in a while, and for the Secret too', async () => {
    const client = fixture.client();
    for (let round = 0; round < 5; round += 1) await client.getSecurely(`${tool.url()}/a`);
    for (const resource of ['tokenreviews', 'subjectaccessreviews']) {
      assert.equal(fixture.api.count({ resource }), 1, resource);
    }
    assert.equal(fixture.api.count({ resource: 'secrets', verb: 'get', name: 'login' }), 1);
  });

  it('asks about a right again for another pod, which an authorizer can tell apart', async () => {
    for (const pod of [buildPod, { ...buildPod, uid: 'another' }]) {
      const token = fixture.token('builder', 600, 'connectors-proxy', pod);
      assert.equal((await fixture.client('ci/tool', token).get(tool.url())).status, 200);
    }
    assert.equal(fixture.api.count({ resource: 'subjectaccessreviews' }), 2);
  });

  it('refuses tokens that the API server does not confirm, and asks about none that cannot count', async () => {
    const token = fixture.token();
    fixture.api.identities.revoke(token);
    assert.equal((await fixture.client('ci/tool', token).get(tool.url())).status, 407);
    assert.equal(fixture.api.count({ resource: 'tokenreviews' }), 1);
    const others = [fixture.token('builder', -10), fixture.token('builder', 600, 'somebody-else')];
    for (const each of others) assert.equal((await fixture.client('ci/tool', each).get(tool.url())).status, 407);
    assert.equal(fixture.api.count({ resource: 'tokenreviews' }), 1);
    assert.deepEqual(tool.seen, []);
  });

  it('refuses a token whose review is not authenticated, or does not list the audience', async () => {
    const { identities } = fixture.api;
    const review = identities.review.bind(identities);
    for (const status of [{ authenticated: false }, { audiences: [] }]) {
      identities.review = (...args) => ({ ...review(...args), ...status });
      assert.equal((await fixture.client().get(tool.url())).status, 407);
    }
  });

  it('serves a token for a minute at most after the API server has stopped to accept it', async () => {
    const token = fixture.token();
    const status = async (): Promise<number> => (await fixture.client('ci/tool', token).get(tool.url())).status;
    assert.equal(await status(), 200);
    fixture.api.identities.revoke(token);
    assert.equal(await status(), 200);
    fixture.skippedMs += 60_000;
    assert.equal(await status(), 407);
    fixture.skippedMs += 1_000;
    assert.equal(await status(), 407);
    assert.equal(fixture.api.count({ resource: 'tokenreviews' }), 3);
  });

  it('serves a token no longer than it lasts, although its review counts for a minute', async () => {
    const client = fixture.client('ci/tool', fixture.token('builder', 2));
    await client.get(tool.url());
    await eventually('it is refused', async () => (await client.get(tool.url())).status === 407, 30_000);
  });

  it('refuses accounts without the right, and pods without the permission for the proxy', async () => {
    const stranger = await fixture.client('ci/tool', fixture.token('stranger')).get(tool.url());
    assert.equal(stranger.status, 403);
    assert.match(stranger.body, /^cannot use connector ci\/tool: system:serviceaccount:ci:stranger cannot get/);
    fixture.put(flags({ 'enable-connector-proxy-permissions': 'true' }));
    await eventually('the flag counts', async () => (await fixture.client().get(tool.url())).status === 403);
    fixture.allow('tool', 'other', 'connectors/proxy/v1/pod/ci/build-1', '*');
    fixture.allow('tool', 'builder', 'connectors/proxy/v1/pod/ci/build-1', '*');
    await eventually('it is allowed', async () => (await fixture.client().get(tool.url())).status !== 403, 20_000);
  });

  it('says which RoleBinding is missing when it may not read a Secret', async () => {
    fixture.put(
      { ...connector('far', tool.url(), { namespace: 'far', secret: 'login' }) },
      secret('login', 'kubernetes.io/basic-auth', { username: 'x', password: 'y' }, { namespace: 'far' }),
    );
    fixture.api.bind({
      serviceAccount: 'ci/builder',
      namespace: 'far',
      rules: [{ verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] }],
    });
    let body = '';
    await eventually('the connector is known', async () => {
      const answer = await fixture.client('far/far').get(tool.url());
      body = answer.body;
      return answer.status === 502 && !body.includes('does not exist');
    });
    assert.match(
      body,
      /the proxy cannot read secret far\/login: bind its service account in "far" to the ClusterRole connectors-proxy-credentials with a RoleBinding/,
    );
  });

  it('trusts the certificates with the label in its own namespace', async () => {
    const named = connector('tool', tool.url(), { secret: 'login' });
    fixture.put(named);
    await eventually('it is not trusted', async () => (await fixture.client().get(tool.url())).status === 502);
    const label = { labels: { 'connectors.cpaas.io/ca-cert': 'true' }, namespace: 'connectors-system' };
    fixture.put(secret('shared-ca', 'Opaque', { any: toolAuthority.certificate }, label));
    await eventually('it is trusted', async () => (await fixture.client().get(tool.url())).status === 200);
  });

  it('names itself where it has no rights, or a token that does not count', async () => {
    fixture.withoutRights('connectors');
    const proxy = await fixture.replica({ untilReady: false });
    const expected =
      "reading connectors failed: the proxy's own service account lacks a permission: apply the proxy's manifests";
    await eventually('it says so', () => proxy.notReadyReason()?.startsWith(expected) === true, 30_000);
  });

  it('has one CA for all replicas, which the first of them makes', async () => {
    const [first, ...others] = await Promise.all([fixture.replica(), fixture.replica(), fixture.replica()]);
    for (const each of others) assert.equal(each.authorityCertificate, first.authorityCertificate);
    assert.equal(fixture.api.list('secrets', 'connectors-system').length, 1);
    assert.equal(fixture.api.count({ resource: 'secrets', verb: 'create', code: 201 }), 1);
    const answer = await fixture.client('ci/tool', fixture.token(), 2).getSecurely(`${tool.url()}/`);
    assert.equal(answer.body, 'hello');
  });

  it('refuses tunnels whose certificate cannot be made, and goes on once the CA is mended', async () => {
    const client = fixture.client();
    const port = `tool.example:${tool.port}`;
    assert.match((await client.connect(port)).head, /^HTTP\/1\.1 200/);
    const name = { namespace: 'connectors-system', name: 'connectors-proxy-ca' };
    const good = fixture.api.get('secrets', name)!;
    const watched = (): boolean => fixture.replicas[0]?.notReadyReason() === undefined;
    fixture.api.put({ ...good, data: { 'tls.crt': '', 'tls.key': '' } });
    await eventually('the CA is unusable', () => !watched());
    assert.match((await client.connect(port)).head, /^HTTP\/1\.1 50[23] /);
    fixture.api.put({ ...good, metadata: { ...name } });
    await eventually('the CA is as it was', watched);
    assert.equal((await client.getSecurely(tool.url())).status, 200);
  });

  it('says that nobody could be asked while the API server is away, and goes on by itself', async () => {
    await fixture.api.goOffline();
    const answer = await fixture.client('ci/tool', fixture.token()).get(tool.url());
    assert.equal(answer.status, 503);
    await fixture.api.goOnline();
    await eventually('it serves again', async () => (await fixture.client().get(tool.url())).status === 200, 30_000);
  });
});
