import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import type { TestVolume } from '../../support/driver/test-volume.js';
import { proven } from '../../support/e2e/compatibility.js';
import { DockerRegistry } from '../../support/e2e/docker-registry.js';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.js';
import { startGitServer } from '../../support/e2e/git-server.js';
import { mavenCommand } from '../../support/e2e/maven.js';
import { containersEnvironment, needsRootForContainers } from '../../support/e2e/programs.js';
import { pythonWheel } from '../../support/e2e/python-wheel.js';
import { secret } from '../../support/proxy/manifests.js';
import { ToolServer } from '../../support/proxy/tool-server.js';

const host = 'tools.test';
const basic = `Basic ${Buffer.from(`robot:${toolPassword}`).toString('base64')}`;
const programs = [
  ...['curl', 'wget', 'python3', 'lwp-request', 'ruby', 'git', 'npm', 'pip', 'twine', 'java', 'kubectl', 'glab'],
  ...['skopeo', 'buildah', 'podman', 'oras', 'docker-registry', 'netavark'],
];

/** Answers requests with the credential, by method and path; 404 for others. */
function start(contents: Readonly<Record<string, string | Buffer>>, type: string): Promise<ToolServer> {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url = '', headers } = request;
    const isAllowed = headers.authorization === basic || headers['private-token'] === toolPassword;
    const found = contents[`${method} ${url.split('?')[0] ?? ''}`];
    request.resume().once('end', () => {
      if (!isAllowed) response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="tool"' }).end();
      else response.writeHead(found === undefined ? 404 : 200, { 'Content-Type': type }).end(found ?? '');
    });
  };
  return ToolServer.start('https', answer, [host]);
}

