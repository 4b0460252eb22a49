import assert from 'node:assert/strict';
import { ClusterFixture } from '../../support/proxy/cluster-fixture.js';
import { connector, connectorClass, secret } from '../../support/proxy/manifests.js';
import type { ProxyClient } from '../../support/proxy/proxy-client.js';
import { headOf } from '../../support/proxy/proxy-client.js';
import { credentialCanary } from '../../support/proxy/proxy-fixture.js';
import { eventually } from '../../support/poll.js';
import { TokenRegistry } from '../../support/proxy/registry.js';
import { ToolServer, toolCa } from '../../support/proxy/tool-server.js';
import { started } from '../../support/started.js';

const passwords = [`${credentialCanary}-old`, `${credentialCanary}-new`] as const;
const [older, newer] = passwords;
const basic = (password: string): string => `Basic ${Buffer.from(`robot:${password}`).toString('base64')}`;

/** The proxy keeps Secrets for 10 seconds, within which these tests change them. */
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
  /** The tool takes the newer password from now on, and the Secret has it. */
  const rotate = (type?: string): void => {
    valid = newer;
    put(newer, type);
  };

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

  it('is read again when the tool rejects the older one, and the request repeated', async () => {
    assert.equal((await client.get(tool.url())).body, 'in');
    rotate();
    assert.equal((await client.get(tool.url())).body, 'in');
    assert.deepEqual(
      tool.seen.map(({ headers }) => headers.authorization),
      [basic(older), basic(older), basic(newer)],
    );
    assert.equal((await client.get(tool.url())).body, 'in');
    assert.equal(tool.seen.length, 4);
  });

  it('is read again once for all requests that wait', async () => {
    assert.equal((await client.get(tool.url())).body, 'in');
    const before = reads();
    rotate();
    const answers = await Promise.all(Array.from({ length: 20 }, (_each, at) => client.get(`${tool.url()}/${at}`)));
    assert.ok(answers.every(({ body }) => body === 'in'));
    assert.equal(reads(), before + 1);
  });

  it('is read again with a small body, which is sent twice', async () => {
    assert.equal((await client.get(tool.url())).body, 'in');
    rotate();
    assert.equal((await client.get(tool.url(), { method: 'POST', body: 'small' })).body, 'in');
    assert.deepEqual(
      tool.seen.slice(1).map(({ body }) => body),
      ['small', 'small'],
    );
  });

  it('is read again for the request after one that cannot be repeated', async () => {
    assert.equal((await client.get(tool.url())).body, 'in');
    rotate();
    const body = Buffer.alloc(200_000, 'x');
    assert.equal((await client.get(tool.url(), { method: 'PUT', body })).status, 401);
    assert.equal((await client.get(tool.url(), { method: 'PUT', body })).body, 'in');
  });

  it('is read again for the request after one that would change the protocol', async () => {
    assert.equal((await client.get(tool.url())).body, 'in');
    rotate();
    const socket = await client.raw();
    const lines = [
      `GET ${tool.url()}/ HTTP/1.1`,
      'Host: x',
      'Connection: upgrade',
      'Upgrade: websocket',
      `Proxy-Authorization: ${client.authorization}`,
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    assert.match(await headOf(socket), /^HTTP\/1\.1 401 /);
    socket.destroy();
    const seen = tool.seen.length;
    assert.equal((await client.get(tool.url())).body, 'in');
    assert.equal(tool.seen.length, seen + 1);
  });

  it('is read again also where the body of the rejection does not end', async () => {
    assert.equal((await client.get(tool.url())).body, 'in');
    let hasClosed = false;
    tool.answer = (_request, response, { headers }) => {
      if (headers.authorization === basic(newer)) {
        response.end('in');
        return;
      }
      response.once('close', () => (hasClosed = true));
      response.writeHead(401);
      // Later, since a kernel that takes everything at once would let nothing else run here.
      const more = (): void => {
        if (!response.destroyed) response.write('x'.repeat(65_536), () => setImmediate(more));
      };
      more();
    };
    rotate();
    assert.equal((await client.get(tool.url())).body, 'in');
    await eventually('the connection of the rejection is closed', () => hasClosed);
  });

  it('is rejected where its Secret is larger than any credential', async () => {
    fixture.put({
      ...secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password: 'x'.repeat(600_000) }),
    });
    const { status, body } = await client.get(tool.url());
    assert.equal(status, 502);
    assert.match(body, /^Secret ci\/login is larger than 512 KiB: /);
    const before = reads();
    const startMs = performance.now();
    for (let request = 0; request < 10; request += 1) await client.get(tool.url());
    const windows = Math.ceil((performance.now() - startMs) / 5_000);
    assert.ok(reads() <= before + windows, `${reads() - before} more reads in ${windows} windows`);
    assert.equal(tool.seen.length, 0);
  });

  it("is the tool's own 401 to the client as long as the Secret is the same", async () => {
    valid = newer;
    const { status, body, headers } = await client.get(tool.url());
    assert.deepEqual([status, body, headers['www-authenticate']], [401, 'who are you?', 'Basic realm="tool"']);
    assert.equal(tool.seen.length, 1);
    const startMs = performance.now();
    for (let request = 0; request < 50; request += 1) await client.get(tool.url());
    const windows = Math.ceil((performance.now() - startMs) / 5_000);
    // Once more for each window, and once where what was read is too old.
    assert.ok(reads() <= 3 + 2 * windows, `${reads()} reads in ${windows} windows`);
  });

  describe('of a registry', () => {
    const type = 'cpaas.io/distribution-registry-token';
    let registry: TokenRegistry;
    const get = async (name: string): Promise<string> =>
      (await client.getSecurely(`${registry.url}/v2/${name}/manifests/latest`)).body;

    beforeEach(async () => {
      registry = started(await TokenRegistry.start(`robot:${older}`));
      use(registry.url);
      put(older, type);
      assert.equal(await get('app'), 'layer');
    });

    it('is read again when the token service rejects the older one', async () => {
      registry.login = `robot:${newer}`;
      rotate(type);
      assert.equal(await get('other'), 'layer');
    });

    it('is read again when the registry has withdrawn its tokens as well', async () => {
      registry.login = `robot:${newer}`;
      registry.forgetTokens();
      rotate(type);
      assert.equal(await get('app'), 'layer');
    });

    it('is read again when the registry wants Basic', async () => {
      registry.tool.answer = tool.answer;
      use(`${registry.url}/below`);
      const manifest = `${registry.url}/below/v2/app/manifests/latest`;
      assert.equal((await client.getSecurely(manifest)).body, 'in');
      rotate(type);
      assert.equal((await client.getSecurely(manifest)).body, 'in');
    });

    it('is a 502 that says so as long as the Secret is the same', async () => {
      registry.login = `robot:${newer}`;
      assert.match(await get('other'), /wrong password of connector ci\/tool: .* \(401\)/);
    });
  });
});
