// `npm test`: static checks, build, then every suite, each in a private mount namespace so that no test mount
// reaches the host. Ends with one plain line, "N passed, N failed", and a non-zero exit on any failure.
// `npm run test:only -- SUITE…|FILE…` runs just those, without the static checks.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const suites = ['unit', 'integration', 'conformance', 'fault', 'e2e'];
const only = process.argv[2] === '--only' ? process.argv.slice(3) : undefined;

let passed = 0;
let failed = 0;

function run(command, args, env = {}) {
  return spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
}

/** The words before a command that give it a private mount namespace: as root, as an ordinary user, or none. */
function privateNamespace() {
  const forms = [
    ['unshare', '--mount', '--propagation', 'private', '--'],
    ['unshare', '--user', '--map-root-user', '--mount', '--propagation', 'private', '--'],
  ];
  const form = forms.find(([program, ...args]) => spawnSync(program, [...args, 'true']).status === 0);
  if (!form) {
    console.error('unshare gives no private mount namespace here; the suites need one for their tmpfs mounts.');
    process.exit(1);
  }
  return form;
}

function step(name) {
  console.log(`\n== ${name}`);
  if (run('npm', ['run', '--silent', name]).status !== 0) {
    console.log(`${name} failed`);
    failed += 1;
    finish();
  }
}

function suite(name, files) {
  console.log(`\n== ${name}`);
  const folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-test-'));
  const totals = path.join(folder, 'totals.json');
  const [program, ...words] = privateNamespace();
  const mocha = path.join(root, 'node_modules/mocha/bin/mocha.js');
  const reporter = path.join(root, 'test/support/totals-reporter.cjs');
  const result = run(program, [...words, process.execPath, mocha, '--reporter', reporter, ...files], {
    TEST_TOTALS_FILE: totals,
  });
  const counted = existsSync(totals) ? JSON.parse(readFileSync(totals, 'utf8')) : { passed: 0, failed: 0, pending: 0 };
  rmSync(folder, { recursive: true, force: true });
  passed += counted.passed;
  failed += counted.failed;
  if (counted.failed === 0 && result.status !== 0) {
    console.log(`suite ${name} ended with status ${result.status ?? result.signal}`);
    failed += 1;
  }
  if (counted.passed + counted.failed === 0) {
    console.log(`suite ${name} found no test`);
    failed += 1;
  }
  if (counted.pending > 0 && process.env.CI) {
    console.log(`suite ${name} skipped ${counted.pending} tests; nothing may be skipped in CI`);
    failed += counted.pending;
  }
}

function finish() {
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

if (only) {
  if (run('npm', ['run', '--silent', 'build']).status !== 0) process.exit(1);
  for (const name of only) suite(name, [suites.includes(name) ? `test/${name}/**/*.test.ts` : name]);
} else {
  for (const name of ['format:check', 'lint', 'typecheck', 'build']) step(name);
  for (const name of suites) suite(name, [`test/${name}/**/*.test.ts`]);
}
finish();
