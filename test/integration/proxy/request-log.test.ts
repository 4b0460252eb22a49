import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { Socket } from 'node:net';
import path from 'node:path';
import { Ajv } from 'ajv';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { deployFolder } from '../../support/deploy/manifests.ts';
import { connector, grant } from '../../support/proxy/manifests.ts';
import { ProxyFixture, robotLogin, toolWithLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { sendOn } from '../../support/proxy/proxy-client.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

const schema = readFileSync(path.join(deployFolder, 'schemas', 'request-log.json'), 'utf8');
const isOfSchema = new Ajv({ strict: true }).compile(JSON.parse(schema) as object);

describe("the proxy's log of requests", () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;

  beforeEach(async () => {
    tool = await ToolServer.start('http');
    fixture = await ProxyFixture.start([
      connector('tool', tool.url(), { secret: 'login' }),
      connector('other', 'http://other.example', { secret: 'login' }),
      robotLogin,
      ...grant('builder', ['tool']),
    ]);
  });

  afterEach(async () => {
    for (const line of fixture.requests) assert.ok(isOfSchema(line), JSON.stringify([line, isOfSchema.errors]));
    await fixture.stop();
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

  /** Returns the line of a request, which can be later than its response. */
  const lineOf = async (send: () => Promise<unknown>): Promise<Readonly<Record<string, unknown>>> => {
    const { length } = fixture.requests;
    await send();
    await eventually('the request is logged', () => fixture.requests.length > length);
    return fixture.requests[length] ?? {};
  };

  describe('has the bytes of a request and its response, headers included', () => {
    /** Sends a request on a connection. Its line must have the bytes that the client has written and read. */
    const exchange = async (socket: Socket, target: string, headers: Headers, body: string): Promise<unknown> => {
      const before = [socket.bytesWritten, socket.bytesRead] as const;
      const line = await lineOf(() => sendOn(socket, target, { method: 'PUT', headers, body }));
      assert.equal(line['bytesReceived'], socket.bytesWritten - before[0]);
      assert.equal(line['bytesSent'], socket.bytesRead - before[1]);
      return [line['mode'], line['status']];
    };
    type Headers = Readonly<Record<string, string>>;

    for (const bytes of [0, 42, 2_000, 30_000, 300_000]) {
      it(`with a body of ${bytes} bytes, on fresh and kept connections`, async () => {
        // Other tools respond before they have read the request.
        tool.answer = (request, response) => void request.resume().once('end', () => response.end('done'));
        const client = await fixture.client('ci/tool,ci/other');
        const host = new URL(tool.url()).host;
        const headers = { host, 'proxy-authorization': client.authorization };
        const socket = await client.raw();
        const tunnel = await client.tunnel(host);
        for (let times = 0; times < 3; times += 1) {
          const body = 'x'.repeat(bytes + times);
          assert.deepEqual(await exchange(socket, tool.url(), headers, body), ['forward', 200]);
          assert.deepEqual(await exchange(tunnel, '/', { host }, body), ['intercepted', 200]);
          // With a longer body, what is discarded after the response counts for the next request.
          const denied = { ...headers, host: 'other.example' };
          assert.deepEqual(await exchange(socket, 'http://other.example/', denied, 'x'), ['forward', 403]);
        }
        socket.destroy();
        tunnel.destroy();
      });
    }

    it('of a CONNECT that is rejected, and of a tunnel', async () => {
      const elsewhere = started(await ToolServer.start('http', undefined, ['elsewhere.example']));
      for (const [expiresIn, status] of [
        [-10, 407],
        [600, 200],
      ] as const) {
        const client = await fixture.client('ci/tool', { expiresIn });
        let socket: Socket | undefined;
        const line = await lineOf(async () => {
          ({ socket } = await client.connect(`elsewhere.example:${elsewhere.port}`));
          if (status === 200) await sendOn(socket, '/', { headers: { connection: 'close' } });
        });
        assert.deepEqual([line['status'], line['bytesReceived']], [status, socket?.bytesWritten]);
        assert.ok(status === 407 ? Number(line['bytesSent']) > 100 : line['bytesSent'] === socket?.bytesRead);
        socket?.destroy();
      }
    });
  });

  it('has the ID of the trace that the tool gets', async () => {
    const client = await fixture.client();
    const id = '0af7651916cd43dd8448eb211c80319c';
    for (const [traceparent, traceId] of [
      [`00-${id}-b7ad6b7169203331-01`, id],
      [`01-${id}-b7ad6b7169203331-01-more`, id],
      [`ff-${id}-b7ad6b7169203331-01`, undefined],
      [`00-${id.toUpperCase()}-b7ad6b7169203331-01`, undefined],
      [`00-${'0'.repeat(32)}-b7ad6b7169203331-01`, undefined],
      ['eyJhbGciOi', undefined],
      [[`00-${id}-b7ad6b7169203331-01`, `00-${id}-b7ad6b7169203331-00`], undefined],
    ] as const) {
      const headers = { traceparent: traceparent as string };
      const line = await lineOf(() => client.get(tool.url(), { headers }));
      const { rawHeaders = [] } = tool.seen.at(-1) ?? {};
      const sent = rawHeaders.filter((_value, at) => rawHeaders[at - 1] === 'traceparent');
      assert.deepEqual(sent, [traceparent].flat());
      assert.equal(line['traceId'], traceId, String(traceparent));
    }
  });

  it('has a description of each field', () => {
    const { properties } = JSON.parse(schema) as { properties: Record<string, { description?: string }> };
    for (const [name, { description = '' }] of Object.entries(properties))
      assert.match(description, /^[A-Z].{9,}\.$/, name);
  });

  it('does not grow with the requests of a client that is rejected', async () => {
    const { burst, everyMs, common, rejectionMs } = proxyLimits.thread;
    let nowMs = 0;
    const still = started(await ProxyFixture.start(toolWithLogin(tool.url()), { monotonicNow: () => nowMs }));
    // So slowly that what all have in common is not used up, only the share of the address.
    const stepMs = common.everyMs * rejectionMs;
    const lines = burst / (rejectionMs - stepMs / everyMs);
    const count = Math.ceil(lines) + 10;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const forged = await still.client('ci/tool', { expiresIn: -10 });
    for (let made = 0; made < count; made += 1) {
      nowMs += stepMs;
      assert.equal((await forged.get(tool.url(), {}, agent)).status, 407);
    }
    agent.destroy();
    assert.ok(Math.abs(still.requests.length - lines) <= 1, `${still.requests.length} of ${count} lines`);
    assert.match(await still.metrics(), new RegExp(`requests_total\\{[^}]*code="407"[^}]*\\} ${count}\n`));
    // Served ones are still there.
    assert.equal((await (await still.client()).get(tool.url())).status, 200);
    assert.equal(still.requests.at(-1)?.['status'], 200);
  });
});
