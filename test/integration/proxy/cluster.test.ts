import assert from 'node:assert/strict';
import { eventually } from '../../support/poll.js';
import { ClusterStage } from '../../support/proxy/cluster-stage.js';
import { connector, connectorClass, flags, secret } from '../../support/proxy/manifests.js';
import { credentialCanary } from '../../support/proxy/proxy-stage.js';
import { ToolServer, toolAuthority } from '../../support/proxy/tool-server.js';

const basic = `Basic ${Buffer.from(`robot:${credentialCanary}`).toString('base64')}`;

describe('the proxy in a cluster', () => {
  let tool: ToolServer;
  let stage: ClusterStage;

  beforeEach(async () => {
    tool = await ToolServer.start('https');
    stage = await ClusterStage.start();
    stage.put(
      connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca' }),
      connectorClass(),
      secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password: credentialCanary }),
      secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }),
    );
    stage.bindCredentials('ci');
    stage.allow('tool');
    await stage.replica();
  });

  afterEach(async () => {
    await stage.stop();
    await tool.stop();
  });

  it('serves who the API server knows and allows, with the rights of deploy/proxy', async () => {
    const answer = await stage.client().getSecurely(`${tool.url()}/a`);
    assert.equal(answer.body, 'hello');
    assert.equal(tool.seen[0]?.headers.authorization, basic);
    assert.equal(stage.api.count({ resource: 'subjectaccessreviews' }), 1);
  });

  it('asks about a token and a right once in a while, and for the Secret too', async () => {
    const client = stage.client();
    for (let round = 0; round < 5; round += 1) await client.getSecurely(`${tool.url()}/a`);
    for (const resource of ['tokenreviews', 'subjectaccessreviews']) {
      assert.equal(stage.api.count({ resource }), 1, resource);
    }
    assert.equal(stage.api.count({ resource: 'secrets', verb: 'get', name: 'login' }), 1);
  });

  it('refuses tokens that the API server does not confirm, and asks about none that cannot count', async () => {
    const token = stage.token();
    stage.api.identities.revoke(token);
    assert.equal((await stage.client('ci/tool', token).get(tool.url())).status, 407);
    assert.equal(stage.api.count({ resource: 'tokenreviews' }), 1);
    const others = [stage.token('builder', -10), stage.token('builder', 600, 'somebody-else')];
    for (const each of others) assert.equal((await stage.client('ci/tool', each).get(tool.url())).status, 407);
    assert.equal(stage.api.count({ resource: 'tokenreviews' }), 1);
    assert.deepEqual(tool.seen, []);
  });

  it('refuses accounts without the right, and pods without the permission for the proxy', async () => {
    const stranger = await stage.client('ci/tool', stage.token('stranger')).get(tool.url());
    assert.equal(stranger.status, 403);
    assert.match(stranger.body, /^may not use connector ci\/tool: system:serviceaccount:ci:stranger may not "get"/);
    stage.put(flags({ 'enable-connector-proxy-permissions': 'true' }));
    await eventually('the flag counts', async () => (await stage.client().get(tool.url())).status === 403);
    stage.allow('tool', 'other', 'connectors/proxy/v1/pod/ci/build-1', '*');
    stage.allow('tool', 'builder', 'connectors/proxy/v1/pod/ci/build-1', '*');
    await eventually('it is allowed', async () => (await stage.client().get(tool.url())).status !== 403, 20_000);
  });

  it('says which RoleBinding is missing when it may not read a Secret', async () => {
    stage.put(
      { ...connector('far', tool.url(), { namespace: 'far', secret: 'login' }) },
      secret('login', 'kubernetes.io/basic-auth', { username: 'x', password: 'y' }, { namespace: 'far' }),
    );
    stage.api.bind({
      serviceAccount: 'ci/builder',
      namespace: 'far',
      rules: [{ verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] }],
    });
    let body = '';
    await eventually('the connector is known', async () => {
      const answer = await stage.client('far/far').get(tool.url());
      body = answer.body;
      return answer.status === 502 && !body.includes('does not exist');
    });
    assert.match(
      body,
      /the proxy may not read secret far\/login: bind its service account in "far" to the ClusterRole connectors-proxy-credentials with a RoleBinding/,
    );
  });

  it('trusts the certificates with the label in its own namespace', async () => {
    const named = connector('tool', tool.url(), { secret: 'login' });
    stage.put(named);
    await eventually('it is not trusted', async () => (await stage.client().get(tool.url())).status === 502);
    const label = { labels: { 'connectors.cpaas.io/ca-cert': 'true' }, namespace: 'connectors-system' };
    stage.put(secret('shared-ca', 'Opaque', { any: toolAuthority.certificate }, label));
    await eventually('it is trusted', async () => (await stage.client().get(tool.url())).status === 200);
  });

  it('makes the trust store of a CA once for all requests that need it first', async () => {
    // The second replica does not check Connectors, so a request makes its first trust store.
    await stage.replica();
    const client = stage.client('ci/tool', stage.token(), 1);
    stage.api.faults.add({ verb: 'get', resource: 'secrets', name: 'tool-ca', effect: { kind: 'delay', ms: 1000 } });
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.get(tool.url())));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  });

  it('names itself where it has no rights, or a token that does not count', async () => {
    stage.withoutRights('connectors');
    const proxy = await stage.replica({ untilReady: false });
    const expected =
      "reading connectors failed: the proxy's own service account may not do that: apply the proxy's manifests";
    await eventually('it says so', () => proxy.notReadyReason()?.startsWith(expected) === true, 30_000);
  });

  it('has one CA for all replicas, which the first of them makes', async () => {
    const [first, ...others] = await Promise.all([stage.replica(), stage.replica(), stage.replica()]);
    for (const each of others) assert.equal(each.authorityCertificate, first.authorityCertificate);
    assert.equal(stage.api.list('secrets', 'connectors-system').length, 1);
    assert.equal(stage.api.count({ resource: 'secrets', verb: 'create', code: 201 }), 1);
    const answer = await stage.client('ci/tool', stage.token(), 2).getSecurely(`${tool.url()}/`);
    assert.equal(answer.body, 'hello');
  });

  it('refuses tunnels whose certificate cannot be made, and goes on once the CA is mended', async () => {
    const client = stage.client();
    const port = `tool.example:${tool.port}`;
    assert.match((await client.connect(port)).head, /^HTTP\/1\.1 200/);
    const name = { namespace: 'connectors-system', name: 'connectors-proxy-ca' };
    const good = stage.api.get('secrets', name)!;
    const watched = (): boolean => stage.replicas[0]?.notReadyReason() === undefined;
    stage.api.put({ ...good, data: { 'tls.crt': '', 'tls.key': '' } });
    await eventually('the CA is unusable', () => !watched());
    assert.match((await client.connect(port)).head, /^HTTP\/1\.1 50[23] /);
    stage.api.put({ ...good, metadata: { ...name } });
    await eventually('the CA is as it was', watched);
    assert.equal((await client.getSecurely(tool.url())).status, 200);
  });

  it('says that nobody could be asked while the API server is away, and goes on by itself', async () => {
    await stage.api.goOffline();
    const answer = await stage.client('ci/tool', stage.token()).get(tool.url());
    assert.equal(answer.status, 503);
    await stage.api.goOnline();
    await eventually('it serves again', async () => (await stage.client().get(tool.url())).status === 200, 30_000);
  });
});
