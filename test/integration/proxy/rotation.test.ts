import assert from 'node:assert/strict';
import { ClusterFixture } from '../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass, secret } from '../../support/proxy/manifests.ts';
import type { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { credentialCanary } from '../../support/proxy/proxy-fixture.ts';
import { TokenRegistry } from '../../support/proxy/registry.ts';
import { ToolServer, toolCa } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const passwords = [`${credentialCanary}-old`, `${credentialCanary}-new`] as const;
const [older, newer] = passwords;
const basic = (password: string): string => `Basic ${Buffer.from(`robot:${password}`).toString('base64')}`;

describe('a password that is rotated', () => {
  let tool: ToolServer;
  let fixture: ClusterFixture;
  let client: ProxyClient;
  let valid: string;

  const put = (password: string, type = 'kubernetes.io/basic-auth'): void =>
    fixture.put(secret('login', type, { username: 'robot', password }));
  const reads = (): number => fixture.api.count({ resource: 'secrets', verb: 'get', name: 'login' });
  const use = (address: string): void =>
    fixture.put(connectorClass(), connector('tool', address, { secret: 'login', caSecret: 'tool-ca' }));
  beforeEach(async () => {
    valid = older;
    tool = started(
      await ToolServer.start('http', (request, response, { headers }) => {
        if (headers.authorization !== basic(valid)) {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="tool"' }).end('who are you?');
          return;
        }
        request.on('end', () => response.end('in')).resume();
      }),
    );
    fixture = started(await ClusterFixture.start());
    fixture.put(toolCa);
    use(tool.url());
    put(older);
    fixture.bindCredentials('ci');
    fixture.allow('tool');
    await fixture.replica();
    client = fixture.client();
  });

  it("is used after 10 seconds, until which the client gets the tool's own 401", async () => {
    assert.equal((await client.get(tool.url())).body, 'in');
    valid = newer;
    put(newer);
    const { status, body, headers } = await client.get(tool.url());
    assert.deepEqual([status, body, headers['www-authenticate']], [401, 'who are you?', 'Basic realm="tool"']);
    const before = reads();
    fixture.skippedMs += 10_000;
    const answers = await Promise.all(Array.from({ length: 20 }, (_each, at) => client.get(`${tool.url()}/${at}`)));
    assert.ok(answers.every((answer) => answer.body === 'in'));
    assert.equal(reads(), before + 1);
  });

  it('is rejected where its Secret is larger than any credential', async () => {
    fixture.put({
      ...secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password: 'x'.repeat(600_000) }),
    });
    const { status, body } = await client.get(tool.url());
    assert.equal(status, 502);
    assert.match(body, /^Secret ci\/login is larger than 512 KiB: /);
    const before = reads();
    for (let request = 0; request < 10; request += 1) await client.get(tool.url());
    assert.ok(reads() <= before + 1, `${reads() - before} more reads`);
    assert.equal(tool.seen.length, 0);
  });

  it('of a registry is a 502 that says so until then', async () => {
    const type = 'cpaas.io/distribution-registry-token';
    const registry = started(await TokenRegistry.start(`robot:${older}`));
    const get = async (name: string): Promise<string> =>
      (await client.getSecurely(`${registry.url}/v2/${name}/manifests/latest`)).body;
    use(registry.url);
    put(older, type);
    assert.equal(await get('app'), 'layer');
    registry.login = `robot:${newer}`;
    put(newer, type);
    assert.match(await get('other'), /wrong password of connector ci\/tool: .* \(401\)/);
    fixture.skippedMs += 10_000;
    assert.equal(await get('other'), 'layer');
  });
});
