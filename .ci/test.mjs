// `npm test`: static checks, build, then every suite, each in a private mount namespace so that no test mount
// reaches the host. Ends with one plain line, "N passed, N failed", and a non-zero exit on any failure.
// `npm run test:only -- SUITE…|FILE…` runs just those, without the static checks.
// ALSO_NODE, the path of another Node's executable, has it run some suites a second time with that one.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const suites = ['unit', 'integration', 'conformance', 'fault', 'model', 'e2e'];
/** Waits for minutes and works little, so it runs beside the others. */
const backgroundSuite = 'soak';
/** What another Node runs too, unless ALSO_SUITES says more: the built driver from end to end, within CI's time. */
const suitesOfNode = process.env.ALSO_SUITES?.split(' ') ?? ['conformance', 'fault'];
const only = process.argv[2] === '--only' ? process.argv.slice(3) : undefined;

let passed = 0;
let failed = 0;
/** Told again at the end: thousands of lines may lie between a failure and the last line. */
const failures = [];
/** Those of tests that passed when their file ran once more. */
const unsteady = [];
/** More files than that do not fail because the machine is busy. */
const maxRetriedFiles = 6;

/** Several times what the longest takes on a busy machine: what does not end by itself shall not hold CI. */
const limitMs = 30 * 60_000;

function run(command, args, env = {}) {
  return spawnSync(command, args, {
    cwd: root,
    timeout: limitMs,
    killSignal: 'SIGKILL',
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

/** What runs the test files, and where it will write how many of them passed. */
function mocha(files, node = process.execPath) {
  const folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-test-'));
  const totals = path.join(folder, 'totals.json');
  const [program, ...words] = privateNamespace();
  const script = path.join(root, 'node_modules/mocha/bin/mocha.js');
  const reporter = path.join(root, 'test/support/totals-reporter.cjs');
  const args = [...words, node, script, '--reporter', reporter, ...files];
  // What the tests start by its name is that Node too.
  const PATH = `${path.dirname(node)}:${process.env.PATH}`;
  return { folder, totals, program, args, env: { TEST_TOTALS_FILE: totals, PATH } };
}

function suite(name, files, node) {
  console.log(`\n== ${name}`);
  const { folder, totals, program, args, env } = mocha(files, node);
  const { status, signal } = run(program, args, env);
  count(name, totals, status ?? signal, node);
  rmSync(folder, { recursive: true, force: true });
}

/** Starts a suite whose output is kept. @returns waits for its end, prints all of it, and counts. */
function startSuite(name, files) {
  const { folder, totals, program, args, env } = mocha(files);
  const outputFile = path.join(folder, 'output');
  const output = openSync(outputFile, 'w');
  const child = spawn(program, args, {
    cwd: root,
    timeout: limitMs,
    killSignal: 'SIGKILL',
    stdio: ['ignore', output, output],
    env: { ...process.env, ...env },
  });
  closeSync(output);
  const kill = () => child.kill();
  process.once('exit', kill);
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, signal) => resolve(status ?? signal));
  });
  return async () => {
    const status = await ended;
    process.off('exit', kill);
    console.log(`\n== ${name}, beside the others`);
    console.log(readFileSync(outputFile, 'utf8'));
    count(name, totals, status);
    rmSync(folder, { recursive: true, force: true });
  };
}

/** @param status how the suite ended: an exit status, or the name of a signal. @param node what ran it, if not this Node. */
function count(name, totals, status, node) {
  const counted = existsSync(totals) ? JSON.parse(readFileSync(totals, 'utf8')) : { files: {}, failures: [] };
  const isCrashed = counted.failures.length === 0 && status !== 0;
  if (isCrashed) fail(`suite ${name} ended with status ${status}`);
  const retried = new Set(counted.failures.map(({ file }) => file));
  if (retried.size > 0 && retried.size <= maxRetriedFiles && !retried.has('')) retry(name, counted, [...retried], node);
  else failures.push(...counted.failures);
  const sums = Object.values(counted.files);
  const sum = (outcome) => sums.reduce((total, file) => total + file[outcome], 0);
  passed += sum('passed');
  failed += sum('failed');
  if (sum('passed') + sum('failed') === 0) fail(`suite ${name} found no test`);
  if (sum('pending') > 0 && process.env.CI) {
    fail(`suite ${name} skipped ${sum('pending')} tests; nothing may be skipped in CI`, sum('pending'));
  }
}

/**
 * Runs files with failures once more, alone. What passes then depends on what else the machine does: it is told at the
 * end and does not fail the run.
 */
function retry(name, counted, files, node) {
  console.log(`\n== ${name}, once more: ${files.map((file) => path.relative(root, file)).join(' ')}`);
  const { folder, totals, program, args, env } = mocha(files, node);
  run(program, args, env);
  const again = existsSync(totals) ? JSON.parse(readFileSync(totals, 'utf8')) : { files: {}, failures: [] };
  rmSync(folder, { recursive: true, force: true });
  for (const file of files) {
    const isSteady = (again.files[file]?.failed ?? 1) === 0 && again.files[file].passed > 0;
    if (isSteady) counted.files[file] = again.files[file];
    (isSteady ? unsteady : failures).push(...counted.failures.filter((failure) => failure.file === file));
  }
}

function fail(message, count = 1) {
  console.log(message);
  failed += count;
}

function filesOf(name) {
  return [`test/${name}/**/*.test.ts`];
}

function tell(heading, told) {
  if (told.length > 0) console.log(`\n== ${heading}`);
  for (const { title, file, message } of told) {
    console.log(`\n${title}${file === '' ? '' : ` (${path.relative(root, file)})`}\n${message}`);
  }
}

function finish() {
  tell('failed at first and passed alone: look into these', unsteady);
  tell('failed', failures);
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

if (only) {
  if (run('npm', ['run', '--silent', 'build']).status !== 0) process.exit(1);
  for (const name of only) suite(name, [...suites, backgroundSuite].includes(name) ? filesOf(name) : [name]);
} else {
  for (const name of ['format:check', 'lint', 'typecheck', 'build']) step(name);
  const collect = startSuite(backgroundSuite, filesOf(backgroundSuite));
  for (const name of suites) suite(name, filesOf(name));
  const also = process.env.ALSO_NODE;
  if (also) {
    const version = spawnSync(also, ['--version'], { encoding: 'utf8' }).stdout.trim();
    for (const name of suitesOfNode) suite(`${name} on Node ${version}`, filesOf(name), also);
  }
  await collect();
}
finish();
