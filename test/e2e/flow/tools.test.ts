import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import path from 'node:path';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { proven } from '../../support/e2e/compatibility.ts';
import type { FlowFixture } from '../../support/e2e/flow-fixture.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { startGitServer } from '../../support/e2e/git-server.ts';
import { runMaven } from '../../support/e2e/maven.ts';
import { npmRegistry } from '../../support/e2e/npm-registry.ts';
import { makeRepository } from '../../support/e2e/program-rounds.ts';
import { pythonWheel } from '../../support/e2e/python-wheel.ts';
import { RenderedClasses } from '../../support/e2e/rendered-classes.ts';
import { secret } from '../../support/proxy/manifests.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const host = 'tools.test';
const basic = `Basic ${Buffer.from(`robot:${toolPassword}`).toString('base64')}`;
const bearer = `Bearer ${toolPassword}`;
const programs = ['curl', 'wget', 'git', 'npm', 'python3', 'pip', 'mvn', 'kubectl'];
const packBytes = 32 * 2 ** 20;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A tool behind TLS that answers those with its credential, and nobody else. */
function start(authorization: string, answer: Handler): Promise<ToolServer> {
  return ToolServer.start(
    'https',
    (request, response) => {
      if (request.headers.authorization === authorization) answer(request, response);
      else response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="tool"' }).end();
    },
    [host],
  );
}

/** By method and path; 404 for others. */
function answers(contents: Readonly<Record<string, string | Buffer>>, type = 'application/json'): Handler {
  return ({ method = '', url = '' }, response) => {
    const found = contents[`${method} ${url.split('?')[0] ?? ''}`];
    response.writeHead(found === undefined ? 404 : 200, { 'Content-Type': type }).end(found ?? '');
  };
}