/** The tools require TLS and a password, and only the proxy can resolve their name. */
describe('programs after `activate`, with no other setting', function () {
  this.timeout(120_000);
  before(needsRootForContainers);
  const use = useFlowFixture({ hosts: [host] }, programs, () => undefined);

  /** A connector of the class to a tool, and a volume with that configuration. */
  const connected = async (
    address: string,
    { className = 'any', configuration = '', secretName = 'login', caSecret = 'tool-ca' } = {},
  ): Promise<TestVolume> => {
    const { fixture } = use;
    const name = `${className}-${configuration}`.replace(/-$/, '');
    if (className !== 'any') fixture.useClass(className);
    fixture.connect(name, address, { className, secret: secretName, caSecret });
    fixture.onStop(fixture.allow([name]));
    return fixture.volume({ attributes: { connectors: name, 'configuration.names': configuration } });
  };

  /** Runs a script in a folder of its own, after the one line. @returns what it prints. */
  const activated = async (volume: TestVolume, script: string, env: NodeJS.ProcessEnv = {}): Promise<string> => {
    const { fixture } = use;
    const whole = `cd "$(mktemp -d)"\n. ${volume.target}/activate\n${script}`;
    const { status, stdout, output } = await fixture.run(['sh', '-euc', whole], fixture.work, env);
    assert.equal(status, 0, `${output}\n${fixture.proxy.log.slice(-2000)}`);
    assert.ok(!output.includes(volume.token));
    return stdout;
  };

  describe('of the web', () => {
    let web: ToolServer;
    let volume: TestVolume;
    before(async () => {
      web = await start({ 'GET /page': 'welcome', 'POST /legacy/': '' }, 'text/html');
      use.fixture.onStop(() => web.stop());
      volume = await connected(web.url(host));
    });
    const url = (): string => `${web.url(host)}/page`;

    const scripts = {
      'activate-curl': () => `curl -sSf ${url()}`,
      'activate-urllib': () =>
        `python3 -c 'import urllib.request as r; print(r.urlopen("${url()}").read().decode(), end="")'`,
      'activate-requests': () => `/usr/bin/python3 -c 'import requests; print(requests.get("${url()}").text, end="")'`,
      'activate-perl': () =>
        `perl -MLWP::UserAgent -e '$r = LWP::UserAgent->new(env_proxy => 1)->get("${url()}"); print $r->is_success ? $r->content : $r->status_line'`,
      'activate-wget': () => `wget -qO- --ca-certificate="$SSL_CERT_FILE" ${url()}`,
      'activate-ruby': () => `ruby -rnet/http -e 'print Net::HTTP.get(URI("${url()}"))'`,
    } as const;
    for (const key of Object.keys(scripts) as (keyof typeof scripts)[]) {
      it(...proven(key), async () => assert.equal(await activated(volume, scripts[key]()), 'welcome'));
    }

    it('Node uses the proxy by itself from version 24 on (22.21), also for fetch', async () => {
      const node = process.env['ALSO_NODE'] ?? process.execPath;
      const [, major, minor] = /v(\d+)\.(\d+)/.exec(await activated(volume, `${node} --version`)) ?? [];
      const isNew = Number(major) >= 24 || (Number(major) === 22 && Number(minor) >= 21);
      const script = `${node} -e 'fetch("${url()}").then((r) => r.text(), () => "unreachable").then(console.log)'`;
      assert.equal(await activated(volume, script), isNew ? 'welcome\n' : 'unreachable\n');
    });

    it(...proven('activate-twine'), async () => {
      await activated(
        volume,
        `${pythonWheel}
         twine upload --non-interactive --disable-progress-bar --username x --password x \
           --repository-url ${web.url(host)}/legacy/ thing-1-py3-none-any.whl >&2`,
      );
      assert.ok(web.seen.some(({ method, url: at }) => method === 'POST' && at === '/legacy/'));
    });
  });

  it(...proven('activate-git'), async () => {
    const { fixture } = use;
    const made = await fixture.without(`mkdir repositories && cd repositories
      git init -q -b main --bare app.git
      git init -q -b main first && cd first && echo one >file && git add file
      git -c user.name=ci -c user.email=ci@example.com commit -q -m first && git push -q ../app.git main`);
    assert.equal(made.status, 0, made.output);
    const git = await startGitServer(path.join(fixture.work, 'repositories'), host, `robot:${toolPassword}`);
    fixture.onStop(() => git.stop());
    const script = `git clone -q ${git.url(host)}/app.git && cd app && echo two >>file
      git -c user.name=ci -c user.email=ci@example.com commit -q -a -m second && git push -q origin main
      git fetch -q && git log --format=%s origin/main`;
    const plain = await connected(git.url(host), { secretName: 'login' });
    assert.equal(await activated(plain, script), 'second\nfirst\n');
    // With the class's .gitconfig, whose default is the proxy's own address.
    const volume = await connected(git.url(host), { className: 'git', configuration: 'gitconfig' });
    assert.equal(await activated(volume, `${script.replace('-m second', '-m third')} | head -n 1`), 'third\n');
  });

  it(...proven('activate-npm'), async () => {
    const { fixture } = use;
    const folder = path.join(fixture.work, 'thing');
    mkdirSync(path.join(folder, 'package'), { recursive: true });
    writeFileSync(path.join(folder, 'package', 'package.json'), '{"name":"thing","version":"1.2.3"}');
    await fixture.without(`tar -C ${folder} -czf ${folder}/thing.tgz package`);
    const tarball = readFileSync(path.join(folder, 'thing.tgz'));
    const contents: Record<string, string | Buffer> = { 'GET /thing.tgz': tarball };
    const registry = await start(contents, 'application/json');
    fixture.onStop(() => registry.stop());
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    const dist = { tarball: `${registry.url(host)}/thing.tgz`, integrity };
    const versions = { '1.2.3': { name: 'thing', version: '1.2.3', dist } };
    contents['GET /thing'] = JSON.stringify({ name: 'thing', 'dist-tags': { latest: '1.2.3' }, versions });
    const volume = await connected(registry.url(host), { className: 'npm', configuration: 'npmrc' });
    const script = `npm install --silent --no-update-notifier thing >&2; node -p "require('thing/package.json').name"`;
    assert.equal(await activated(volume, script), 'thing\n');
  });

  it(...proven('activate-pip'), async () => {
    const { fixture } = use;
    const made = await fixture.without(pythonWheel);
    assert.equal(made.status, 0, made.output);
    const contents = {
      'GET /simple/thing/': '<a href="../../thing-1-py3-none-any.whl">thing-1-py3-none-any.whl</a>',
      'GET /thing-1-py3-none-any.whl': readFileSync(path.join(fixture.work, 'thing-1-py3-none-any.whl')),
    };
    const index = await start(contents, 'text/html');
    fixture.onStop(() => index.stop());
    const volume = await connected(index.url(host), { className: 'pypi', configuration: 'pipconf' });
    const script = 'python3 -m pip download -q --disable-pip-version-check --no-cache-dir --no-deps thing; ls';
    assert.equal(await activated(volume, script, { PIP_CONSTRAINT: '/dev/null' }), 'thing-1-py3-none-any.whl\n');
  });

  it(...proven('activate-maven'), async () => {
    const { fixture } = use;
    const parent =
      '<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId><artifactId>parent</artifactId><version>1</version><packaging>pom</packaging></project>';
    const repository = await start({ 'GET /com/example/parent/1/parent-1.pom': parent }, 'text/xml');
    fixture.onStop(() => repository.stop());
    fixture.useClass('maven');
    const params = [{ name: 'useAsMirror', value: 'true' }];
    fixture.connect('maven', repository.url(host), { className: 'maven', secret: 'login' });
    const object = fixture.api.get('connectors', { namespace: 'ci', name: 'maven' });
    fixture.put({ ...object, spec: { ...(object?.['spec'] as object), params } });
    fixture.allow(['maven']);
    const volume = await fixture.volume({ attributes: { connectors: 'maven', 'configuration.names': 'settings' } });
    const words = mavenCommand(fixture.work, ['$MAVEN_ARGS']);
    // Maven ends with an error, since the project is none.
    await activated(volume, `cd "$HOME"; ${words.join(' ')} >&2 || true`);
    assert.ok(repository.seen.some(({ headers }) => headers.authorization === basic));
  });

  it(...proven('activate-kubectl'), async () => {
    const { fixture } = use;
    const { api } = fixture;
    fixture.put(secret('api-ca', 'Opaque', { 'ca.crt': api.authority.certificate }));
    const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['configmaps'] }];
    api.bind({ user: 'deployer', rules });
    fixture.put(secret('deployer', 'connectors.cpaas.io/bearer-token', { token: api.tokenFor('deployer') }));
    const metadata = { namespace: 'ci', name: 'greeting' };
    fixture.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { say: 'hello' } });
    const volume = await connected(api.url, {
      ...{ className: 'k8s', configuration: 'kubeconfig', secretName: 'deployer', caSecret: 'api-ca' },
    });
    const script = 'kubectl get --raw /api/v1/namespaces/ci/configmaps/greeting';
    assert.match(await activated(volume, script), /"say":"hello"/);
  });

  it(...proven('activate-glab'), async () => {
    const { fixture } = use;
    const gitlab = await start({ 'GET /api/v4/projects': '[{"id":1}]' }, 'application/json');
    fixture.onStop(() => gitlab.stop());
    fixture.put(secret('gitlab', 'connectors.cpaas.io/gitlab-pat-auth', { token: toolPassword }));
    const volume = await connected(gitlab.url(host), {
      ...{ className: 'gitlab', configuration: 'gitlabconfig', secretName: 'gitlab' },
    });
    assert.match(await activated(volume, 'glab api projects'), /"id":1/);
  });

  describe('with a registry', () => {
    let registry: DockerRegistry;
    let volume: TestVolume;
    let env: NodeJS.ProcessEnv;
    before(async () => {
      const { fixture } = use;
      const login = { username: 'robot', password: toolPassword };
      registry = await DockerRegistry.start({ directory: path.join(fixture.work, 'registry'), host, auth: login });
      fixture.onStop(() => registry.stop());
      fixture.put(secret('registry', 'cpaas.io/distribution-registry-token', login));
      volume = await connected(`https://${registry.address}`, {
        ...{ className: 'oci', configuration: 'registry-config', secretName: 'registry' },
      });
      env = containersEnvironment(fixture.work);
      writeFileSync(
        path.join(fixture.work, 'policy.json'),
        JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }),
      );
    });
    const policy = (): string => path.join(use.fixture.work, 'policy.json');
    const image = (): string => `docker://${registry.address}/team/app:1`;
    const context = 'echo payload >payload; printf "FROM scratch\\nCOPY payload /payload\\n" >Dockerfile';

    it(...proven('activate-buildah'), async () => {
      const script = `${context}
        buildah --storage-driver vfs bud -q --http-proxy=false --signature-policy ${policy()} --tag built . >&2
        buildah --storage-driver vfs push -q --signature-policy ${policy()} built ${image()}
        buildah --storage-driver vfs pull -q --signature-policy ${policy()} ${image()}`;
      assert.match(await activated(volume, script, env), /^[0-9a-f]{64}\n$/);
    });

    it(...proven('activate-skopeo'), async () => {
      const script = `skopeo --policy ${policy()} copy -q ${image()} docker://${registry.address}/team/copy:1
        skopeo inspect --format '{{.Digest}}' docker://${registry.address}/team/copy:1`;
      assert.match(await activated(volume, script, env), /^sha256:[0-9a-f]{64}\n$/);
    });

    it(...proven('activate-podman'), async () => {
      const script = `podman --storage-driver vfs pull -q --signature-policy ${policy()} ${image()}`;
      assert.match(await activated(volume, script, env), /^[0-9a-f]{64}\n$/);
    });

    it(...proven('activate-oras'), async () => {
      const script = `echo layer >layer; oras push ${registry.address}/team/layer:1 layer >&2
        oras manifest fetch ${registry.address}/team/layer:1`;
      assert.match(await activated(volume, script, env), /"org.opencontainers.image.title":"layer"/);
    });
  });
});
