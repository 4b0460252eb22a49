import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { helms, needsHelm } from '../../support/deploy/helm.ts';
import { activated, afterOneLine, connected, startTool, withTls } from '../../support/e2e/activated.ts';
import type { Job, Volumes } from '../../support/e2e/activated.ts';
import { proven } from '../../support/e2e/compatibility.ts';
import type { ProofKey } from '../../support/e2e/compatibility.ts';
import { DockerRegistry } from '../../support/e2e/docker-registry.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { startGitServer } from '../../support/e2e/git-server.ts';
import { mavenCommand } from '../../support/e2e/maven.ts';
import { containersEnvironment, needsRootForContainers } from '../../support/e2e/programs.ts';
import { pythonWheel } from '../../support/e2e/python-wheel.ts';
import { secret } from '../../support/proxy/manifests.ts';
import type { ToolServer } from '../../support/proxy/tool-server.ts';

const host = 'tools.test';
const programs = [
  ...['curl', 'wget', 'python3', 'lwp-request', 'ruby', 'git', 'pip', 'twine', 'mvn', 'kubectl', 'glab', 'busybox'],
  ...['skopeo', 'buildah', 'podman', 'oras', 'docker-registry', 'netavark'],
];

/** The tools require TLS and a password, and only the proxy can resolve their name. */
describe('programs after `activate`, with no other setting', function () {
  this.timeout(120_000);
  before(needsRootForContainers);
  const use = useFlowFixture({ hosts: [host], ...withTls }, programs, () => undefined);

  /** As `activated`, of the fixture. */
  const proves = (key: ProofKey, volumes: Volumes, job: Job): Promise<string> =>
    activated(use.fixture, key, volumes, job);

  describe('of the web', () => {
    let web: ToolServer;
    let volumes: Volumes;
    before(async () => {
      web = await startTool(host, { 'GET /page': 'welcome', 'POST /legacy/': '' }, 'text/html');
      use.fixture.onStop(() => web.stop());
      volumes = await connected(use.fixture, web.url(host));
    });
    const url = (): string => `${web.url(host)}/page`;

    const jobs = {
      'activate-curl': () => ({ command: `curl -sSf ${url()}` }),
      'activate-urllib': () => ({
        command: `python3 -c 'import urllib.request as r; print(r.urlopen("${url()}").read().decode(), end="")'`,
      }),
      'activate-requests': () => ({
        command: `/usr/bin/python3 -c 'import requests; print(requests.get("${url()}").text, end="")'`,
      }),
      'activate-perl': () => ({
        command: `perl -MLWP::UserAgent -e '$r = LWP::UserAgent->new(env_proxy => 1)->get("${url()}"); print $r->is_success ? $r->content : $r->status_line'`,
      }),
      'activate-ruby': () => ({ command: `ruby -rnet/http -e 'print Net::HTTP.get(URI("${url()}"))'` }),
      'activate-wget': () => ({ command: `sh -c 'exec wget -t1 -qO- --ca-certificate="$SSL_CERT_FILE" ${url()}'` }),
      'activate-busybox': () => ({ command: `busybox wget -qO- ${url().replace('https:', 'http:')}` }),
    } as const satisfies Readonly<Partial<Record<ProofKey, () => Job>>>;
    for (const key of Object.keys(jobs) as (keyof typeof jobs)[]) {
      it(...proven(key), async () => assert.equal(await proves(key, volumes, jobs[key]()), 'welcome'));
    }

    it('Node uses the proxy by itself from version 24 on (22.21), also for fetch', async () => {
      const node = process.execPath;
      const ofNode = (args: string): Promise<string> =>
        afterOneLine(use.fixture, volumes.http, { command: `${node} ${args}` });
      const [, major, minor] = /v(\d+)\.(\d+)/.exec(await ofNode('--version')) ?? [];
      const isNew = Number(major) >= 24 || (Number(major) === 22 && Number(minor) >= 21);
      const script = `-e 'fetch("${url()}").then((r) => r.text(), () => "unreachable").then(console.log)'`;
      assert.equal(await ofNode(script), isNew ? 'welcome\n' : 'unreachable\n');
    });

    it(...proven('activate-twine'), async () => {
      const options = '--non-interactive --disable-progress-bar --username x --password x';
      const command = `twine upload ${options} --repository-url ${web.url(host)}/legacy/ thing-1-py3-none-any.whl >&2`;
      await proves('activate-twine', volumes, { before: pythonWheel, command });
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
    const push = `git checkout -q -b "branch-$$" && echo two >>file
      git -c user.name=ci -c user.email=ci@example.com commit -q -a -m second && git push -q origin HEAD
      git fetch -q && git log --format=%s "origin/branch-$$"`;
    const job = { command: `sh -euc 'git clone -q ${git.url(host)}/app.git && cd app && ${push}'` };
    const plain = await connected(fixture, git.url(host));
    assert.equal(await proves('activate-git', plain, job), 'second\nfirst\n');
    // With the class's .gitconfig, whose default is the proxy's own address.
    const reverse = await connected(fixture, git.url(host), { className: 'git', configuration: 'gitconfig' });
    assert.equal(await proves('activate-git', reverse, job), 'second\nfirst\n');
  });

  it(...proven('activate-pip'), async () => {
    const { fixture } = use;
    const made = await fixture.without(pythonWheel);
    assert.equal(made.status, 0, made.output);
    const contents = {
      'GET /simple/thing/': '<a href="../../thing-1-py3-none-any.whl">thing-1-py3-none-any.whl</a>',
      'GET /thing-1-py3-none-any.whl': readFileSync(path.join(fixture.work, 'thing-1-py3-none-any.whl')),
    };
    const index = await startTool(host, contents, 'text/html');
    fixture.onStop(() => index.stop());
    const pip = await connected(fixture, index.url(host), { className: 'pypi', configuration: 'pipconf' });
    const command = 'python3 -m pip download -q --disable-pip-version-check --no-cache-dir --no-deps thing';
    const job = { command, after: 'ls *.whl', env: { PIP_CONSTRAINT: '/dev/null' } };
    assert.equal(await proves('activate-pip', pip, job), 'thing-1-py3-none-any.whl\n');
  });

  it(...proven('activate-maven'), async () => {
    const { fixture } = use;
    const parent =
      '<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId><artifactId>parent</artifactId><version>1</version><packaging>pom</packaging></project>';
    const repository = await startTool(host, { 'GET /com/example/parent/1/parent-1.pom': parent }, 'text/xml');
    fixture.onStop(() => repository.stop());
    const settings = { className: 'maven', configuration: 'settings', params: { useAsMirror: 'true' } };
    const volumes = await connected(fixture, repository.url(host), settings);
    const words = mavenCommand(fixture.work);
    // Its script reads MAVEN_ARGS. Each run has a repository of its own. Maven ends with an error, since the project is none.
    const command = words
      .map((word) => (word.startsWith('-Dmaven.repo.local=') ? '-Dmaven.repo.local=m2' : word))
      .join(' ');
    const before = `cp ${fixture.work}/pom.xml .`;
    const job = {
      before,
      command: `sh -c '${command} >&2 || true'`,
      after: 'find m2 -name parent-1.pom',
      isSlow: true,
    };
    assert.equal(await proves('activate-maven', volumes, job), 'm2/com/example/parent/1/parent-1.pom\n');
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
    const volumes = await connected(fixture, api.url, {
      ...{ className: 'k8s', configuration: 'kubeconfig', secretName: 'deployer', caSecret: 'api-ca' },
    });
    const job = { command: 'kubectl get --raw /api/v1/namespaces/ci/configmaps/greeting' };
    assert.match(await proves('activate-kubectl', volumes, job), /"say":"hello"/);
  });

  it(...proven('activate-glab'), async () => {
    const { fixture } = use;
    const gitlab = await startTool(host, { 'GET /api/v4/projects': '[{"id":1}]' }, 'application/json');
    fixture.onStop(() => gitlab.stop());
    fixture.put(secret('gitlab', 'connectors.cpaas.io/gitlab-pat-auth', { token: toolPassword }));
    const volumes = await connected(fixture, gitlab.url(host), {
      ...{ className: 'gitlab', configuration: 'gitlabconfig', secretName: 'gitlab' },
    });
    assert.match(await proves('activate-glab', volumes, { command: 'glab api projects' }), /"id":1/);
  });

  describe('with a registry', () => {
    let registry: DockerRegistry;
    let volumes: Volumes;
    let env: NodeJS.ProcessEnv;
    before(async () => {
      const { fixture } = use;
      const login = { username: 'robot', password: toolPassword };
      registry = await DockerRegistry.start({ directory: path.join(fixture.work, 'registry'), host, auth: login });
      fixture.onStop(() => registry.stop());
      fixture.put(secret('registry', 'cpaas.io/distribution-registry-token', login));
      const options = { className: 'oci', secretName: 'registry' };
      volumes = await connected(use.fixture, `https://${registry.address}`, options);
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
      const buildah = (words: string): string =>
        `buildah --storage-driver vfs ${words.replace(' ', ` -q --signature-policy ${policy()} `)}`;
      const steps = ['bud --http-proxy=false --tag built . >&2', `push built ${image()}`, `pull ${image()} | wc -c`];
      const job = { before: context, command: `sh -euc '${steps.map(buildah).join('; ')}'`, env };
      assert.equal(await proves('activate-buildah', volumes, job), '65\n');
    });

    it(...proven('activate-skopeo'), async () => {
      const target = `docker://${registry.address}/team/copy:1`;
      const copy = `skopeo --policy ${policy()} copy -q ${image()} ${target}`;
      const inspect = `skopeo inspect --format {{.Digest}} ${target}`;
      const job = { command: `sh -euc '${copy}; ${inspect}'`, env };
      assert.match(await proves('activate-skopeo', volumes, job), /^sha256:[0-9a-f]{64}\n$/);
    });

    it(...proven('activate-podman'), async () => {
      const command = `podman --storage-driver vfs pull -q --signature-policy ${policy()} ${image()}`;
      assert.match(await proves('activate-podman', volumes, { command, env }), /^[0-9a-f]{64}\n$/);
    });

    it(...proven('activate-oras'), async () => {
      const reference = `${registry.address}/team/layer:1`;
      const format = '{{(index .content.layers 0).digest}}';
      const command = `sh -euc 'oras push ${reference} layer >&2; oras manifest fetch --format "go-template=${format}" ${reference}'`;
      const job = { before: 'echo layer >layer', command, env };
      assert.match(await proves('activate-oras', volumes, job), /^sha256:[0-9a-f]{64}/);
    });

    it(...proven('activate-helm'), async function () {
      const helm = helms.at(-1);
      if (helm === undefined) return needsHelm.call(this);
      const charts = `oci://${registry.address}/charts`;
      const steps = `${helm} push app-0.1.0.tgz ${charts} >&2; ${helm} pull ${charts}/app --untar --untardir got >&2; ls got`;
      const job = { before: `${helm} create app >&2; ${helm} package app >&2`, command: `sh -euc '${steps}'`, env };
      assert.equal(await proves('activate-helm', volumes, job), 'app\n');
    });
  });
});
