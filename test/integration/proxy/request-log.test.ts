import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { Ajv } from 'ajv';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { deployFolder } from '../../support/deploy/manifests.ts';
import { connector, grant } from '../../support/proxy/manifests.ts';
import { ProxyFixture, robotLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const schema = readFileSync(path.join(deployFolder, 'schemas', 'request-log.json'), 'utf8');
const isOfSchema = new Ajv({ strict: true }).compile(JSON.parse(schema) as object);

describe("the proxy's log of requests", () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;
  let isStopped: boolean;

  beforeEach(async () => {
    tool = await ToolServer.start('http');
    fixture = await ProxyFixture.start([
      connector('tool', tool.url(), { secret: 'login' }),
      connector('other', 'http://other.example', { secret: 'login' }),
      robotLogin,
      ...grant('builder', ['tool']),
    ]);
    isStopped = false;
  });

  afterEach(async () => {
    for (const line of fixture.requests) assert.ok(isOfSchema(line), JSON.stringify([line, isOfSchema.errors]));
    if (!isStopped) await fixture.stop();
    await tool.stop();
  });

  /** Of the last request. */
  const logged = (): unknown => {
    const { mode, status, connector: named } = fixture.requests.at(-1) ?? {};
    return [mode, status, named];
  };
  const named = (count: number): string[] => Array.from({ length: count }, (_, at) => `ci/no-${at}`);

  describe('names the connector', () => {
    it('that a request in absolute form is for, also if it is rejected', async () => {
      const client = await fixture.client('ci/tool,ci/other');
      await client.get(tool.url());
      assert.deepEqual(logged(), ['forward', 200, 'ci/tool']);
      await client.get('http://other.example/');
      assert.deepEqual(logged(), ['forward', 403, 'ci/other']);
    });

    it('that a tunnel is for, also if it is rejected', async () => {
      const client = await fixture.client('ci/tool,ci/other');
      const { socket } = await client.connect('other.example:80');
      socket.destroy();
      assert.deepEqual(logged(), ['tunnel', 403, 'ci/other']);
    });

    it('that a client in reverse mode names, also without a valid token', async () => {
      const client = await fixture.client();
      await client.reverse('/namespaces/ci/connectors/tool/', {}, null);
      assert.deepEqual(logged(), ['reverse', 401, 'ci/tool']);
      await client.reverse('/namespaces/ci/connectors/other/');
      assert.deepEqual(logged(), ['reverse', 403, 'ci/other']);
    });

    it('of those that a client names, the first four, if a rejected request is for none of them', async () => {
      await (await fixture.client('ci/no-0,ci/no-1')).get(tool.url());
      assert.deepEqual(logged(), ['forward', 403, 'ci/no-0,ci/no-1']);
      await (await fixture.client(named(32).join())).get(tool.url());
      assert.deepEqual(logged(), ['forward', 403, 'ci/no-0,ci/no-1,ci/no-2,ci/no-3 and 28 more']);
      const expired = await fixture.client('ci/tool', { expiresIn: -10 });
      await expired.get(tool.url());
      assert.deepEqual(logged(), ['forward', 407, 'ci/tool']);
      const { socket } = await expired.connect('other.example:443');
      socket.destroy();
      assert.deepEqual(logged(), ['tunnel', 407, 'ci/tool']);
    });

    it('of no request that is served without a credential', async () => {
      const elsewhere = started(await ToolServer.start('http', undefined, ['elsewhere.example']));
      await (await fixture.client()).get(elsewhere.url('elsewhere.example'));
      assert.deepEqual(logged(), ['forward', 200, undefined]);
    });
  });

  it('does not grow with the requests of a client that is rejected', async () => {
    const rejected = 300;
    const startMs = performance.now();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const forged = await fixture.client('ci/tool', { expiresIn: -10 });
    for (let made = 0; made < rejected; made += 1) {
      assert.equal((await forged.get(tool.url(), {}, agent)).status, 407);
    }
    agent.destroy();
    const tookMs = performance.now() - startMs;
    const lines = fixture.requests.length;
    assert.ok(lines <= proxyLimits.requestLog.burst + tookMs / proxyLimits.requestLog.everyMs + 1, String(lines));
    assert.match(await fixture.metrics(), new RegExp(`requests_total\\{[^}]*code="407"[^}]*\\} ${rejected}\n`));
    // Those of another client are still there, and those that are served.
    await (await fixture.client('ci/other')).get('http://other.example/');
    await (await fixture.client()).get(tool.url());
    assert.deepEqual(
      fixture.requests.slice(lines).map(({ pod, status }) => [pod, status]),
      [
        ['ci/build-1', 403],
        ['ci/build-1', 200],
      ],
    );
    isStopped = true;
    await fixture.stop();
    const reports = fixture.log.split('\n').filter((line) => line.includes('Suppressed log lines'));
    assert.deepEqual(
      reports.map((line) => (JSON.parse(line) as Record<string, unknown>)['count']),
      [rejected - lines],
    );
  });
});
