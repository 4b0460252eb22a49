import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  activated,
  afterOneLine,
  connected,
  needsPackaged,
  packaged,
  startTool,
  withTls,
} from '../../support/e2e/activated.ts';
import type { Volumes } from '../../support/e2e/activated.ts';
import { repository } from '../../support/deploy/manifests.ts';
import { proven } from '../../support/e2e/compatibility.ts';
import { useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import type { FlowFixture } from '../../support/e2e/flow-fixture.ts';
import { npmRegistry } from '../../support/e2e/npm-registry.ts';
import { CertificateAuthority } from '../../support/tls/certificate-authority.ts';
import type { ToolServer } from '../../support/proxy/tool-server.ts';

const host = 'tools.test';
const native = process.arch === 'arm64' ? 'arm64' : 'x64';
const programs = {
  'pnpm 10': `node ${packaged('pnpm/bin/pnpm.cjs')}`,
  pnpm: packaged(`@pnpm/exe.linux-${native}/pnpm`),
  'Yarn 1': `node ${packaged('yarn/bin/yarn.js')}`,
  Yarn: `node ${packaged('@yarnpkg/cli-dist/bin/yarn.js')}`,
  Deno: packaged(`@deno/linux-${native}-glibc/deno`),
};

/** Returns what the tool serves besides npm packages: a Go module, a crate, a Maven artifact, a module of JavaScript. */
async function contentsOf(fixture: FlowFixture): Promise<Record<string, string | Buffer>> {
  const made = await fixture.without(`
    mkdir -p go/example.com/thing@v1.0.0 crate/thing-1.0.0/src
    printf 'module example.com/thing\\n\\ngo 1.20\\n' >go/example.com/thing@v1.0.0/go.mod
    (cd go && python3 -c 'import zipfile as z; z.ZipFile("../module.zip", "w").write("example.com/thing@v1.0.0/go.mod")')
    printf '[package]\\nname = "thing"\\nversion = "1.0.0"\\nedition = "2021"\\n' >crate/thing-1.0.0/Cargo.toml
    : >crate/thing-1.0.0/src/lib.rs
    tar -C crate -czf thing.crate thing-1.0.0`);
  assert.equal(made.status, 0, made.output);
  const read = (name: string): Buffer => readFileSync(path.join(fixture.work, name));
  const crate = read('thing.crate');
  const cksum = createHash('sha256').update(crate).digest('hex');
  return {
    'GET /example.com/thing/@v/v1.0.0.info': '{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z"}',
    'GET /example.com/thing/@v/v1.0.0.mod': read('go/example.com/thing@v1.0.0/go.mod'),
    'GET /example.com/thing/@v/v1.0.0.zip': read('module.zip'),
    'GET /th/in/thing': JSON.stringify({ name: 'thing', vers: '1.0.0', deps: [], cksum, features: {}, yanked: false }),
    'GET /crates/thing/1.0.0': crate,
    'GET /com/example/thing/1/thing-1.pom':
      '<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId><artifactId>thing</artifactId><version>1</version></project>',
    'GET /com/example/thing/1/thing-1.jar': read('module.zip'),
    'GET /word.js': 'export const word = "welcome";',
  };
}

/** The tool requires TLS and a password, and only the proxy can resolve its name. */
describe('package managers after `activate`, with no other setting', function () {
  this.timeout(300_000);
  let tool: ToolServer;
  let plain: Volumes;
  let npm: Volumes;
  before(
    needsPackaged('pnpm', `@pnpm/exe.linux-${native}`, 'yarn', '@yarnpkg/cli-dist', `@deno/linux-${native}-glibc`),
  );
  const use = useFlowFixture(
    { hosts: [host], ...withTls },
    ['npm', '/usr/bin/go', '/usr/bin/cargo', '/usr/bin/gradle', 'python3'],
    async (fixture) => {
      const contents = await contentsOf(fixture);
      tool = await startTool(host, contents, (url) => (url.endsWith('.js') ? 'text/javascript' : 'application/json'));
      fixture.onStop(() => tool.stop());
      const url = tool.url(host);
      contents['GET /config.json'] = JSON.stringify({ dl: `${url}/crates/{crate}/{version}` });
      Object.assign(contents, npmRegistry(path.join(fixture.work, 'npm'), url));
      plain = await connected(fixture, url);
      npm = await connected(fixture, url, { className: 'npm', configuration: 'npmrc' });
    },
  );
  const url = (): string => tool.url(host);
  const printName = `node -p "JSON.parse(fs.readFileSync('node_modules/thing/package.json')).name"`;
  const project = `echo '{"dependencies":{"thing":"1.2.3"}}' >package.json`;

  it(...proven('activate-npm'), async () => {
    const job = { before: project, command: 'npm install --silent --no-update-notifier', after: printName };
    assert.equal(await activated(use.fixture, 'activate-npm', npm, job), 'thing\n');
  });

  it(...proven('activate-pnpm-10'), async () => {
    const job = { before: project, command: `${programs['pnpm 10']} install --silent`, after: printName };
    assert.equal(await activated(use.fixture, 'activate-pnpm-10', npm, job), 'thing\n');
  });

  it(...proven('activate-pnpm'), async () => {
    const job = { before: project, command: `${programs.pnpm} install --silent`, after: printName };
    assert.equal(await activated(use.fixture, 'activate-pnpm', npm, job), 'thing\n');
  });

  it(...proven('activate-yarn-1'), async () => {
    const job = {
      before: project,
      command: `${programs['Yarn 1']} install --silent --cache-folder cache`,
      after: printName,
    };
    assert.equal(await activated(use.fixture, 'activate-yarn-1', npm, job), 'thing\n');
  });

  for (const program of ['pnpm 10', 'Yarn 1'] as const) {
    it(`${program} trusts the proxy if an .npmrc of the image names other certificates`, async () => {
      const { fixture } = use;
      const before = `${project}
        echo '${new CertificateAuthority().certificate}' >other.pem
        printf 'cafile=%s\\n' "$PWD/other.pem" >"$HOME/.npmrc"
        printf 'registry=%s\\n' '${url()}' >.npmrc`;
      const job = {
        before,
        command: `${programs[program]} install --silent${program === 'Yarn 1' ? ' --cache-folder cache' : ''}`,
        after: printName,
      };
      assert.equal(await afterOneLine(fixture, plain.http, job), 'thing\n');
    });
  }

  it(...proven('activate-yarn'), async () => {
    const settings = ['nodeLinker: node-modules', 'enableTelemetry: false', `npmRegistryServer: ${url()}`];
    const before = `${project}; : >yarn.lock; printf '%s\\n' '${settings.join("' '")}' >.yarnrc.yml`;
    const job = { before, command: `${programs.Yarn} install >&2`, after: printName, env: { YARN_HTTP_RETRY: '0' } };
    assert.equal(await activated(use.fixture, 'activate-yarn', plain, job), 'thing\n');
  });

  it(...proven('activate-deno'), async () => {
    const source = `import { word } from "${url()}/word.js"; console.log(word, await (await fetch("${url()}/word.js")).text())`;
    const job = { before: `echo '${source}' >main.js`, command: `${programs.Deno} run --quiet -A main.js` };
    const printed = await activated(use.fixture, 'activate-deno', plain, job);
    assert.equal(printed, 'welcome export const word = "welcome";\n');
  });

  it(...proven('activate-go'), async () => {
    // The public database of checksums does not know the module.
    const env = { GOPROXY: url(), GONOSUMDB: '*', GOTOOLCHAIN: 'local', GOFLAGS: '-modcacherw' };
    const job = {
      command: '/usr/bin/go mod download example.com/thing@v1.0.0',
      after: 'cd go/pkg/mod/example.com; ls',
      env,
    };
    assert.equal(await activated(use.fixture, 'activate-go', plain, job), 'thing@v1.0.0\n');
  });

  it(...proven('activate-cargo'), async () => {
    const before = `mkdir .cargo src; : >src/lib.rs
      printf '[package]\\nname = "app"\\nversion = "1.0.0"\\nedition = "2021"\\n[dependencies]\\nthing = "1"\\n' >Cargo.toml
      printf '[source.crates-io]\\nreplace-with = "own"\\n[source.own]\\nregistry = "sparse+${url()}/"\\n' >.cargo/config.toml`;
    const env = { RUSTC: '/usr/bin/rustc' };
    const job = { before, command: '/usr/bin/cargo fetch --quiet', after: 'cd .cargo/registry/src/*; ls', env };
    assert.equal(await activated(use.fixture, 'activate-cargo', plain, job), 'thing-1.0.0\n');
  });

  it(...proven('activate-gradle'), async () => {
    const build = `repositories { maven { url "${url()}" } }
      configurations { libs }
      dependencies { libs "com.example:thing:1" }
      task fetch { doLast { configurations.libs.files.each { println it.name } } }`;
    const before = `mkdir -p .gradle/init.d
      cat >.gradle/init.d/proxy.gradle <<'END'\n${initScript()}END
      echo '${build}' >build.gradle`;
    const command = '/usr/bin/gradle --gradle-user-home .gradle --no-daemon --quiet fetch';
    const job = { before, command, isSlow: true };
    assert.equal(await activated(use.fixture, 'activate-gradle', plain, job), 'thing-1.jar\n');
  });
});

/** The init script of docs/volumes.md. */
function initScript(): string {
  const page = readFileSync(path.join(repository, 'docs/volumes.md'), 'utf8');
  const [, script = ''] = /```groovy\n(.*?)```/s.exec(page) ?? [];
  assert.notEqual(script, '');
  return script.replaceAll(/^ {2}/gm, '');
}
