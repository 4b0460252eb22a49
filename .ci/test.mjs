// `npm test`: build, static checks, every suite in parts, several side by side, each in a private mount namespace so
// that no test mount reaches the host. Ends with one plain line, "N passed, N failed", and a non-zero exit on any failure.
// `npm run test:only -- SUITE…|FILE…` runs just those, without the static checks.
// ALSO_NODE, the path of another Node's executable, has it run the suites that depend on Node a second time with that one.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const suites = ['unit', 'integration', 'conformance', 'fault', 'model', 'e2e', 'soak'];
/**
 * Folders and files of tests that run as one process, longest first. A file belongs to the innermost part. Parts wait
 * half of their time, so more of them run at once than there are processors.
 */
const parts = [
  'model/api-faults.test.ts',
  'model',
  'soak/api-outage.test.ts',
  'soak/mixed-load.test.ts',
  'fault/api',
  'integration/proxy',
  'soak',
  'integration/driver/publish',
  'unit/gotemplate',
  'e2e/flow',
  'fault/host/host-killed.test.ts',
  'e2e',
  'integration/driver/kubernetes',
  'fault/proxy',
  'integration/scenarios',
  'unit',
  'integration/driver',
  'integration/driver/load',
  'integration/doctor',
  'fault/host',
  'integration',
  'e2e/classes',
  'integration/proxy/status',
  'integration/deploy',
  'integration/kube',
  'fault',
  'integration/docs',
  'fault/fuzz',
  'conformance',
];
/** Parts that mostly wait, for minutes. They run next to the others and the static checks. */
const waitingParts = ['model/api-faults.test.ts', 'model', 'soak/api-outage.test.ts', 'soak/mixed-load.test.ts'];
const lanes = Number(process.env.TEST_LANES ?? availableParallelism() + 2);
/** Suites that another Node runs too: those with sockets, processes, files and native code. */
const suitesOfNode = process.env.ALSO_SUITES?.split(' ') ?? ['integration', 'conformance', 'fault', 'e2e'];
/**
 * Folders and files of these that another Node does not run: manifests, pages and other programs do not depend on Node.
 */
const sameOnEachNode = [
  'e2e/arm64.test.ts',
  ...['apply', 'credential-provider', 'kustomize', 'proxy'].map(
    (name) => `integration/deploy/${name}.test.ts`,
  ),
  'integration/docs/',
  'e2e/classes/',
];
/** Repetitions with random input on another Node, unless the environment sets them. */
const countsOfNode = { MODEL_RUNS: '100', FUZZ_CASES: '1000', SOAK_SECONDS: '20' };
const only = process.argv[2] === '--only' ? process.argv.slice(3) : undefined;

const startMs = Date.now();
/** Number of failures outside of tests. */
let failed = 0;
/**
 * Results of the tests of each part: {part, crash, files: {FILE: {passed, failed, pending, ms, processorMs}}, failures}.
 */
const outcomes = [];
/** Failures that are printed again at the end, also those outside of tests: thousands of lines can follow them. */
const failures = [];
/** Failures of tests that passed when their file, or a part that crashed, ran once more. */
const flaky = [];
/** Limit of files that are run again. More failures are not caused by a busy machine. */
const maxRetriedFiles = 6;

/** Number of a crashed part's last lines of output that are printed again at the end. */
const lastLines = 60;

/** Number of slow files that are listed at the end. */
const listedFiles = 15;

/**
 * Time limit of a part: several times the longest one on a busy machine, so that a test that hangs does not block CI.
 */
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

/** Returns the command prefix for a private mount namespace: as root, as an ordinary user, or empty. */
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

/** Runs a program. After a failure nothing else runs. */
async function step(name, program, args) {
  console.log(`\n== ${name}`);
  if ((await spawned(program, args, 'inherit')) === 0) return;
  fail(`${name} failed`);
  finish();
}

/** @returns how a program in the background ended: an exit status, the name of a signal, or why it did not start. */
async function spawned(program, args, output, env = {}) {
  const child = spawn(program, args, {
    cwd: root,
    timeout: limitMs,
    killSignal: 'SIGKILL',
    stdio: ['ignore', output, output],
    env: { ...process.env, ...env },
  });
  const kill = () => child.kill();
  process.once('exit', kill);
  const status = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, signal) => resolve(status ?? signal));
  });
  process.off('exit', kill);
  return status;
}

