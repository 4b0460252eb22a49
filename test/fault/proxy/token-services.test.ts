import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { deployedEnv, deployedMemoryBytes } from '../../support/proxy/deployed-env.ts';
import { connector, grant, secret } from '../../support/proxy/manifests.ts';
import { ProcessFixture } from '../../support/proxy/process-fixture.ts';
import { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { credentialCanary } from '../../support/proxy/proxy-fixture.ts';
import { RawTool } from '../../support/proxy/raw-tool.ts';
import { oneByteChunks } from '../../support/proxy/stalled-peers.ts';
import type { ProxyProcess } from '../../support/e2e/proxy-process.ts';
import { MemoryCgroup } from '../../support/soak/memory-cgroup.ts';

const connectors = ['one', 'two', 'three', 'four'] as const;

describe('the proxy as deployed, with a hostile token service', function () {
  this.timeout(120_000);
  let tool: RawTool;
  let fixture: ProcessFixture;
  let cgroup: MemoryCgroup | undefined;
  let proxy: ProxyProcess;
  /** Sends the response to a request for a token. */
  let giveToken: (socket: Socket) => void;

  beforeEach(async () => {
    tool = await RawTool.start((socket, head) => {
      if (head.startsWith('GET /token')) giveToken(socket);
      else if (/^authorization: bearer/im.test(head)) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      else {
        const challenge = `WWW-Authenticate: Bearer realm="${tool.url}/token",service="registry"`;
        socket.write(`HTTP/1.1 401 Unauthorized\r\n${challenge}\r\nContent-Length: 0\r\n\r\n`);
      }
    });
    fixture = await ProcessFixture.start([
      ...connectors.map((name) => connector(name, tool.url, { secret: 'login' })),
      secret('login', 'cpaas.io/distribution-registry-token', { username: 'robot', password: credentialCanary }),
      ...grant('builder', connectors),
    ]);
    cgroup = MemoryCgroup.make(deployedMemoryBytes());
    proxy = await fixture.replica(['tool.example'], [], {
      env: deployedEnv(),
      ...(cgroup === undefined ? {} : { entering: cgroup.entering }),
    });
  });

  afterEach(async () => {
    await fixture.stop();
    await tool.stop();
    cgroup?.remove();
  });

  /** Statuses of requests to one repository, of each Connector one. */
  async function pull(repository: string): Promise<readonly number[]> {
    const token = fixture.token({ pod: 'puller' });
    const clients = connectors.map((name) => new ProxyClient(proxy.port, `ci/${name}`, token, fixture.authority));
    const url = `${tool.url}/v2/${repository}/manifests/latest`;
    const answers = await Promise.all(clients.map((client) => client.get(url)));
    return answers.map(({ status }) => status);
  }

  it('survives responses in chunks of one byte', async () => {
    giveToken = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (let block = 0; block < 64; block += 1) socket.write(oneByteChunks);
    };
    const statuses = await Promise.all(['app', 'base', 'tools'].map((repository) => pull(repository)));
    // The chunks are too many, or they do not arrive in time at the rate of all streams.
    assert.deepEqual(
      statuses.flat().filter((status) => status !== 502 && status !== 504),
      [],
    );
    assert.ok(!proxy.hasEnded, proxy.log);
  });

  it('survives hundreds of tokens of a megabyte', async () => {
    const body = JSON.stringify({ token: 'x'.repeat(1_000_000), expires_in: 86_400 });
    giveToken = (socket) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    for (let at = 0; at < 100; at += 1) assert.deepEqual(await pull(`app-${at}`), [502, 502, 502, 502]);
    assert.ok(!proxy.hasEnded, proxy.log);
  });
});
