import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JsonObject } from '../../../src/shared/json.ts';
import { deployFolder } from '../../support/deploy/manifests.ts';
import { writePageFiles } from '../../support/docs/first-build-page.ts';
import { connector, connectorClass } from '../../support/driver/manifests.ts';

const main = path.join(import.meta.dirname, '../../../dist/main.js');

describe('render', () => {
  let folder: string;
  let manifests: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(tmpdir(), 'connectors-csi-render-'));
    manifests = path.join(folder, 'manifests');
    fs.mkdirSync(manifests);
    put('harbor', connector('harbor'));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const put = (name: string, object: JsonObject): void =>
    fs.writeFileSync(path.join(manifests, `${name}.json`), JSON.stringify(object));
  const configure = (...configurations: readonly JsonObject[]): void =>
    put('class', connectorClass('oci', { configurations, hasProxy: false }));
  const render = (...flags: readonly string[]) => {
    const args = [main, 'render', '--manifests', manifests, '--connectors', 'ci/harbor', ...flags];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env: {} });
    return { status, stdout, stderr };
  };

  it('prints each file under its name, sorted, and ends with 0', () => {
    configure({ name: 'all', data: { b: 'no newline', a: 'one\ntwo\n', '.c': '' } });
    assert.deepEqual(render('--configuration-names', 'all'), {
      status: 0,
      stdout: '==> .c\n==> a\none\ntwo\n==> b\nno newline\n==> context.token\nTOKEN-PLACEHOLDER\n',
      stderr: '',
    });
  });

  it('looks for connectors without a namespace in that of the pod', () => {
    configure();
    const flags = ['--connectors', 'harbor', '--configuration-names', '!x'];
    assert.equal(render(...flags, '--namespace', 'ci').status, 0);
    assert.match(
      render(...flags).stderr,
      /^connectors-csi render: connector default\/harbor does not exist; --manifests has ci\/harbor$/m,
    );
  });

  it('puts the token where the placeholder would be', () => {
    put('class', connectorClass('oci', { configurations: [{ name: 'x', data: { file: '{{ .context.token }}' } }] }));
    const shown = render('--configuration-names', 'x').stdout;
    const given = render('--configuration-names', 'x', '--token', 'abc').stdout;
    assert.match(shown, /^http_proxy=http:\/\/ci%2Fharbor:TOKEN-PLACEHOLDER@proxy\.example:8080$/m);
    assert.equal(given, shown.replaceAll('TOKEN-PLACEHOLDER', 'abc'));
    assert.match(given, /==> file\nabc\n/);
  });

  it('writes the files into --out, to the byte and for nobody else to read, and prints nothing', () => {
    configure({ name: 'x', data: { file: 'no newline', '.hidden': 'ä\n' } });
    const out = path.join(folder, 'made', 'here');
    assert.deepEqual(render('--configuration-names', 'x,!context.token', '--out', out), {
      status: 0,
      stdout: '',
      stderr: '',
    });
    assert.deepEqual(fs.readdirSync(out).sort(), ['.hidden', 'file']);
    assert.equal(fs.readFileSync(path.join(out, 'file'), 'utf8'), 'no newline');
    assert.equal(fs.readFileSync(path.join(out, '.hidden'), 'utf8'), 'ä\n');
    assert.equal(fs.statSync(path.join(out, 'file')).mode & 0o777, 0o600);
  });

  it('replaces what another one left in --out, with its mode, and writes through no link', () => {
    configure({ name: 'x', data: { file: 'new', alias: 'new' } });
    const elsewhere = path.join(folder, 'elsewhere');
    fs.writeFileSync(elsewhere, 'old');
    const out = path.join(folder, 'out');
    fs.mkdirSync(out);
    fs.writeFileSync(path.join(out, 'file'), 'old', { mode: 0o644 });
    fs.symlinkSync(elsewhere, path.join(out, 'alias'));
    assert.equal(render('--configuration-names', 'x,!context.token', '--out', out).status, 0);
    assert.equal(fs.readFileSync(path.join(out, 'file'), 'utf8'), 'new');
    assert.equal(fs.statSync(path.join(out, 'file')).mode & 0o777, 0o600);
    assert.equal(fs.readFileSync(path.join(out, 'alias'), 'utf8'), 'new');
    assert.equal(fs.readFileSync(elsewhere, 'utf8'), 'old');
  });

  it('passes params on, and lists all that is wrong with them', () => {
    configure({ name: 'x', params: [{ name: 'a' }], data: { file: '{{ .configurations.a }}' } });
    const params = (value: object): string[] => ['--configuration-params', JSON.stringify({ x: value })];
    assert.match(render('--configuration-names', 'x', ...params({ a: 'A' })).stdout, /==> file\nA\n/);
    const { status, stderr } = render('--configuration-names', 'x', ...params({ b: 'B' }));
    assert.equal(status, 1);
    assert.match(stderr, /has no param "b".*param "a" is required/);
  });

  for (const [what, template, cause] of [
    ['cannot be read', 'one\n{{ if }}', 'missing value for if'],
    ['ends too early', 'one\n{{ if true }}', 'unexpected EOF'],
    ['calls what is not there', 'one\n{{ env "HOME" }}', 'function "env" not defined'],
    ['fails', 'one\n{{ index .connectors 7 }}', 'executing "file" at <index .connectors 7>: error calling index: '],
    ['fails on purpose', 'one\n{{ fail "not today" }}', 'error calling fail: not today'],
  ] as const) {
    it(`names class, configuration, file, line and cause of a template that ${what}, once, and ends with 1`, () => {
      configure({ name: 'x', data: { file: template } });
      const { status, stdout, stderr } = render('--configuration-names', 'x');
      assert.equal(status, 1);
      assert.equal(stdout, '');
      const start = 'connectors-csi render: connectorclass oci, configuration x, file file: template: file:';
      assert.ok(stderr.startsWith(start), stderr);
      assert.match(stderr.slice(start.length), /^[23]\b/);
      assert.equal(stderr.split(cause).length, 2, stderr);
      assert.equal(stderr.split('\n').length, 2, stderr);
    });
  }

  it('shows how it is called and ends with 2 when a flag cannot be used', () => {
    const { status, stdout, stderr } = render('--nonsense', 'x');
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /^connectors-csi render: .*--nonsense/);
    assert.match(stderr, /^Usage: connectors-csi render .*\n"connectors-csi render --help" lists the flags\.\n$/m);
  });

  it('shows the files of the first build, whose manifest has no status yet', () => {
    writePageFiles(manifests);
    fs.rmSync(path.join(manifests, 'harbor.json'));
    fs.copyFileSync(path.join(deployFolder, 'chart/files/classes/harbor.yaml'), path.join(manifests, 'harbor.yaml'));
    const trial = ['--configuration-names', 'registry-config', '--strict', '--proxy-url', 'http://proxy.example'];
    const { status, stdout, stderr } = render(...trial);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    assert.match(stdout, /^http_proxy=http:\/\/ci%2Fharbor:TOKEN-PLACEHOLDER@proxy\.example:80$/m);
    assert.match(stdout, /^==> config\.json\n\{\n {2}"auths": \{\n {4}"proxy\.example"/m);
    const without = render(...trial.slice(0, 3)).stderr;
    assert.match(without, /^warning: a Connector has no status: set --proxy-url for a trial$/m);
    assert.match(without, /connector ci\/harbor is not reconciled yet/);
  });
});
