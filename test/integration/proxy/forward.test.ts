import assert from 'node:assert/strict';
import { eventually } from '../../support/poll.ts';
import { ProxyFixture, robotBasic, toolWithLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

describe('a request in absolute form', () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;

  beforeEach(async () => {
    tool = started(await ToolServer.start('http'));
    fixture = started(await ProxyFixture.start(toolWithLogin(tool.url())));
  });

  it('reaches the tool with its credential and without what is meant for the proxy', async () => {
    const client = await fixture.client();
    const answer = await client.get(`${tool.url()}/a/b?q=1`, {
      headers: { authorization: 'Basic bm9ib2R5', 'proxy-connection': 'keep-alive', 'x-own': 'yes' },
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.body, 'hello');
    const [seen] = tool.seen;
    assert.equal(seen?.url, '/a/b?q=1');
    assert.equal(seen.headers.authorization, robotBasic);
    assert.equal(seen.headers.host, `tool.example:${tool.port}`);
    assert.equal(seen.headers['x-own'], 'yes');
    assert.match(seen.headers.via ?? '', /^1\.1 connectors-proxy-[0-9a-f]{16}$/);
    const names = seen.rawHeaders.filter((_text, at) => at % 2 === 0).map((name) => name.toLowerCase());
    assert.deepEqual(
      names.filter((name) => name.startsWith('proxy-')),
      [],
    );
  });

  it('is answered 407 without credentials, on a connection that stays usable', async () => {
    const client = await fixture.client();
    const socket = await client.raw();
    const request = (extra: string): string => `GET ${tool.url()}/ HTTP/1.1\r\nHost: tool.example\r\n${extra}\r\n`;
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.write(request(''));
    await eventually('the 407 is there', () => text.includes('\n\r\n') && text.includes('volume'));
    assert.match(text, /^HTTP\/1\.1 407 .*\r\nProxy-Authenticate: Basic realm="connectors"\r\n/s);
    text = '';
    socket.write(request(`Proxy-Authorization: ${client.authorization}\r\n`));
    await eventually('the answer is there', () => text.includes('hello'));
    assert.match(text, /^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  it('is told in one line, without query and without headers', async () => {
    const client = await fixture.client();
    await client.get(`${tool.url()}/a/b?secret=1`);
    await eventually('the request is in the log', () => fixture.requests.length === 1);
    const [line] = fixture.requests;
    assert.equal(line?.['path'], '/a/b');
    assert.equal(line['connector'], 'ci/tool');
    assert.equal(line['serviceAccount'], 'ci/builder');
    assert.equal(line['pod'], 'ci/build-1');
    assert.equal(line['status'], 200);
    assert.ok(!fixture.log.includes('secret=1'));
  });

  it('uses the connections of one burst to the tool for the next', async () => {
    const clients = 150;
    let opened = 0;
    tool.server.on('connection', () => (opened += 1));
    const waiting: (() => void)[] = [];
    tool.answer = (_request, response) => {
      waiting.push(() => void response.end('hello'));
      // All at once, so that all connections are free at once.
      if (waiting.length === clients) for (const end of waiting.splice(0)) end();
    };
    const client = await fixture.client();
    const burst = async (): Promise<number> => {
      const before = opened;
      await Promise.all(Array.from({ length: clients }, () => client.get(`${tool.url()}/`)));
      return opened - before;
    };
    assert.equal(await burst(), clients);
    // On a busy machine some of them end before the next burst, as idle ones do.
    await eventually('a burst opens no connection', async () => (await burst()) === 0);
  });
});