/** Returns the command that runs test files, and the file for its totals. */
function mocha(files, node = process.execPath) {
  const folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-test-'));
  const totals = path.join(folder, 'totals.json');
  const [program, ...words] = privateNamespace();
  const script = path.join(root, 'node_modules/mocha/bin/mocha.js');
  const reporter = path.join(root, 'test/support/totals-reporter.cjs');
  const args = [...words, node, script, '--reporter', reporter, ...files];
  // Programs that the tests start as `node` use that Node too.
  const PATH = `${path.dirname(node)}:${process.env.PATH}`;
  const counts = node === process.execPath ? {} : { ...countsOfNode, ...process.env };
  return { folder, totals, program, args, env: { ...counts, TEST_TOTALS_FILE: totals, PATH } };
}

/** Runs a suite with unbuffered output. */
function suite(name, files) {
  console.log(`\n== ${name}`);
  const { folder, totals, program, args, env } = mocha(files);
  const { status, signal } = run(program, args, env);
  count({ name, files }, totals, status ?? signal);
  rmSync(folder, { recursive: true, force: true });
}

/** Runs a part. Its output is buffered, printed at its end, and counted. */
async function runPart({ name, files, node }) {
  const { folder, totals, program, args, env } = mocha(files, node);
  const outputFile = path.join(folder, 'output');
  const output = openSync(outputFile, 'w');
  const startedMs = Date.now();
  const status = await spawned(program, args, output, env);
  closeSync(output);
  console.log(`\n== ${name} (${seconds(startedMs)} s)`);
  const lines = readFileSync(outputFile, 'utf8');
  console.log(lines);
  count({ name, files, node }, totals, status, lines.trimEnd().split('\n').slice(-lastLines).join('\n'));
  rmSync(folder, { recursive: true, force: true });
}

