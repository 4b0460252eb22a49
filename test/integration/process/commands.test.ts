import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { deployFolder, repository } from '../../support/deploy/manifests.ts';
import { connector, grant } from '../../support/proxy/manifests.ts';
import { robotLogin } from '../../support/proxy/proxy-fixture.ts';

const main = path.join(repository, 'dist/main.js');
const call = (...args: readonly string[]): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
const isRoot = process.geteuid?.() === 0;

describe('the program', () => {
  it('has help and version as commands too', () => {
    const { status, stdout } = call('help', 'doctor', '--proxy');
    assert.equal(status, 0);
    assert.equal(stdout, call('doctor', '--proxy', '--help').stdout);
    assert.match(call('help').stdout, /^Usage: connectors-csi COMMAND/);
    for (const word of ['version', '-v']) assert.equal(call(word).stdout, call('--version').stdout);
  });

  it('suggests the command that was meant', () => {
    const { status, stderr } = call('help', 'chekc');
    assert.equal(status, 2);
    assert.match(stderr, /^connectors-csi: unknown command "chekc": did you mean "check"\?\n/);
    assert.match(call('constructor').stderr, /^connectors-csi: unknown command "constructor"\n/);
  });

  it('says that doctor checks one thing, and prints its results as JSON', () => {
    assert.match(call('doctor', '--proxy', '--image-pulls').stderr, /--proxy and --image-pulls: choose one\n/);
    for (const words of [['--output', 'json'], ['--output=json']]) {
      const { status, stdout } = call('doctor', '--image-pulls', ...words);
      const [result] = JSON.parse(stdout) as readonly Readonly<Record<string, string>>[];
      assert.deepEqual([status, result?.['level'], result?.['check']], [1, 'fail', 'image-files']);
    }
    assert.match(call('doctor', '--output', 'xml').stderr, /--output "xml": must be one of table, json/);
  });

  it('says that serve needs root', () => {
    // There, root is a user without a name and without capabilities.
    const [program, ...args] = [...(isRoot ? ['unshare', '--user'] : []), process.execPath, main, 'serve'];
    const { status, stderr } = spawnSync(program, [...args, '--node-name', 'n'], { encoding: 'utf8' });
    assert.equal(stderr, 'connectors-csi serve: it mounts volumes: run it as root, or see their files with render\n');
    assert.equal(status, 1);
  });

  it('colors and wraps results on a terminal alone', function () {
    const args = ['doctor', '--image-pulls', '--registry', 'connectors.local'];
    const words = [process.execPath, main, ...args].join(' ');
    const onTerminal = (env: NodeJS.ProcessEnv): SpawnSyncReturns<string> =>
      spawnSync('script', ['-qec', `stty cols 70; ${words}`, '/dev/null'], { encoding: 'utf8', env });
    const { PATH } = process.env;
    const shown = onTerminal({ PATH, TERM: 'xterm' });
    if (shown.error !== undefined) this.skip();
    const lines = shown.stdout.trimEnd().split('\r\n');
    assert.ok(lines[0]?.startsWith('\x1b[31mfail\x1b[39m  image-files    '), lines[0]);
    assert.ok(lines.length > 3 && lines.slice(1).every((line) => /^ {21}\S/.test(line)), shown.stdout);
    assert.ok(lines.slice(1).every((line) => line.length <= 70 || !line.trim().includes(' ')));
    const joined = lines.map((line) => line.trim()).join(' ');
    assert.equal(call(...args).stdout, `${stripVTControlCharacters(joined)}\n`);
    assert.ok(!onTerminal({ PATH, TERM: 'xterm', NO_COLOR: '1' }).stdout.includes('\x1b'));
  });
});

describe('the example in the help of', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'connectors-examples-'));
    const harbor = connector('harbor', 'https://harbor.example', { secret: 'login', className: 'harbor' });
    writeFileSync(path.join(folder, 'connectors-csi'), `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`, {
      mode: 0o755,
    });
    const items = [harbor, robotLogin, ...grant('builder', ['harbor'])];
    writeFileSync(path.join(folder, 'objects.json'), JSON.stringify({ kind: 'List', items }));
    writeFileSync(
      path.join(folder, 'harbor.yaml'),
      readFileSync(path.join(deployFolder, 'chart/files/classes/harbor.yaml')),
    );
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Returns the example as a script, in which `connectors-csi` is the built program. */
  const exampleOf = (command: string): string => {
    const [example = ''] = /(?<=\n\n)(?: {2}.*\n)+(?=\nFlags:)/.exec(call(command, '--help').stdout) ?? [];
    assert.match(example, /connectors-csi /);
    return `cd ${folder}; PATH=${folder}:$PATH\n${example}`;
  };

  for (const command of ['render', 'check']) {
    it(`${command} runs as written`, () => {
      const { status, stdout, stderr } = spawnSync('sh', ['-ec', exampleOf(command)], { encoding: 'utf8' });
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
      assert.match(stdout, command === 'render' ? /==> activate\n\(\d+ lines, which --out DIR writes\)\n/ : /^ok /);
    });
  }

  it('serve runs as written', async function () {
    if (!isRoot) this.skip();
    const example = exampleOf('serve').replace('  connectors-csi', 'exec connectors-csi');
    const child = spawn('sh', ['-ec', example], { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(child, 'close');
    let log = '';
    for await (const chunk of child.stderr) if ((log += String(chunk)).includes('"Started"')) break;
    child.kill();
    await ended;
    assert.match(log, /"Started"/);
  });
});
