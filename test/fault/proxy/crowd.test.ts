import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { eventually } from '../../support/poll.js';
import { connector, grant, secret } from '../../support/proxy/manifests.js';
import { ProcessStage } from '../../support/proxy/process-stage.js';
import { ProxyClient, headOf } from '../../support/proxy/proxy-client.js';
import { credentialCanary } from '../../support/proxy/proxy-stage.js';
import { ToolServer } from '../../support/proxy/tool-server.js';

const wanted = 10_000;
/** `--max-connections-per-client` is 2,000. */
const perAddress = 1_900;
const batch = 250;
/** The limit of deploy/proxy is above that. */
const mostMib = 400;

/** Connections that this process and the proxy's can have, each with some files of its own. */
function affordable(): number {
  const limit = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  return limit === 'unlimited' ? wanted : Math.min(wanted, Number(limit) - 500);
}

describe('a proxy with a crowd of idle connections', function () {
  this.timeout(180_000);

  it('serves who comes on, within its memory', async () => {
    const tool = await ToolServer.start('http');
    const stage = await ProcessStage.start([
      connector('tool', tool.url(), { secret: 'login' }),
      secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password: credentialCanary }),
      ...grant('builder', ['tool']),
    ]);
    const sockets: Socket[] = [];
    try {
      const proxy = await stage.replica(['tool.example']);
      const count = affordable();
      while (sockets.length < count) {
        const more = Array.from({ length: Math.min(batch, count - sockets.length) }, async (_each, at) => {
          const localAddress = `127.0.1.${1 + Math.floor((sockets.length + at) / perAddress)}`;
          const socket = connect({ port: proxy.port, host: '127.0.0.1', localAddress });
          socket.on('error', () => undefined);
          await once(socket, 'connect');
          socket.write(`GET ${tool.url()}/ HTTP/1.1\r\nHost: tool.example\r\n\r\n`);
          assert.match(await headOf(socket), /^HTTP\/1\.1 407 .*\r\nConnection: keep-alive\r\n/s);
          return socket;
        });
        sockets.push(...(await Promise.all(more)));
      }
      const client = new ProxyClient(proxy.port, 'ci/tool', await stage.keys.token(), '');
      assert.equal((await client.get(tool.url())).status, 200);
      assert.ok(proxy.peakMib < mostMib, `${proxy.peakMib} MiB for ${count} connections`);
      for (const socket of sockets) socket.destroy();
      await eventually('those who come then are served', async () => (await client.get(tool.url())).status === 200);
    } finally {
      for (const socket of sockets) socket.destroy();
      await stage.stop();
      await tool.stop();
    }
  });
});
