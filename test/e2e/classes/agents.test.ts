import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterOneLine, needsPackaged, packaged } from '../../support/e2e/activated.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { needsKnownPorts, ownAddress } from '../../support/e2e/host-names.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { secret } from '../../support/proxy/manifests.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const apis = {
  anthropic: { host: 'api.anthropic.com', variable: 'ANTHROPIC_API_KEY', header: 'x-api-key', key: toolPassword },
  openai: {
    host: 'api.openai.com',
    variable: 'OPENAI_API_KEY',
    header: 'authorization',
    key: `Bearer ${toolPassword}`,
  },
} as const;
type Api = keyof typeof apis;

/** A streamed answer in two halves: the program asks for the models when it has the first. */
const halves: Readonly<Record<Api, readonly [string, string]>> = {
  anthropic: [
    events([
      [
        'message_start',
        { message: { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [], usage: {} } },
      ],
      ['content_block_start', { index: 0, content_block: { type: 'text', text: '' } }],
      ['content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Hello, ' } }],
    ]),
    events([
      ['content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'world' } }],
      ['content_block_stop', { index: 0 }],
      ['message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } }],
      ['message_stop', {}],
    ]),
  ],
  openai: [chunk('Hello, '), `${chunk('world')}data: [DONE]\n\n`],
};

function events(list: readonly (readonly [type: string, data: object])[]): string {
  return list.map(([type, data]) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`).join('');
}

function chunk(content: string): string {
  const choices = [{ index: 0, delta: { role: 'assistant', content }, finish_reason: null }];
  return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices })}\n\n`;
}

const programs: Readonly<Record<Api, string>> = {
  anthropic: `
    const client = new (require(${JSON.stringify(packaged('@anthropic-ai/sdk'))}).default)({ maxRetries: 0 });
    const stream = client.messages.stream({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] });
    for await (const event of stream) {
      if (event.type !== 'content_block_delta') continue;
      console.log(event.delta.text);
      if (event.delta.text === 'Hello, ') await client.models.list();
    }
    await client.get('/v1/organizations/api_keys').catch(({ status, message }) => console.log(status, message));`,
  openai: `
    const client = new (require(${JSON.stringify(packaged('openai'))}).default)({ maxRetries: 0 });
    const stream = await client.chat.completions.create({
      model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }],
    });
    for await (const { choices } of stream) {
      console.log(choices[0].delta.content);
      if (choices[0].delta.content === 'Hello, ') await client.models.list();
    }
    await client.post('/realtime/client_secrets', { body: {} }).catch(({ status, message }) => console.log(status, message));`,
};

describe('agents without keys', function () {
  this.timeout(120_000);
  let tool: ToolServer;
  /** Sends the second half, by API. */
  const rest = new Map<string, () => void>();
  const volumes = {} as Record<Api, TestVolume>;

  before(needsKnownPorts);
  before(needsPackaged('@anthropic-ai/sdk', 'openai'));
  const hosts = Object.values(apis).map(({ host }) => host);
  const use = useFlowFixture({ hosts: [], knownHosts: hosts }, [], async (fixture) => {
    tool = new ToolServer('https', answer, hosts);
    tool.server.on('upgrade', (request: IncomingMessage, socket) => {
      const key = `${String(request.headers['sec-websocket-key'])}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = createHash('sha1').update(key).digest('base64');
      const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
      const isMine = request.headers.authorization === apis.openai.key;
      // A frame with text, and one that closes (RFC 6455, 5.2).
      socket.end(
        Buffer.concat([
          Buffer.from(head),
          Buffer.from([0x81, 2]),
          Buffer.from(isMine ? 'ok' : 'no'),
          Buffer.from([0x88, 0]),
        ]),
      );
    });
    await new Promise<void>((resolve) => tool.server.listen(443, ownAddress, resolve));
    fixture.onStop(() => tool.stop());
    fixture.put(secret('model-key', 'Opaque', { token: toolPassword }));
    for (const name of Object.keys(apis) as Api[]) {
      fixture.useClass(name);
      fixture.connect(name, `https://${apis[name].host}`, { className: name, secret: 'model-key', auth: 'apiKeyAuth' });
      fixture.onStop(fixture.allow([name]));
      volumes[name] = await fixture.volume({ attributes: { connectors: name, 'configuration.names': 'sdk' } });
    }
  });

  function answer({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
    const [name, { header, key }] = Object.entries(apis).find(([, { host }]) => host === headers.host)! as [
      Api,
      (typeof apis)[Api],
    ];
    if (headers[header] !== key) response.writeHead(401).end();
    else if (url === '/v1/messages' || url === '/v1/chat/completions') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(halves[name][0]);
      rest.set(name, () => response.end(halves[name][1]));
    } else {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"data":[],"has_more":false}');
      rest.get(name)?.();
    }
  }

  for (const name of ['anthropic', 'openai'] as const) {
    it(`stream answers with the SDK of ${name}, and get no further key`, async () => {
      const script = `(async () => {${programs[name]}})().catch((error) => { console.error(error); process.exit(1); })`;
      const file = `${name}.cjs`;
      const before = `cat >${file} <<'END'\n${script}\nEND`;
      const printed = await afterOneLine(use.fixture, volumes[name], {
        before,
        command: `${process.execPath} ${file}`,
      });
      const [hello, world, denied = ''] = printed.split('\n');
      assert.deepEqual([hello, world], ['Hello, ', 'world']);
      assert.match(denied, /^403 .*connectorclass/);
      assert.ok(tool.seen.every(({ url }) => !/organizations|client_secrets/.test(url)));
      const { variable } = apis[name];
      const shown = await afterOneLine(use.fixture, volumes[name], { command: `sh -c 'echo $${variable}'` });
      assert.equal(shown, 'the-proxy-adds-the-key\n');
    });
  }

  it('use a WebSocket', async () => {
    const script = `const socket = new WebSocket("wss://api.openai.com/v1/realtime?model=m");
      socket.onmessage = ({ data }) => console.log(data);
      socket.onerror = () => process.exit(1);`;
    const before = `cat >socket.cjs <<'END'\n${script}\nEND`;
    const printed = await afterOneLine(use.fixture, volumes.openai, {
      before,
      command: `${process.execPath} socket.cjs`,
    });
    assert.equal(printed, 'ok\n');
  });
});
