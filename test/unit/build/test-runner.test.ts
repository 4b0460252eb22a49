import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { names, partsOf } from '../../../.ci/test-parts.mjs';
import { repository } from '../../support/deploy/manifests.ts';
import { eventually } from '../../support/poll.ts';

const files = {
  passes: `describe('a', () => { it('passes', () => console.log('noise')); });`,
  fails: `describe('b', () => { it('passes', () => {}); it('fails', () => { throw new Error('broken', { cause: new Error('worn') }); }); });`,
  flaky: `import fs from 'node:fs';
    describe('c', () => { it('passes later', () => {
      const isLate = fs.existsSync('seen');
      fs.writeFileSync('seen', '');
      if (!isLate) throw new Error('early');
    }); });`,
  ends: `describe('d', () => { it('passes', () => {}); it('ends the process', () => process.exit(0)); });`,
  skips: `describe('e', () => { it.skip('is skipped', () => {}); });`,
  empty: '',
  hangs: `import fs from 'node:fs';
    import { spawn } from 'node:child_process';
    describe('f', () => { it('hangs', () => {
      const { pid } = spawn('unshare', ['--mount', 'sh', '-c', 'touch runs; sleep 1000; true']);
      fs.writeFileSync('pids', String(process.pid) + ' ' + String(pid));
      return new Promise(() => {});
    }); });`,
} as const;

/** A project with the runner and some test files. */
class Project {
  readonly folder = fs.mkdtempSync(path.join(tmpdir(), 'runner-'));

  constructor(chosen: readonly (keyof typeof files)[], typeCheck = 'true') {
    for (const name of ['.ci/test.mjs', '.ci/test-parts.mjs', 'test/support/totals-reporter.cjs', 'package.json']) {
      this.#write(name, fs.readFileSync(path.join(repository, name), 'utf8'));
    }
    const { scripts, ...rest } = JSON.parse(this.read('package.json')) as { scripts: Readonly<Record<string, string>> };
    this.#write('package.json', JSON.stringify({ ...rest, scripts: { ...scripts, build: 'true' } }));
    this.#write('node_modules/.bin/tsc', `#!/bin/sh\n${typeCheck}`);
    fs.chmodSync(path.join(this.folder, 'node_modules/.bin/tsc'), 0o755);
    for (const name of ['mocha']) {
      fs.symlinkSync(path.join(repository, 'node_modules', name), path.join(this.folder, 'node_modules', name));
    }
    for (const name of chosen) this.#write(`test/unit/${name}.test.ts`, files[name]);
  }

  run(CI = ''): { status: number | null; lines: readonly string[] } {
    const { status, stdout } = spawnSync(process.execPath, ['.ci/test.mjs'], {
      cwd: this.folder,
      encoding: 'utf8',
      env: { ...process.env, CI },
    });
    return { status, lines: stdout.trimEnd().split('\n') };
  }

  read(name: string): string {
    return fs.readFileSync(path.join(this.folder, name), 'utf8');
  }

  remove(): void {
    fs.rmSync(this.folder, { recursive: true });
  }

