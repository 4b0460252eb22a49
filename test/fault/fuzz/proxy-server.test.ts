import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fuzzSettings } from '../../support/fuzz/fuzz-run.ts';
import { mutatedBytes } from '../../support/fuzz/mutations.ts';
import { sendAll } from '../../support/fuzz/raw-exchange.ts';
import type { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, toolWithLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { eventually } from '../../support/poll.ts';

const { cases, seed } = fuzzSettings(1200);
const share = 0.5;
const batchSize = 64;

describe("the proxy's port", () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;
  let client: ProxyClient;
  const unhandled: unknown[] = [];
  const keep = (reason: unknown): void => void unhandled.push(reason);

  before(async () => {
    process.on('unhandledRejection', keep);
    tool = await ToolServer.start('http', (request, response) => {
      request.resume().on('end', () => response.end('hello'));
    });
    fixture = await ProxyFixture.start(toolWithLogin(tool.url()));
    client = await fixture.client();
    console.log(`      seed ${seed} (FUZZ_SEED)`);
  });
  after(async () => {
    process.off('unhandledRejection', keep);
    await fixture.stop();
    await tool.stop();
  });

  const at = (path: string): string => `${tool.url()}${path}`;

  const servesAsEver = async (): Promise<void> => {
    const { status, body } = await client.get(at('/x'));
    assert.equal(`${status} ${body}`, '200 hello');
  };

  /** What tools say that use the proxy, whole. */
  const requests = (): readonly Buffer[] => {
    const { host } = new URL(tool.url());
    const authorization = `Proxy-Authorization: ${client.authorization}`;
    const login = `Authorization: ${client.authorization}`;
    return [
      `GET ${at('/a?b=c')} HTTP/1.1\r\nHost: ${host}\r\n${authorization}\r\nConnection: close, X-A\r\nX-A: b\r\n\r\n`,
      `POST ${at('/a')} HTTP/1.1\r\nHost: ${host}\r\n${authorization}\r\nContent-Length: 5\r\n\r\nhello`,
      `PUT ${at('/a')} HTTP/1.1\r\nHost: ${host}\r\n${authorization}\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n`,
      `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n${authorization}\r\n\r\nGET /in HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      `GET /namespaces/ci/connectors/tool/x HTTP/1.1\r\nHost: proxy\r\n${login}\r\n\r\n`,
      `GET /v2/ HTTP/1.1\r\nHost: proxy\r\n${login}\r\n\r\n`,
      `GET ${at('/u')} HTTP/1.1\r\nHost: ${host}\r\n${authorization}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    ].map((text) => Buffer.from(text));
  };

  it('serves as ever whatever clients say, and keeps no tunnel', async function () {
    this.timeout(600_000);
    const noise = fc.uint8Array({ maxLength: 512 }).map((bytes) => Buffer.from(bytes));
    for (const input of [noise, mutatedBytes(requests())]) {
      const sent = fc.sample(input, { numRuns: Math.ceil(cases * share), seed });
      // Rejections are rate-limited by address.
      for (let batch = 0; batch * batchSize < sent.length; batch += 1) {
        const localAddress = `127.1.${batch >> 8}.${batch & 255}`;
        const inputs = sent.slice(batch * batchSize, (batch + 1) * batchSize);
        await sendAll({ port: fixture.port, host: '127.0.0.1', localAddress }, inputs);
      }
      await servesAsEver();
    }
    const isAtRest = async (): Promise<boolean> =>
      !/^connectors_proxy_tunnels(\{.*\})? [1-9]/m.test(await fixture.metrics());
    await eventually('no tunnel is open any more', isAtRest);
    assert.deepEqual(unhandled, []);
  });
});