/** Runs parts concurrently, in their order, as many at a time as there are lanes. */
async function runParts(queue) {
  const lane = async () => {
    for (let part = queue.shift(); part; part = queue.shift()) await runPart(part);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** @returns the parts of some suites with their files. */
function partsOf(names, node, suffix = '') {
  const isWithin = (file, part) => `${file}/`.startsWith(`test/${part}/`);
  const innermost = (file) => parts.filter((part) => isWithin(file, part)).sort((a, b) => b.length - a.length)[0];
  const entries = readdirSync(path.join(root, 'test'), { recursive: true });
  const files = entries.filter((entry) => entry.endsWith('.test.ts')).map((entry) => `test/${entry}`);
  const lost = files.filter((file) => innermost(file) === undefined);
  if (lost.length > 0) fail(`in no part of .ci/test.mjs: ${lost.join(' ')}`, lost.length);
  const empty = parts.filter((part) => !files.some((file) => innermost(file) === part));
  if (empty.length > 0) fail(`parts of .ci/test.mjs without a file: ${empty.join(' ')}`, empty.length);
  const isRun = (file) => !node || !sameOnEachNode.some((place) => file.startsWith(`test/${place}`));
  return parts
    .filter((part) => names.includes(part.split('/')[0]))
    .map((part) => ({
      name: `${part}${suffix}`,
      files: files.filter((file) => innermost(file) === part && isRun(file)),
      node,
    }))
    .filter((part) => part.files.length > 0);
}

/**
 * @param status how the part ended: an exit status, or the name of a signal. @param end the last lines of its output,
 * unless they are printed last anyway.
 */
function count(part, totals, status, end = '') {
  const { name } = part;
  const counted = existsSync(totals) ? JSON.parse(readFileSync(totals, 'utf8')) : { files: {}, failures: [] };
  const isCrashed = counted.failures.length === 0 && status !== 0;
  const crash = { title: `suite ${name} ended with status ${status}`, file: '', message: end };
  if (isCrashed) console.log(crash.title);
  if (!isCrashed && sumOf(counted.files, 'passed') + sumOf(counted.files, 'failed') === 0) {
    fail(`suite ${name} found no test`);
  }
  ensureNothingSkipped(name, counted.files);
  outcomes.push({ part, crash: isCrashed ? crash : undefined, ...counted });
}

/**
 * Runs files with failures, and parts that crashed, once more, when nothing else runs any more. Tests that pass then
 * depend on the load of the machine: they are reported at the end and do not fail the run.
 */
function retry() {
  const failedFiles = ({ failures }) => [...new Set(failures.map(({ file }) => file))];
  const crashed = outcomes.filter(({ crash }) => crash);
  const isOfMachine = outcomes.flatMap(failedFiles).length + crashed.length <= maxRetriedFiles;
  for (const outcome of outcomes) {
    const retried = isOfMachine ? failedFiles(outcome).filter((file) => file !== '') : [];
    const again = retried.length > 0 ? runAgain(outcome.part, retried).files : {};
    const isSteady = (file) => again[file]?.failed === 0 && again[file].passed > 0;
    for (const file of retried.filter(isSteady)) outcome.files[file] = again[file];
    for (const failure of outcome.failures) (isSteady(failure.file) ? flaky : failures).push(failure);
  }
  for (const outcome of crashed) {
    const { status, files } = isOfMachine ? runAgain(outcome.part, outcome.part.files) : { status: 1 };
    if (status === 0) {
      outcome.files = files;
      flaky.push(outcome.crash);
    } else {
      failures.push(outcome.crash);
      failed += 1;
    }
  }
}

function runAgain({ name, node }, files) {
  console.log(`\n== ${name}, once more: ${files.map((file) => path.relative(root, file)).join(' ')}`);
  const { folder, totals, program, args, env } = mocha(files, node);
  const { status } = run(program, args, env);
  const again = existsSync(totals) ? JSON.parse(readFileSync(totals, 'utf8')) : { files: {} };
  rmSync(folder, { recursive: true, force: true });
  ensureNothingSkipped(name, again.files);
  return { status, files: again.files };
}

function sumOf(files, outcome) {
  return Object.values(files).reduce((total, file) => total + file[outcome], 0);
}

function ensureNothingSkipped(name, files) {
  const skipped = sumOf(files, 'pending');
  if (skipped > 0 && process.env.CI) {
    fail(`suite ${name} skipped ${skipped} tests; nothing may be skipped in CI`, skipped);
  }
}

function seconds(sinceMs) {
  return Math.round((Date.now() - sinceMs) / 1000);
}

function fail(message, count = 1) {
  console.log(message);
  failures.push({ title: message, file: '', message: '' });
  failed += count;
}

function print(heading, entries) {
  if (entries.length > 0) console.log(`\n== ${heading}`);
  for (const { title, file, message } of entries) {
    console.log(`\n${title}${file === '' ? '' : ` (${path.relative(root, file)})`}\n${message}`);
  }
}

/** Prints where time is spent, if CI takes too long: on waiting and on work. */
function printSlowest() {
  const files = outcomes.flatMap(({ part: { name, node }, files }) =>
    Object.entries(files).map(([file, { ms, processorMs }]) => ({
      file,
      seconds: ms / 1000,
      processorSeconds: processorMs / 1000,
      where: node ? name.replace(/.* on/, 'on') : '',
    })),
  );
  if (files.length === 0) return;
  const total = files.reduce((sum, { processorSeconds }) => sum + processorSeconds, 0);
  const rounded = (seconds) => seconds.toFixed(0).padStart(5);
  const slowest = files.sort((a, b) => b.seconds - a.seconds).slice(0, listedFiles);
  console.log(`\n== the files that took longest, of ${seconds(startMs)} s; CPU time, of ${total.toFixed(0)} s`);
  for (const { file, seconds, processorSeconds, where } of slowest) {
    console.log(`${rounded(seconds)} s ${rounded(processorSeconds)} s  ${path.relative(root, file)} ${where}`);
  }
}

function finish() {
  printSlowest();
  retry();
  const total = (outcome) => outcomes.reduce((sum, { files }) => sum + sumOf(files, outcome), 0);
  const passed = total('passed');
  failed += total('failed');
  print('failed at first and passed alone: look into these', flaky);
  print('failed', failures);
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

if (only) {
  if (run('npm', ['run', '--silent', 'build']).status !== 0) process.exit(1);
  for (const name of only) suite(name, suites.includes(name) ? [`test/${name}/**/*.test.ts`] : [name]);
} else {
  await step('build', 'npm', ['run', '--silent', 'build']);
  const also = process.env.ALSO_NODE;
  const version = also && spawnSync(also, ['--version'], { encoding: 'utf8' }).stdout.trim();
  // A part does not run on both at a time, because some use fixed ports.
  const queue = [...partsOf(suites), ...(also ? partsOf(suitesOfNode, also, ` on Node ${version}`) : [])];
  const isWaiting = ({ name }) => waitingParts.includes(name);
  const waiting = queue.filter(isWaiting).map(runPart);
  // Not `npm run check`: it would generate files again that these parts are reading.
  await step('check', process.execPath, ['.ci/check.mjs']);
  await runParts(queue.filter((part) => !isWaiting(part)));
  await Promise.all(waiting);
}
finish();
