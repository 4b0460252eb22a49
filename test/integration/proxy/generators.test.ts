import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { connector, connectorClass, grant, secret } from '../../support/proxy/manifests.ts';
import type { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, credentialCanary, robotBasic } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const queryKey = '{"query": {"api_key": secret.token}}';
const listOfTen = '[1,2,3,4,5,6,7,8,9,10]';

/** An expression of loops in loops. */
function nested(depth: number, innermost: string): string {
  let expression = innermost;
  for (let level = 0; level < depth; level += 1) expression = `${listOfTen}.map(x${level}, ${expression})`;
  return expression;
}

describe('A generator of a class', function () {
  this.timeout(120_000);

  let tool: ToolServer;
  let fixture: ProxyFixture;
  let client: ProxyClient;

  beforeEach(async () => {
    tool = started(await ToolServer.start('http'));
    fixture = started(await ProxyFixture.start([]));
    client = await fixture.client();
  });

  const put = (generator: object, data: Readonly<Record<string, string>> = { token: credentialCanary }): void =>
    fixture.put([
      connector('tool', tool.url(), { secret: 'login', className: 'made', auth: 'own' }),
      connectorClass('made', { auth: { types: [{ name: 'own', generator }] } }),
      secret('login', 'Opaque', data),
      ...grant('builder', ['tool']),
    ]);

  it('makes headers from the Secret, in place of those of the client in every spelling', async () => {
    put({ cel: '{"headers": {"X-Api-Key": secret.token}}' }, { token: `${credentialCanary}\n` });
    const headers = { 'x-api-key': 'mine', 'X_Api-Key': 'mine', x_api_key: 'mine', authorization: 'mine' };
    assert.equal((await client.get(tool.url(), { headers })).status, 200);
    const sent = tool.seen[0]?.headers ?? {};
    assert.equal(sent['x-api-key'], credentialCanary);
    assert.ok(!JSON.stringify(sent).includes('mine'));
  });

  it('replaces the client’s trailers of the same name', async () => {
    put({ cel: '{"headers": {"X-Api-Key": secret.token}}' });
    tool.answer = (received, response) => received.once('end', () => response.end('hello'));
    const chunked = [
      `POST ${tool.url()}/ HTTP/1.1`,
      `Host: tool.example:${tool.port}`,
      `Proxy-Authorization: ${client.authorization}`,
      'TE: trailers',
      'Connection: close, TE',
      'Trailer: X_Api_Key, X-Sum',
      'Transfer-Encoding: chunked',
      '',
      '1\r\na\r\n0\r\nX_Api_Key: mine\r\nX-Sum: 1\r\n\r\n',
    ].join('\r\n');
    assert.match(await client.exchange(chunked), /^HTTP\/1\.1 200/);
    const [seen] = tool.seen;
    assert.ok(seen !== undefined);
    assert.equal(seen.headers['x-api-key'], credentialCanary);
    assert.deepEqual(seen.rawTrailers, ['X-Sum', '1']);
  });

  it('adds a header for Basic authentication from two keys', async () => {
    put(
      { cel: '{"headers": {"Authorization": "Basic " + base64.encode(secret.user + ":" + secret.pass)}}' },
      { user: 'robot', pass: credentialCanary },
    );
    assert.equal((await client.get(tool.url())).status, 200);
    assert.equal(tool.seen[0]?.headers.authorization, robotBasic);
  });

  it('signs each request with its method, path, query and time', async () => {
    put({
      cel: `{"headers": {
        "X-Time": string(int(now)),
        "X-Signature": hex.encode(hmac.sha256(secret.token, request.method + request.host + request.path + "?" + request.query + string(int(now))))
      }}`,
    });
    for (const path of ['/a', '/b%2Fc?x=1&y=2?']) {
      assert.equal((await client.get(`${tool.url()}${path}`, { method: 'PUT' })).status, 200);
      const { headers = {} } = tool.seen.at(-1) ?? {};
      const time = String(headers['x-time']);
      const signed = `PUTtool.example:${tool.port}${path.includes('?') ? path : `${path}?`}${time}`;
      const expected = createHmac('sha256', credentialCanary).update(signed).digest('hex');
      assert.equal(headers['x-signature'], expected);
      assert.match(time, /^\d{10}$/);
    }
  });

  it('uses a changed Secret for the next request', async () => {
    put({ cel: queryKey }, { token: 'outdated-key' });
    await client.get(tool.url());
    put({ cel: queryKey });
    await client.get(`${tool.url()}/?a=1`);
    assert.equal(tool.seen.at(-1)?.url, `/?a=1&api_key=${credentialCanary}`);
  });

  const spellings: readonly (readonly [sent: string, kept: string])[] = [
    ['/p', '/p?'],
    ['/p?', '/p?'],
    ['/p?a=1', '/p?a=1&'],
    ['/p?api_key=mine', '/p?'],
    ['/p?api_key=mine&a=1', '/p?a=1&'],
    ['/p?a=1;api_key=mine;b=2', '/p?a=1;b=2&'],
    ['/p?%61pi_key=mine&API_KEY=mine&api%5Fkey=mine', '/p?'],
    ['/p?%2561pi_key=mine&a=%20', '/p?a=%20&'],
    ['/p?api.key=mine&api+key=mine&api%20key=mine', '/p?'],
    ['/p?api_key[]=mine&api_key%5B0%5D=mine&api_key[a][b]=mine', '/p?'],
    ['/p?+api_key=mine&?api_key=mine&api_key%00x=mine&api_key', '/p?'],
    ['/p?my_api_key=1&api_keys=2', '/p?my_api_key=1&api_keys=2&'],
  ];
  it('adds a query parameter in place of the client’s in every spelling', async () => {
    put({ cel: queryKey });
    for (const [sent, kept] of spellings) {
      assert.equal((await client.get(`${tool.url()}${sent}`)).status, 200, sent);
      assert.equal(tool.seen.at(-1)?.url, `${kept}api_key=${credentialCanary}`, sent);
    }
    assert.ok(fixture.requests.every((line) => !JSON.stringify(line).includes('api_key')));
  });

  it('encodes all of a value that could be syntax', async () => {
    put({ cel: '{"query": {"key[a]": secret.token}}' }, { token: 'a&b=c;d+e f#%é' });
    assert.equal((await client.get(tool.url())).status, 200);
    const parameters = new URL(tool.seen[0]?.url ?? '', 'http://tool').searchParams;
    assert.equal(parameters.get('key[a]'), 'a&b=c;d+e f#%é');
  });

  it('keeps its query parameter out of responses', async () => {
    put({ cel: queryKey });
    const base = tool.url();
    const fields: readonly (readonly [name: string, sent: string, received: string | undefined])[] = [
      ['location', `${base}/next?page=2&api_key=${credentialCanary}#a`, `${base}/next?page=2#a`],
      [
        'link',
        `<${base}/?api_key=${credentialCanary}&p=2>; rel="next", </x?API%5FKEY=1>`,
        `<${base}/?p=2>; rel="next", </x>`,
      ],
      ['refresh', `0; url=/x?api_key=${credentialCanary}`, '0; url=/x'],
      ['content-location', `/x?back=%2F%3Fapi_key%3D${credentialCanary}`, undefined],
      ['x-echo', `key ${credentialCanary}`, undefined],
      ['x-other', 'kept?a=1', 'kept?a=1'],
    ];
    tool.answer = (_request, response) => {
      for (const [name, sent] of fields) response.setHeader(name, sent);
      response.writeHead(302, { trailer: 'x-sum, x-leak' });
      response.addTrailers([
        ['x-sum', '1'],
        ['x-leak', credentialCanary],
      ]);
      response.end();
    };
    for (const answer of [
      await client.get(`${base}/`, { headers: { te: 'trailers', connection: 'te' } }),
      await client.reverse('/namespaces/ci/connectors/tool/'),
    ]) {
      assert.equal(answer.status, 302);
      assert.ok(!JSON.stringify([answer.rawHeaders, answer.rawTrailers]).includes(credentialCanary));
    }
    const { headers } = await client.get(`${base}/`);
    for (const [name, , received] of fields) assert.equal(headers[name], received, name);
  });

  it('serves reverse mode and tunnels, with the same replacements', async () => {
    const secure = started(await ToolServer.start('https'));
    fixture.put([
      connector('tool', secure.url(), { secret: 'login', className: 'made', auth: 'own', caSecret: 'tool-ca' }),
      connectorClass('made', {
        auth: {
          types: [
            { name: 'own', generator: { cel: '{"headers": {"X-Key": secret.token}, "query": {"k": secret.token}}' } },
          ],
        },
      }),
      secret('login', 'Opaque', { token: credentialCanary }),
      ...grant('builder', ['tool']),
    ]);
    const headers = { 'x-key': 'mine' };
    const reverse = await client.reverse('/namespaces/ci/connectors/tool/p?k=mine&a=1', { headers });
    const tunnel = await client.getSecurely(`${secure.url()}/p?k=mine&a=1`, { headers });
    assert.deepEqual([reverse.status, tunnel.status], [200, 200]);
    for (const { url, headers: seen } of secure.seen) {
      assert.equal(url, `/p?a=1&k=${credentialCanary}`);
      assert.equal(seen['x-key'], credentialCanary);
      assert.equal(seen.authorization, undefined);
    }
    assert.equal(secure.seen.length, 2);
  });

  const refused: readonly (readonly [what: string, cel: unknown, message: RegExp])[] = [
    ['is no CEL', '{"headers": ', /generator\.cel of auth type "own": line 1, column 13: unexpected end of input/],
    ['has an unknown name', '{"headers": {\n"X": secrets.a}}', /line 2, column 6: unresolved attribute/],
    ['has an unknown function', '{"headers": {"X": md5(secret.token)}}', /unbound function: md5/],
    ['has no string', { a: 1 }, /generator\.cel of auth type "own" must be a string/],
    ['is too long', `"${'x'.repeat(9000)}"`, /must have at most 8192 characters/],
    ['sets Host', '{"headers": {"Host": "x"}}', /headers "Host" frames or routes the request/],
    ['sets Proxy-X', '{"headers": {"proxy_x": "x"}}', /headers "proxy_x" frames or routes/],
    ['sets Host by a key', '{"headers": {secret.name: "x"}}', /headers number 1 frames or routes/],
    ['makes a header of two lines', '{"headers": {"X": secret.lines}}', /the value of headers "X" has characters that/],
    [
      'needs a key that is missing',
      '{"headers": {"X": secret.key}}',
      /Secret ci\/login has no key, which .*generator\.cel/,
    ],
    [
      'has a wrong type',
      '{"headers": {"X": 1 + secret.token}}',
      /no matching overload for '_\+_' applied to '\(int, string\)'/,
    ],
    ['converts the Secret', '{"headers": {"X": string(bool(secret.token))}}', /cannot be evaluated/],
    ['has no headers', '"x" + secret.token', /the result must be a map/],
    ['loops in loops', `{"headers": {"X": string(size(${nested(9, '1')}))}}`, /takes more than 262144 units of work/],
  ];
  for (const [what, cel, message] of refused) {
    it(`that ${what} is a 502 that says so, and nothing reaches the tool`, async () => {
      put({ cel }, { token: credentialCanary, name: 'host', lines: 'a\nb' });
      const { status, body } = await client.get(tool.url());
      assert.equal(status, 502);
      assert.match(body, message);
      assert.ok(!body.includes(credentialCanary));
      assert.deepEqual(tool.seen, []);
    });
  }

  it('sees a long query too', async () => {
    put({ cel: '{"headers": {"X": string(request.query.size())}}' });
    assert.equal((await client.get(`${tool.url()}/?${'x'.repeat(9000)}`)).status, 200);
    assert.equal(tool.seen[0]?.headers['x'], '9000');
  });

  it('counts only for types of Secrets that the proxy does not know', async () => {
    fixture.put([
      connector('tool', tool.url(), { secret: 'login', className: 'made', auth: 'own' }),
      connectorClass('made', {
        auth: { types: [{ name: 'own', generator: { cel: '{"headers": {"X": "generated"}}' } }] },
      }),
      secret('login', 'connectors.cpaas.io/bearer-token', { token: credentialCanary }),
      ...grant('builder', ['tool']),
    ]);
    assert.equal((await client.get(tool.url())).status, 200);
    const { headers = {} } = tool.seen[0] ?? {};
    assert.deepEqual([headers.authorization, headers['x']], [`Bearer ${credentialCanary}`, undefined]);
  });

  it('in Rego is a 502 that links to examples', async () => {
    const rego = 'package proxy\n\nauth = {"position": "header", "auth": {"Private-Token": input.data.token}}';
    put({ rego });
    const { status, body } = await client.get(tool.url());
    assert.equal(status, 502);
    assert.match(
      body,
      /generator\.rego of auth type "own" is not run: add generator\.cel with the same result \(docs\/migration\.md#generators /,
    );
    put({ rego, cel: '{"headers": {"Private-Token": secret.token}}' });
    assert.equal((await client.get(tool.url())).status, 200);
    assert.equal(tool.seen[0]?.headers['private-token'], credentialCanary);
  });
});
