import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compileTemplate } from '../../src/gotemplate/template.js';
import { classCases, hostileText } from '../support/deploy/class-cases.js';

/** The proxy as the connector `one` uses it. */
const proxyUrl = 'http://ci%2Fone:eyJ.claims.sig-_@connectors-proxy.connectors-system.svc.cluster.local';

describe('the example ConnectorClasses, read by the programs they are for', function () {
  this.timeout(60_000);

  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-configurations-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  /** Renders the case of that name and returns the path of its file. */
  function render(name: string): string {
    const found = classCases().find((candidate) => candidate.name === name);
    assert.ok(found, name);
    const file = path.join(folder, found.file);
    writeFileSync(file, compileTemplate(name, found.template).render(found.data, { clock: () => 0 }));
    return file;
  }

  /** What the program prints, without the final newline. */
  function output(program: string, ...args: string[]): string {
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', cwd: folder });
    assert.equal(status, 0, stderr);
    return stdout.replace(/\n$/, '');
  }

  /** Programs of Debian's packages; CI has them, and counts a skipped test as failed. */
  function needs(program: string, ...probe: string[]): Mocha.Func {
    return function () {
      if (!spawnSync(program, probe).error) return;
      console.log(`      skipped: not installed: ${program}`);
      this.skip();
    };
  }

  describe('git', () => {
    before(needs('git', '--version'));
    const valueFor = (file: string, key: string, url: string): string =>
      spawnSync('git', ['config', '--file', file, '--get-urlmatch', key, url], { encoding: 'utf8' }).stdout.trimEnd();

    it('uses the proxy for the connector, and for nothing else', () => {
      const file = render('git/gitconfig/.gitconfig: one connector, default params');
      assert.equal(valueFor(file, 'http.proxy', 'https://one.example.com/team/app.git'), proxyUrl);
      assert.equal(valueFor(file, 'http.sslCAInfo', 'https://one.example.com/team/app.git'), '/opt/connectors/ca.crt');
      assert.equal(valueFor(file, 'http.proxy', 'https://other.example.com/'), '');
    });

    it('fetches SSH remotes over HTTP', () => {
      const file = render('git/gitconfig/.gitconfig: one connector, default params');
      const insteadOf = output('git', 'config', '--file', file, '--get-all', 'url.https://one.example.com/.insteadOf');
      assert.deepEqual(insteadOf.split('\n'), ['git@one.example.com:', 'ssh://git@one.example.com/']);
    });

    it('reads hostile params as they were written', () => {
      const file = render('git/gitconfig/.gitconfig: two connectors, hostile params');
      assert.equal(output('git', 'config', '--file', file, 'user.name'), hostileText);
    });
  });

  describe('npm', () => {
    before(needs('npm', '--version'));

    // It shows nobody the proxy, since that holds a password.
    it('finds the registry, also of a scope', () => {
      const get = (key: string, file: string): string => output('npm', 'config', 'get', key, '--userconfig', file);
      const plain = render('npm/npmrc/.npmrc: two connectors, no CA');
      assert.equal(get('registry', plain), 'http://two.example.com:5000/x/');
      const scoped = render('npm/npmrc/.npmrc: two connectors, hostile params');
      assert.equal(get('@abc.example:registry', scoped), 'https://one.example.com/');
    });
  });

  describe('kubectl', () => {
    before(needs('kubectl', 'version', '--client'));

    it('finds cluster, proxy and certificates', () => {
      const file = render('k8s/kubeconfig/kubeconfig: one connector, default params');
      const view = JSON.parse(output('kubectl', 'config', 'view', '--raw', '--output=json', '--kubeconfig', file)) as {
        'current-context': string;
        clusters: readonly [{ cluster: Record<string, string> }];
      };
      assert.equal(view['current-context'], 'one');
      const { cluster } = view.clusters[0];
      assert.equal(cluster['server'], 'https://one.example.com');
      assert.equal(cluster['proxy-url'], proxyUrl);
      assert.match(Buffer.from(cluster['certificate-authority-data']!, 'base64').toString(), /^-----BEGIN CERTIFICATE/);
    });
  });

  describe("Python's configparser, which pip reads with,", () => {
    before(needs('python3', '--version'));
    const program =
      'import configparser, json, sys; c = configparser.RawConfigParser(); c.read(sys.argv[1]); print(json.dumps(dict(c["global"])))';
    const read = (file: string): Record<string, string> =>
      JSON.parse(output('python3', '-c', program, file)) as Record<string, string>;

    it('finds the indexes and the proxy', () => {
      assert.deepEqual(read(render('pypi/pip/pip.conf: two connectors, no CA')), {
        'index-url': 'http://two.example.com:5000/x/simple',
        'extra-index-url': '\nhttps://one.example.com/simple',
        proxy: 'https://ci%2Ftwo,ci%2Fone:eyJ.claims.sig-_@proxy.example.com:8443',
        'trusted-host': '\ntwo.example.com:5000',
      });
    });

    it('finds no section or key that hostile params brought in', () => {
      const keys = Object.keys(read(render('pypi/pip/pip.conf: two connectors, hostile params')));
      assert.deepEqual(keys.sort(), ['cert', 'extra-index-url', 'index-url', 'proxy', 'trusted-host']);
    });
  });
});
