import assert from 'node:assert/strict';
import { IdentityCluster, account, serviceAccount } from '../../../support/proxy/identity-cluster.ts';
import { eventually } from '../../../support/poll.ts';
import { connector, secret } from '../../../support/proxy/manifests.ts';
import type { ProxyClient } from '../../../support/proxy/proxy-client.ts';
import { mismatchOf } from '../../../support/proxy/subject-verifier.ts';
import { ToolServer } from '../../../support/proxy/tool-server.ts';
import { started } from '../../../support/started.ts';

const type = 'service-account-token';
const audience = 'https://vault.example';

describe('a Secret of type service-account-token', function () {
  this.timeout(120_000);
  let fixture: IdentityCluster;
  let tool: ToolServer;
  const accepted = new Set<string>();

  beforeEach(async () => {
    fixture = started(await IdentityCluster.start());
    tool = started(
      await ToolServer.start('https', (_request, response, { headers }) => {
        const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
        void mismatchOf(token, fixture.trust(audience), Date.now()).then((mismatch) => {
          if (mismatch === undefined) accepted.add(token);
          response.writeHead(mismatch === undefined ? 200 : 401).end(mismatch ?? 'in');
        });
      }),
    );
    fixture.put(type, tool.url(), { audience });
  });
  afterEach(() => {
    const shown = [fixture.cluster.log, JSON.stringify(fixture.cluster.status())];
    assert.ok(![...accepted].some((token) => shown.some((text) => text.includes(token.split('.')[1]!))));
    accepted.clear();
  });

  it('sends the token itself, renewed at four fifths of its life', async () => {
    await fixture.cluster.replica({ flags: ['--write-status=false'] });
    const client = fixture.client();
    const get = async (): Promise<string> => (await client.getSecurely(`${tool.url()}/api`)).body;
    assert.deepEqual([await get(), await get()], ['in', 'in']);
    assert.deepEqual(fixture.asked, [`ci/${account}`]);
    fixture.wait(2_700_000);
    assert.equal(await get(), 'in');
    assert.equal(fixture.asked.length, 1);
    fixture.wait(190_000);
    await eventually('it is renewed', async () => (await get()) === 'in' && fixture.asked.length === 2);
  });

  it('shows in the status which RoleBinding is missing, and recovers', async () => {
    fixture.unbind();
    await fixture.cluster.replica();
    await fixture.cluster.becomes('SecretReady', 'False IdentityForbidden');
    const message = `the proxy cannot create tokens of service account ci/${account}: bind its service account in "ci" to the ClusterRole connectors-proxy-identities with a RoleBinding`;
    assert.equal(fixture.cluster.message('SecretReady'), message);
    assert.equal(fixture.cluster.condition('AuthReady'), '');
    assert.equal(fixture.cluster.condition('Ready'), 'False IdentityForbidden');
    fixture.bind();
    await fixture.cluster.becomes('Ready', 'True Ready');
    assert.equal(fixture.cluster.condition('AuthReady'), 'True Accepted');
  });

  it('shows in the status that the service account does not exist', async () => {
    fixture.cluster.api.delete('serviceaccounts', { namespace: 'ci', name: account });
    await fixture.cluster.replica();
    await fixture.cluster.becomes('SecretReady', 'False IdentityNotFound');
    const message = `service account ci/${account} does not exist: create it, or change serviceAccount`;
    assert.equal(fixture.cluster.message('SecretReady'), message);
    fixture.cluster.put(serviceAccount(account));
    await fixture.cluster.becomes('Ready', 'True Ready');
  });

  it('costs one request to the API server for each of a hundred Connectors at once', async () => {
    const names = Array.from({ length: 100 }, (_, at) => `tool-${at}`);
    const login = { audience, serviceAccount: account };
    for (const name of names) {
      fixture.cluster.put(
        secret(name, `connectors.alauda.io/${type}`, login),
        connector(name, tool.url(), { secret: name, caSecret: 'tool-ca' }),
      );
      fixture.cluster.allow(name);
    }
    const { cluster } = fixture;
    await cluster.replica({ flags: ['--write-status=false'] });
    const token = cluster.token('builder', 48 * 3600);
    const waiting = [...names];
    const answers: Awaited<ReturnType<ProxyClient['get']>>[] = [];
    // As many at once as one pod can have.
    const requestAll = async (): Promise<void> => {
      for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
        answers.push(await cluster.client(`ci/${name}`, token).get(`${tool.url().replace('https', 'http')}/api`));
      }
    };
    await Promise.all(Array.from({ length: 64 }, requestAll));
    const bodies = new Map<string, number>();
    for (const { body } of answers) bodies.set(body.trim(), (bodies.get(body.trim()) ?? 0) + 1);
    assert.deepEqual([...bodies], [['in', 100]]);
    assert.equal(fixture.asked.length, 100);
  });
});