  #write(name: string, text: string): void {
    const file = path.join(this.folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
}

describe('npm test', () => {
  let project: Project | undefined;
  afterEach(() => project?.remove());

  it('shows a failed test as it fails and at the end, and counts the result of its second run', () => {
    project = new Project(['passes', 'fails', 'flaky']);
    const { status, lines } = project.run();
    assert.equal(lines.at(-1), '3 passed, 1 failed');
    assert.equal(status, 1);
    const order = [
      /^FAILED {2}test\/unit\/fails\.test\.ts: b fails$/,
      /Error: broken/,
      /caused by: Error: worn/,
      /^again, alone: unit.*flaky/,
      /^passed only when they ran again/,
      /^ {2}test\/unit\/flaky\.test\.ts: c passes later$/,
      /^ {2}test\/unit\/fails\.test\.ts: b fails$/,
    ].map((pattern) => lines.findIndex((line) => pattern.test(line)));
    assert.ok(!order.includes(-1), lines.join('\n'));
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    );
    for (const pattern of [/^ +\(runs again at the end, alone\)$/, /^ +\d+ s {2}unit.*: .*1 failed$/]) {
      assert.ok(lines.some((line) => pattern.test(line)));
    }
    assert.ok(!lines.includes('noise'));
  });

  for (const [what, chosen, typeCheck, last] of [
    ['all tests pass', ['passes', 'skips'], 'true', '1 passed, 0 failed'],
    ['a test passes only the second time', ['flaky'], 'true', '1 passed, 0 failed'],
    ['a type is wrong', ['passes'], 'false', '1 passed, 1 failed'],
    ['a test ends the process', ['ends'], 'true', '1 passed, 1 failed'],
    ['a part has no test', ['empty'], 'true', '0 passed, 1 failed'],
  ] as const) {
    it(`ends with "${last}" if ${what}`, () => {
      project = new Project(chosen, typeCheck);
      const { status, lines } = project.run();
      assert.equal(lines.at(-1), last, lines.join('\n'));
      assert.equal(status, last.endsWith(' 0 failed') ? 0 : 1);
    });
  }

  it('fails in CI if a test is skipped', () => {
    project = new Project(['passes', 'skips']);
    const { status, lines } = project.run('true');
    assert.equal(lines.at(-1), '1 passed, 1 failed');
    assert.equal(status, 1);
  });

  it('ends everything that it started when it is told to end', async () => {
    project = new Project(['hangs']);
    const { folder } = project;
    const child = spawn('npm', ['test'], { cwd: folder, stdio: 'ignore' });
    const ended = once(child, 'exit');
    const exists = (name: string): boolean => fs.existsSync(path.join(folder, name));
    try {
      await eventually(
        'the test runs',
        () => exists('runs') && exists('pids') && project?.read('pids') !== '',
        120_000,
      );
    } finally {
      child.kill('SIGTERM');
    }
    const pids = project.read('pids').split(' ');
    await ended;
    for (const pid of pids) await eventually(`process ${pid} has ended`, () => !fs.existsSync(`/proc/${pid}`));
  });
});

describe('the table of parts', () => {
  const files = fs
    .readdirSync(path.join(repository, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${name}`);
  const filesOf = (command: 'quick' | 'slow'): string[] => partsOf(command, files).flatMap((part) => part.files);

  it('has each file in exactly one of npm test and npm run test:slow, and only the shortened ones in both', () => {
    const isShortened = (file: string): boolean => /^test\/(model|fault\/api)\//.test(file);
    const both = [...filesOf('quick'), ...filesOf('slow').filter((file) => !isShortened(file))];
    assert.deepEqual(both.sort(), files.sort());
  });

  it('names only folders and files that exist', () => {
    const unknown = names.filter((name) => !fs.existsSync(path.join(repository, 'test', name)));
    assert.deepEqual(unknown, []);
  });

  it('rejects a file that is in no part', () => {
    assert.throws(() => partsOf('quick', ['test/else/a.test.ts']), /in no part: test\/else\/a\.test\.ts/);
  });
});

describe('the suites of a real API server', () => {
  it('say what they skip where its programs are missing, and fail in no hook', () => {
    const test = path.join(repository, 'test');
    const suites = fs
      .readdirSync(test, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => path.join(test, name))
      .filter((file) =>
        /from '[./]+support\/(?:kubernetes\/|deploy\/installed-policies)/.test(fs.readFileSync(file, 'utf8')),
      );
    assert.ok(suites.length > 8, suites.join());
    const { status, stdout } = spawnSync(
      process.execPath,
      ['node_modules/mocha/bin/mocha.js', '--reporter', 'dot', ...suites],
      { cwd: repository, encoding: 'utf8', env: { PATH: path.dirname(process.execPath) } },
    );
    assert.equal(status, 0, stdout);
    assert.match(stdout, /skipped: neither in KUBERNETES_PROGRAMS nor in PATH: etcd/);
  });
});