describe('programs of all kinds, with nothing but a volume', function () {
  this.timeout(120_000);
  let web: ToolServer;
  const use = useFlowFixture({ hosts: [host] }, programs, async (fixture) => {
    web = await start(basic, (request, response) => {
      if (request.method === 'PUT') request.resume().once('end', () => response.writeHead(201).end());
      else response.end('welcome');
    });
    web.server.on('upgrade', acceptWebsocket);
    fixture.onStop(() => web.stop());
    fixture.connect('web', web.url(host), { secret: 'login' });
    fixture.allow(['web']);
  });

  /** A connector of the class to a tool, and a volume with that configuration. */
  const connected = async (
    fixture: FlowFixture,
    className: string,
    address: string,
    configuration: string,
    params: (volume: TestVolume) => object,
    { secretName = 'login', caSecret = 'tool-ca' } = {},
  ): Promise<TestVolume> => {
    fixture.useClass(className);
    fixture.connect(className, address, { className, secret: secretName, caSecret });
    fixture.onStop(fixture.allow([className]));
    const volume = fixture.node.volume();
    await fixture.publish(volume, {
      connectors: className,
      'configuration.names': configuration,
      'configuration.params': JSON.stringify({ [configuration]: params(volume) }),
    });
    return volume;
  };

  describe('of the web', () => {
    let volume: TestVolume;
    const url = (): string => `${web.url(host)}/page`;
    before(async () => {
      volume = await use.fixture.volume({ attributes: { connectors: 'web' } });
    });

    /** It fails, and the tool sees nothing of it. */
    const assertNeedsVolume = async (script: string): Promise<void> => {
      const before = web.seen.length;
      assert.notEqual((await use.fixture.without(script)).status, 0);
      assert.equal(web.seen.length, before);
    };

    it(...proven('curl'), async () => {
      assert.equal(await use.fixture.task(volume, `curl -sSf --cacert ca.crt ${url()}`), 'welcome');
      await use.fixture.task(volume, `curl -sSf --cacert ca.crt -T ca.crt ${url()}`);
      assert.ok(web.seen.at(-1)?.body.startsWith('-----BEGIN CERTIFICATE'));
      await assertNeedsVolume(`curl -sSfk ${url()}`);
    });

    it(...proven('curl-plain'), async () => {
      assert.equal(await use.fixture.task(volume, `curl -sSf ${url().replace('https:', 'http:')}`), 'welcome');
    });

    it(...proven('curl-file'), async () => {
      const script = `unset http_proxy https_proxy; curl -sSf --proxy "$(cat http.proxy)" --cacert ca.crt ${url()}`;
      assert.equal(await use.fixture.task(volume, script), 'welcome');
    });

    it(...proven('curl-reverse'), async () => {
      const script = `unset http_proxy https_proxy
        curl -sSf --oauth2-bearer "$(cat context.token)" "$(cat connector.status.proxyAddress)/page"`;
      assert.equal(await use.fixture.task(volume, script), 'welcome');
    });

    it(...proven('curl-websocket'), async () => {
      const script = `curl -sSN --cacert ca.crt ${url().replace('https:', 'wss:')}`;
      // It prints what comes with the closing frame too.
      assert.match((await use.fixture.try(volume, script)).stdout, /^over the websocket/);
    });

    it(...proven('wget'), async () => {
      assert.equal(await use.fixture.task(volume, `wget -qO- --ca-certificate=ca.crt ${url()}`), 'welcome');
      await assertNeedsVolume(`wget -qO- --no-check-certificate --tries=1 ${url()}`);
    });
  });

  describe('git', () => {
    let git: ToolServer;
    before(async () => {
      const { fixture } = use;
      for (const name of ['app', 'large']) await makeRepository(fixture, name);
      git = await startGitServer(fixture.work, host, `robot:${toolPassword}`);
      fixture.onStop(() => git.stop());
    });

    const identity = 'git config user.name ci; git config user.email ci@example.com';
    /** Clones, commits and pushes; prints the commits that are there then. */
    const round = (name: string, repository = 'app', more = ''): string => `
      cd "$HOME" && git clone -q ${git.url(host)}/${repository}.git ${name} && cd ${name} && ${identity}
      ${more}
      echo ${name} >>file && git add file && git commit -q -m ${name} && git push -q origin main
      git fetch -q && git log --format=%s origin/main`;

    it(...proven('git-env'), async () => {
      const { fixture } = use;
      fixture.connect('git', git.url(host), { secret: 'login' });
      fixture.allow(['git']);
      const volume = await fixture.volume({ attributes: { connectors: 'git' } });
      const large = `git config core.bigFileThreshold 1m; git config core.compression 0
        head -c ${packBytes} /dev/urandom >large && git add large`;
      const env = { GIT_SSL_CAINFO: path.join(volume.target, 'ca.crt'), GIT_TERMINAL_PROMPT: '0' };
      assert.equal(await fixture.task(volume, round('by-env', 'large', large), env), 'by-env\nfirst\n');
      const without = await fixture.without(`git ls-remote ${git.url(host)}/app.git`, { GIT_TERMINAL_PROMPT: '0' });
      assert.notEqual(without.status, 0);
    });

    for (const [key, proxy] of [
      ['git-reverse', 'reverse'],
      ['git-forward', 'forward'],
    ] as const) {
      it(...proven(key), async () => {
        const { fixture } = use;
        const volume = await connected(fixture, 'git', git.url(host), 'gitconfig', ({ target }) => ({
          proxy,
          mountPath: target,
        }));
        const script = `unset http_proxy https_proxy; ${round(key)}`;
        const env = { GIT_CONFIG_GLOBAL: path.join(volume.target, '.gitconfig'), GIT_TERMINAL_PROMPT: '0' };
        assert.match(await fixture.task(volume, script, env), new RegExp(`^${key}\\n`));
      });
    }

    it('git clones in a Task that copies .git-credentials and .gitconfig to its home, as git-clone of Tekton does', async () => {
      const { fixture } = use;
      const volume = await connected(fixture, 'git', git.url(host), 'gitconfig', () => ({}));
      const script = `unset http_proxy https_proxy; export HOME=$(mktemp -d)
        cp .git-credentials .gitconfig "$HOME" && chmod 400 "$HOME"/.git*
        git clone -q ${git.url(host)}/app.git "$HOME/app" && git -C "$HOME/app" log --format=%s | tail -n 1`;
      assert.equal(await fixture.task(volume, script, { GIT_TERMINAL_PROMPT: '0' }), 'first\n');
    });
  });

  it(...proven('npm'), async () => {
    const { fixture } = use;
    const contents: Record<string, string | Buffer> = {};
    const registry = await start(bearer, (request, response) => {
      if (request.method === 'PUT') request.resume().once('end', () => response.writeHead(201).end('{}'));
      else answers(contents)(request, response);
    });
    Object.assign(contents, npmRegistry(path.join(fixture.work, 'npm-packages'), registry.url(host)));
    fixture.onStop(() => registry.stop());
    fixture.put(secret('npm-token', 'connectors.cpaas.io/bearer-token', { token: toolPassword }));
    const volume = await connected(fixture, 'npm', registry.url(host), 'npmrc', () => ({}), {
      secretName: 'npm-token',
    });
    const env = { NPM_CONFIG_USERCONFIG: path.join(volume.target, '.npmrc'), NPM_CONFIG_UPDATE_NOTIFIER: 'false' };
    const script = `unset http_proxy https_proxy
      mkdir "$HOME/npm" && cd "$HOME/npm"
      npm view thing version && npm install --silent thing >&2 && node -p "require('thing/package.json').name"
      mkdir mine && cd mine && echo '{"name":"mine","version":"1.0.0"}' >package.json && npm publish --silent >&2`;
    assert.equal(await fixture.task(volume, script, env), '1.2.3\nthing\n');
    assert.ok(registry.seen.some(({ method, url }) => method === 'PUT' && url === '/mine'));
  });

  describe('pip', () => {
    let index: ToolServer;
    before(async () => {
      const { fixture } = use;
      const made = await fixture.without(pythonWheel);
      assert.equal(made.status, 0, made.output);
      const wheel = readFileSync(path.join(fixture.work, 'thing-1-py3-none-any.whl'));
      const page = '<a href="../../thing-1-py3-none-any.whl">thing-1-py3-none-any.whl</a>';
      const contents = { 'GET /simple/thing/': page, 'GET /thing-1-py3-none-any.whl': wheel };
      index = await start(basic, answers(contents, 'text/html'));
      fixture.onStop(() => index.stop());
    });

    for (const [key, proxy] of [
      ['pip-reverse', 'reverse'],
      ['pip-forward', 'forward'],
    ] as const) {
      it(...proven(key), async () => {
        const { fixture } = use;
        const volume = await connected(fixture, 'pypi', index.url(host), 'pipconf', ({ target }) => ({
          proxy,
          mountPath: target,
        }));
        const env = { PIP_CONFIG_FILE: path.join(volume.target, 'pip.conf'), PIP_CONSTRAINT: '/dev/null' };
        const script = `unset http_proxy https_proxy
          python3 -m pip download -q --disable-pip-version-check --no-cache-dir --no-deps -d "$HOME/${key}" thing
          ls "$HOME/${key}"`;
        assert.equal(await fixture.task(volume, script, env), 'thing-1-py3-none-any.whl\n');
      });
    }
  });

  it(...proven('maven'), async () => {
    const { fixture } = use;
    const parent =
      '<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId><artifactId>parent</artifactId><version>1</version><packaging>pom</packaging></project>';
    const repository = await start(basic, answers({ 'GET /com/example/parent/1/parent-1.pom': parent }, 'text/xml'));
    fixture.onStop(() => repository.stop());
    fixture.useClass('maven');
    fixture.connect('maven', repository.url(host), { className: 'maven', secret: 'login' });
    const withParams = fixture.api.get('connectors', { namespace: 'ci', name: 'maven' });
    fixture.put({
      ...withParams,
      spec: { ...(withParams?.['spec'] as object), params: [{ name: 'useAsMirror', value: 'true' }] },
    });
    fixture.allow(['maven']);
    const volume = await fixture.volume({ attributes: { connectors: 'maven', 'configuration.names': 'settings' } });
    const rendered = new RenderedClasses();
    fixture.onStop(() => rendered.remove());
    copyFileSync(path.join(volume.target, 'ca.crt'), path.join(rendered.folder, 'ca.crt'));
    await rendered.output('keytool', [
      ...['-importcert', '-noprompt', '-alias', 'proxy', '-file', 'ca.crt', '-keystore', 'trust'],
      ...['-storetype', 'PKCS12', '-storepass', 'changeit'],
    ]);
    const trust = `-Djavax.net.ssl.trustStore=${rendered.folder}/trust -Djavax.net.ssl.trustStorePassword=changeit`;
    const settings = path.join(volume.target, 'settings.xml');
    await runMaven(rendered, settings, { JAVA_TOOL_OPTIONS: trust });
    assert.ok(
      repository.seen.some(({ url, headers }) => url.endsWith('/parent-1.pom') && headers.authorization === basic),
    );
  });

  it(...proven('kubectl'), async () => {
    const { fixture } = use;
    const { api } = fixture;
    fixture.put(secret('api-ca', 'Opaque', { 'ca.crt': api.authority.certificate }));
    const token = api.tokenFor('deployer');
    api.bind({
      user: 'deployer',
      rules: [{ verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['configmaps'] }],
    });
    fixture.put(secret('deployer', 'connectors.cpaas.io/bearer-token', { token }));
    fixture.put({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'ci', name: 'greeting' },
      data: { say: 'hello' },
    });
    const options = { secretName: 'deployer', caSecret: 'api-ca' };
    const volume = await connected(fixture, 'k8s', api.url, 'kubeconfig', () => ({ namespace: 'ci' }), options);
    const env = { KUBECONFIG: path.join(volume.target, 'kubeconfig') };
    const script = `unset http_proxy https_proxy
      kubectl get --raw /api/v1/namespaces/ci/configmaps/greeting`;
    assert.match(await fixture.task(volume, script, env), /"say":"hello"/);
    const watched = fixture.task(
      volume,
      `unset http_proxy https_proxy
       kubectl get --raw '/api/v1/namespaces/ci/configmaps?watch=true&timeoutSeconds=2' | head -n 1`,
      env,
    );
    assert.match(await watched, /"greeting"/);
    assert.ok(api.requestsOf({ resource: 'configmaps', user: 'deployer', verb: 'watch' }).length > 0);
  });
});

/** RFC 6455: takes the connection over, says one thing, and closes. */
function acceptWebsocket({ headers }: IncomingMessage, socket: Socket): void {
  if (headers.authorization !== basic) {
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  const key = `${String(headers['sec-websocket-key'])}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const text = Buffer.from('over the websocket');
  const closing = Buffer.from([0x88, 0x02, 0x03, 0xe8]);
  socket.end(Buffer.concat([Buffer.from([0x81, text.length]), text, closing]));
}
