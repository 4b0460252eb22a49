import assert from 'node:assert/strict';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { eventually } from '../../../support/poll.ts';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.ts';
import { basicTemplate, connector, connectorClass, proxyService } from '../../../support/proxy/manifests.ts';
import { robotLogin, robotBasic } from '../../../support/proxy/proxy-fixture.ts';
import { ToolServer, toolCa } from '../../../support/proxy/tool-server.ts';
import { started } from '../../../support/started.ts';

const httpHeaders = [
  {
    name: 'Authorization',
    value: basicTemplate,
  },
];

describe('a redirect of a probe', function () {
  this.timeout(90_000);

  let tool: ToolServer;
  let other: ToolServer;
  let plain: ToolServer;
  let fixture: ClusterFixture;
  const put = (http: object, { liveness = false, extensions = [] as readonly string[] } = {}): void => {
    const probe = liveness ? { livenessProbe: { http } } : { authProbes: [{ authName: 'basicAuth', probe: { http } }] };
    fixture.put(
      connectorClass('any', {
        proxy: { ref: proxyService },
        auth: { types: [{ name: 'basicAuth', secretType: 'kubernetes.io/basic-auth' }] },
        ...probe,
      }),
      connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca', extensions }),
    );
  };
  /** Sends `/` elsewhere; every other path is there. */
  const redirecting = (location: () => string, status = 302): void => {
    tool.answer = (request, response) => {
      if (request.url === '/') response.writeHead(status, { Location: location() }).end('moved');
      else response.writeHead(204).end();
    };
  };
  const seenBy = (server: ToolServer): readonly string[] => server.seen.map(({ method, url }) => `${method} ${url}`);

  beforeEach(async () => {
    tool = started(await ToolServer.start('https'));
    other = started(await ToolServer.start('https', undefined, ['other.example']));
    plain = started(await ToolServer.start('http'));
    fixture = started(await ClusterFixture.start());
    fixture.put(robotLogin, toolCa);
    fixture.bindCredentials('ci');
  });

  it('is followed at the same host, with the headers of the probe', async () => {
    for (const [location, url] of [
      [() => '/there?x=1#part', '/there?x=1'],
      [() => `${tool.url()}/whole`, '/whole'],
      [() => `//TOOL.example:${tool.port}/relative`, '/relative'],
    ] as const) {
      redirecting(location);
      put({ path: '/', httpHeaders, method: 'POST' });
      if (fixture.replicas.length === 0) await fixture.replica();
      await eventually(`it follows to ${url}`, () => seenBy(tool).includes(`GET ${url}`), 40_000);
      await fixture.becomes('AuthReady', 'True Accepted');
      fixture.api.delete('connectors', { namespace: 'ci', name: 'tool' });
    }
    assert.deepEqual([...new Set(tool.seen.map(({ headers }) => headers.authorization))], [robotBasic]);
    assert.deepEqual([...new Set(tool.seen.map(({ headers }) => headers.host))], [`tool.example:${tool.port}`]);
  });

  it('with 307 or 308 keeps the method', async () => {
    redirecting(() => '/there', 308);
    put({ path: '/', httpHeaders, method: 'POST' });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'True Accepted');
    assert.deepEqual(seenBy(tool), ['POST /', 'POST /there']);
  });

  it('takes no more time than the probe has without one', async () => {
    fixture.statusTimings = { ...fixture.statusTimings, probeMs: 1000 };
    tool.answer = (request, response) => {
      const answer =
        request.url === '/' ? { status: 302, headers: { Location: '/there' } } : { status: 204, headers: {} };
      setTimeout(() => response.writeHead(answer.status, answer.headers).end(), 600);
    };
    put({ path: '/', httpHeaders });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'Unknown Unreachable');
    assert.match(fixture.message('AuthReady'), /no whole response of .* in time/);
  });

  it('is followed to another address of the Connector, without the headers of the probe', async () => {
    redirecting(() => `${other.url('other.example')}/status`);
    other.answer = (request, response) => {
      // Back to the first one: the credential does not come back.
      response.writeHead(302, { Location: `${tool.url()}/back${request.url}` }).end();
    };
    put({ path: '/', httpHeaders }, { extensions: [other.url('other.example')] });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'True Accepted');
    assert.deepEqual(seenBy(other), ['GET /status']);
    assert.equal(other.seen[0]?.headers.authorization, undefined);
    assert.deepEqual(seenBy(tool), ['GET /', 'GET /back/status']);
    assert.deepEqual(
      tool.seen.map(({ headers }) => headers.authorization),
      [robotBasic, undefined],
    );
  });

  for (const [what, location] of [
    ['to another host', () => `${other.url('other.example')}/`],
    ['to another port of the host', () => `https://tool.example:${other.port}/`],
    ['to another host behind a user name', () => `https://tool.example@other.example:${other.port}/`],
    ['to another host with backslashes', () => `/\\other.example:${other.port}/`],
    ['of another scheme', () => 'ftp://tool.example/'],
    ['to nowhere', () => 'https://[/'],
  ] as const) {
    it(`${what} is not followed`, async () => {
      redirecting(location);
      put({ path: '/', httpHeaders });
      await fixture.replica();
      await fixture.becomes('AuthReady', 'Unknown UnexpectedAnswer');
      assert.match(fixture.message('AuthReady'), /answered 302 to GET, so nothing is known of the credential$/);
      assert.deepEqual(seenBy(other), []);
      put({ path: '/' }, { liveness: true });
      await fixture.becomes('LivenessReady', 'True Answered');
      assert.deepEqual(seenBy(other), []);
    });
  }

  it('from TLS to plain http is never followed, even to an address of the Connector', async () => {
    redirecting(() => `http://tool.example:${plain.port}/`);
    put({ path: '/', httpHeaders }, { extensions: [`http://tool.example:${plain.port}`] });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'Unknown UnexpectedAnswer');
    assert.deepEqual(seenBy(plain), []);
  });

  it('that never ends is given up', async () => {
    tool.answer = (request, response) =>
      void response.writeHead(302, { Location: `/${Number(request.url?.slice(1)) + 1}` }).end();
    put({ path: '/0' }, { liveness: true });
    await fixture.replica();
    await fixture.becomes('LivenessReady', 'True Answered');
    const urls = Array.from({ length: proxyLimits.probes.redirects + 1 }, (_each, at) => `GET /${at}`);
    assert.deepEqual(seenBy(tool).slice(0, urls.length), urls);
    assert.ok(tool.seen.every(({ url }) => Number(url.slice(1)) <= proxyLimits.probes.redirects));
  });

  it('is an answer like any other with disableRedirect', async () => {
    redirecting(() => '/there');
    const response = { cel: "response.statusCode == 302 && response.headers['Location'] == ['/there']" };
    put({ path: '/', httpHeaders, disableRedirect: true, response });
    await fixture.replica();
    await fixture.becomes('AuthReady', 'True Accepted');
    put({ path: '/', httpHeaders, disableRedirect: true });
    await fixture.becomes('AuthReady', 'Unknown UnexpectedAnswer');
    assert.match(fixture.message('AuthReady'), /answered 302 to GET, so nothing is known of the credential$/);
    assert.deepEqual([...new Set(seenBy(tool))], ['GET /']);
    put({ path: '/', disableRedirect: 'yes' });
    await fixture.becomes('AuthReady', 'Unknown ProbeUnusable');
    assert.match(fixture.message('AuthReady'), /probe\.http\.disableRedirect must be true or false$/);
  });
});
