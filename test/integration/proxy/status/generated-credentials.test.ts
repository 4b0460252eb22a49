import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass, proxyService, secret } from '../../../support/proxy/manifests.ts';
import { credentialCanary } from '../../../support/proxy/proxy-fixture.ts';
import { ToolServer, toolCa } from '../../../support/proxy/tool-server.ts';
import type { Answer } from '../../../support/proxy/tool-server.ts';
import { started } from '../../../support/started.ts';

const wrongCanary = 'canary-of-a-wrong-key';
const queryKey = '{"query": {"api_key": secret.key}}';
const headerKey = '{"headers": {"X-Key": secret.key}}';
const signature = `{"headers": {
  "X-Time": string(int(now)),
  "X-Signature": hex.encode(hmac.sha256(secret.key, request.method + request.host + request.path + "?" + request.query + string(int(now))))
}}`;

describe('a probe with a credential that a generator of the class makes', function () {
  this.timeout(90_000);

  let tool: ToolServer;
  let other: ToolServer;
  let fixture: ClusterFixture;
  const put = (cel: string, http: object, key = credentialCanary): void =>
    fixture.put(
      secret('login', 'Opaque', { key }),
      connectorClass('any', {
        proxy: { ref: proxyService },
        auth: { types: [{ name: 'own', generator: { cel } }] },
        livenessProbe: { http: { path: '/live' } },
        authProbes: [{ authName: 'own', probe: { http } }],
      }),
      connector('tool', tool.url(), {
        ...{ secret: 'login', auth: 'own', caSecret: 'tool-ca' },
        extensions: [other.url('other.example')],
      }),
    );
  const isSigned: (...received: Parameters<Answer>) => boolean = ({ headers }, _response, { method, url }) => {
    const { 'x-time': time, 'x-signature': sent, host } = headers;
    const signed = `${method}${host}${url.includes('?') ? url : `${url}?`}${String(time)}`;
    return sent === createHmac('sha256', credentialCanary).update(signed).digest('hex');
  };
  const urlsOf = (server: ToolServer): readonly string[] => [
    ...new Set(server.seen.map(({ url }) => url).filter((url) => url !== '/live')),
  ];
  const ensureNoSecret = (): void => {
    const shown = `${JSON.stringify(fixture.status('tool'))}${fixture.log}`;
    for (const canary of [credentialCanary, wrongCanary]) assert.ok(!shown.includes(canary), shown);
  };

  beforeEach(async () => {
    tool = started(await ToolServer.start('https'));
    other = started(await ToolServer.start('https', undefined, ['other.example']));
    fixture = started(await ClusterFixture.start());
    fixture.put(toolCa);
    fixture.bindCredentials('ci');
  });

  it('is signed as requests are, and shows a wrong key', async () => {
    tool.answer = (request, response, seen) =>
      void response.writeHead(seen.url === '/live' || isSigned(request, response, seen) ? 204 : 401).end();
    put(signature, { method: 'POST', path: '/me?x=1' });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'True Accepted');
    await fixture.becomes('Ready', 'True Ready');
    put(signature, { method: 'POST', path: '/me?x=2' }, wrongCanary);
    await fixture.becomes('AuthReady', 'False Rejected');
    assert.match(fixture.message('AuthReady'), /answered 401 to the credential in Secret ci\/login: see whether/);
    assert.equal(fixture.condition('LivenessReady'), 'True Answered');
    const live = tool.seen.filter(({ url }) => url === '/live');
    assert.ok(live.length > 0 && live.every(({ headers }) => headers['x-signature'] === undefined));
    ensureNoSecret();
  });

  it('is signed again for each path of a redirect', async () => {
    tool.answer = (request, response, seen) => {
      if (seen.url === '/live') response.end();
      else if (!isSigned(request, response, seen)) response.writeHead(401).end();
      else if (seen.url === '/me') response.writeHead(302, { Location: '/users/1?full' }).end();
      else response.end();
    };
    put(signature, { path: '/me' });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'True Accepted');
    assert.deepEqual(urlsOf(tool), ['/me', '/users/1?full']);
  });

  it('has a query parameter, in place of the probe’s own of this name', async () => {
    tool.answer = (_request, response, { url }) =>
      void response.writeHead(url === '/live' || url.includes(`=${credentialCanary}`) ? 204 : 403).end();
    put(queryKey, { path: '/me?api_key=mine&a=1' });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'True Accepted');
    assert.deepEqual(urlsOf(tool), [`/me?a=1&api_key=${credentialCanary}`]);
    put(queryKey, { path: '/me?a=1' }, wrongCanary);
    await fixture.becomes('AuthReady', 'False Rejected');
    ensureNoSecret();
  });

  it('has it at the first origin only, even if the tool repeats it in a redirect', async () => {
    tool.answer = (_request, response, { url }) => {
      const [path, query = ''] = url.split('?');
      if (path === '/me') response.writeHead(307, { Location: `/there?${query}` }).end();
      else if (path === '/there') {
        response.writeHead(307, { Location: `${other.url('other.example')}/elsewhere?${query}&b=2` }).end();
      } else response.end();
    };
    other.answer = (_request, response) => void response.writeHead(302, { Location: `${tool.url()}/back` }).end();
    put(queryKey, { path: '/me?a=1' });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'True Accepted');
    const key = `api_key=${credentialCanary}`;
    assert.deepEqual(urlsOf(tool), [`/me?a=1&${key}`, `/there?a=1&${key}`, '/back']);
    assert.deepEqual(urlsOf(other), ['/elsewhere?a=1&b=2']);
  });

  it('does not follow a redirect that has the value under another name', async () => {
    tool.answer = (_request, response, { url }) => {
      if (url === '/live') response.end();
      else response.writeHead(307, { Location: `${other.url('other.example')}/?k=${url.split('api_key=')[1]}` }).end();
    };
    put(queryKey, { path: '/me' });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'Unknown UnexpectedAnswer');
    assert.deepEqual(urlsOf(tool), [`/me?api_key=${credentialCanary}`]);
    assert.deepEqual(urlsOf(other), []);
    ensureNoSecret();
  });

  it('to another address of the Connector goes without it', async () => {
    put(headerKey, { host: 'other.example', port: other.port, path: '/me' });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'True Accepted');
    assert.deepEqual(urlsOf(other), ['/me']);
    assert.ok(other.seen.every(({ headers }) => headers['x-key'] === undefined));
  });

  it('says where the expression fails, and sends nothing then', async () => {
    put('{"query": {"api_key": [secret.key][request.path.size() - 1]}}', { path: '/me' });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'False Unusable');
    assert.match(
      fixture.message('AuthReady'),
      /^connectorclass any: generator\.cel of auth type "own": line 1, column \d+: cannot be evaluated: .* \(connector ci\/tool\)$/,
    );
    await fixture.becomes('Ready', 'False Unusable');
    assert.deepEqual(urlsOf(tool), []);
    ensureNoSecret();
    put(headerKey, { path: '/me' });
    await fixture.becomes('Ready', 'True Ready');
  });

  it('replaces headers of the probe', async () => {
    const value = 'Bearer {{ with .Secret }}{{ .StringData.key }}{{ end }}';
    put(headerKey, {
      path: '/me',
      httpHeaders: [
        { name: 'Authorization', value },
        { name: 'x_key', value: 'mine' },
      ],
    });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'True Accepted');
    const [sent] = tool.seen.filter(({ url }) => url === '/me');
    assert.deepEqual([sent?.headers.authorization, sent?.headers['x-key']], [undefined, credentialCanary]);
    assert.equal(sent?.headers['x_key'], undefined);
  });
});
