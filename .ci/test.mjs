// Runs tests in parts, several at a time, each in a private mount namespace so that no test mount reaches the host:
// `npm test`, `npm run test:slow` (argument `slow`), CI (`all`), and `npm run test:only -- SUITE…|FILE…` (`only`).
// Ends with one plain line, "N passed, N failed", and a non-zero exit on any failure. ALSO_NODE, the path of another
// Node's executable, has it run what depends on Node with that one too.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { clearTimeout, setInterval, setTimeout } from 'node:timers';
import { partsOf } from './test-parts.mjs';

const root = path.join(import.meta.dirname, '..');
const reporter = path.join(root, 'test/support/totals-reporter.cjs');
const mocha = path.join(root, 'node_modules/mocha/bin/mocha.js');
const [command = 'quick', ...chosen] = process.argv.slice(2);
/** Parts wait half of their time, so more of them run at once than there are processors. */
const lanes = Number(process.env.TEST_LANES ?? availableParallelism() + 2);
const alsoNode = process.env.ALSO_NODE;
/** More failed files than these are not caused by a busy machine: none runs again. */
const maxRetriedFiles = 6;
/** CI fails on more tests that pass only when their file runs again. */
const maxFlaky = 2;
/** The last lines of output that are printed of a part that crashed. */
const lastLines = 60;
/** The slowest files that are listed at the end. */
const listedFiles = 8;
const types = ['--noEmit', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo'];
const silentMs = 15_000;
/** Several times the longest part on a busy machine, so that a test that hangs does not block CI. */
const limitMs = 30 * 60_000;

const startMs = Date.now();
/** The parts that run: {name, startMs, readReport}. */
const running = new Set();
/** Process groups that run, by the id of their leader. */
const groups = new Set();
/** Results of files: {passed, failed, pending, ms, processorMs} by part and file. */
const results = new Map();
/** {title, file, message} of tests that failed, and of what else failed. */
const failures = [];
/** Failures of tests that passed when their file ran again. */
const flaky = [];
/** Files that run again at the end, alone: {part, outcome, files, isWhole}. */
const retries = [];
let failedOutside = 0;
let printedMs = Date.now();

/** Temporary folder of everything that is started: what a test leaves, or leaves because it is killed, goes with it. */
const folder = mkdtempSync(path.join(tmpdir(), 'ct-'));
chmodSync(folder, 0o755);
let folders = 0;

function newFolder() {
  const name = path.join(folder, String((folders += 1)));
  mkdirSync(name);
  chmodSync(name, 0o1777);
  return name;
}

function print(text) {
  printedMs = Date.now();
  console.log(text);
}

function seconds(sinceMs) {
  return `${Math.round((Date.now() - sinceMs) / 1000)} s`;
}

function indented(text) {
  return text.replaceAll(/^(?=.)/gm, '    ');
}

function endGroup(leader) {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Runs a program in a process group, which ends with it. @returns exit status, name of a signal, or error. */
async function spawned([program, ...args], output, env = {}) {
  const stdio = ['ignore', output, output];
  const child = spawn(program, args, { cwd: root, detached: true, stdio, env: { ...process.env, ...env } });
  groups.add(child.pid);
  const limit = setTimeout(() => endGroup(child.pid), limitMs);
  const status = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (status, signal) => resolve(status ?? signal));
  });
  clearTimeout(limit);
  if (child.pid !== undefined) endGroup(child.pid);
  groups.delete(child.pid);
  return status;
}

/** Returns the command prefix for a private mount namespace: as root or as an ordinary user. */
function privateNamespace() {
  const forms = [
    ['unshare', '--mount', '--propagation', 'private', '--'],
    ['unshare', '--user', '--map-root-user', '--mount', '--propagation', 'private', '--'],
  ];
  const form = forms.find(([program, ...args]) => spawnSync(program, [...args, 'true']).status === 0);
  if (form) return form;
  fail('unshare gives no private mount namespace here; the suites need one for their tmpfs mounts');
  finish();
}

/** Runs a program without tests. Its output is printed if it fails. */
async function runProgram({ name, program }) {
  const part = { name, startMs: Date.now(), readReport: () => undefined };
  running.add(part);
  const outputFile = `${newFolder()}.out`;
  const output = openSync(outputFile, 'w');
  const status = await spawned(program, output);
  closeSync(output);
  running.delete(part);
  print(`${seconds(part.startMs).padStart(6)}  ${name}${status === 0 ? '' : ': failed'}`);
  if (status !== 0) fail(`${name} failed`, indented(readFileSync(outputFile, 'utf8')));
  return status === 0;
}

/**
 * Runs test files as one process.
 * @returns {files: results by file, failures, crash: a failure outside of the tests, output}
 */
async function runTests(
  { name, files, isOnOtherNode = false, env = {} },
  { onFailure = () => undefined, isShown = false },
) {
  const node = isOnOtherNode ? alsoNode : process.execPath;
  const temporary = newFolder();
  const [report, outputFile] = [`${temporary}.report`, `${temporary}.out`];
  const output = isShown ? 'inherit' : openSync(outputFile, 'w');
  const outcome = { files: {}, failures: [], isComplete: false };
  let length = 0;
  const readReport = () => {
    const text = existsSync(report) ? readFileSync(report, 'utf8') : '';
    const lines = text.slice(length, text.lastIndexOf('\n') + 1);
    length += lines.length;
    for (const line of lines.split('\n').filter(Boolean)) add(outcome, JSON.parse(line), onFailure);
  };
  const part = { name, startMs: Date.now(), readReport };
  running.add(part);
  const status = await spawned([...namespace, node, mocha, '--reporter', reporter, ...files], output, {
    ...env,
    // Variables of the environment have precedence.
    ...process.env,
    TEST_REPORT: report,
    TMPDIR: temporary,
    // Programs that the tests start as `node` use that Node too.
    PATH: `${path.dirname(node)}:${process.env.PATH}`,
  });
  readReport();
  running.delete(part);
  if (!outcome.isComplete || (status !== 0 && outcome.failures.length === 0)) {
    const end = isShown ? '' : readFileSync(outputFile, 'utf8').trimEnd().split('\n').slice(-lastLines).join('\n');
    outcome.crash = { title: `${name} ended with status ${status}`, file: '', message: indented(end) };
  }
  if (!isShown) closeSync(output);
  rmSync(temporary, { recursive: true, force: true });
  return { ...outcome, took: seconds(part.startMs) };
}

function add(outcome, { file, outcome: kind, title, message, isComplete, ...times }, onFailure) {
  if (isComplete) return (outcome.isComplete = true);
  const name = file ? path.relative(root, file) : '';
  const totals = (outcome.files[name] ??= { passed: 0, failed: 0, pending: 0, ms: 0, processorMs: 0 });
  for (const [unit, value] of Object.entries(times)) totals[unit] += value;
  if (kind === undefined) return;
  totals[kind] += 1;
  if (kind !== 'failed') return;
  outcome.failures.push({ title, file: name, message: indented(message) });
  onFailure(outcome.failures.at(-1));
}

function sumOf(files, kind) {
  return Object.values(files).reduce((total, file) => total + file[kind], 0);
}

function countsOf(files) {
  const [failed, skipped] = [sumOf(files, 'failed'), sumOf(files, 'pending')];
  return `${sumOf(files, 'passed')} passed${failed > 0 ? `, ${failed} failed` : ''}${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** Runs a part for the first time. Its files with failed tests run again later, the whole part if it crashed. */
async function runPart(part) {
  const again = '    (runs again at the end, alone)';
  const onFailure = ({ title, file, message }) => print(`FAILED  ${file}: ${title}\n${message}\n${again}`);
  const outcome = await runTests(part, { onFailure });
  print(`${outcome.took.padStart(6)}  ${part.name}: ${countsOf(outcome.files)}`);
  if (outcome.crash) print(`FAILED  ${outcome.crash.title}\n${outcome.crash.message}\n${again}`);
  results.set(part, outcome.files);
  ensureNothingSkipped(part, outcome.files);
  const failedFiles = [...new Set(outcome.failures.map(({ file }) => file))];
  const isWhole = outcome.crash !== undefined || failedFiles.includes('');
  if (isWhole || failedFiles.length > 0)
    retries.push({ part, outcome, files: isWhole ? part.files : failedFiles, isWhole });
}

/** Runs again what failed, when nothing else runs. Tests that pass then depend on the load of the machine. */
async function retry() {
  const count = retries.reduce((sum, { isWhole, files }) => sum + (isWhole ? 1 : files.length), 0);
  if (count > maxRetriedFiles) print(`More than ${maxRetriedFiles} files failed: none runs again.`);
  for (const { part, outcome, files } of retries) {
    if (count > maxRetriedFiles) {
      addFailures(outcome);
      continue;
    }
    print(`\nagain, alone: ${part.name}: ${files.join(' ')}`);
    const again = await runTests({ ...part, files }, {});
    print(`${again.took.padStart(6)}  ${countsOf(again.files)}`);
    Object.assign(results.get(part), again.files);
    ensureNothingSkipped(part, again.files);
    addFailures(again);
    const isFailed = ({ title, file }) =>
      again.crash || again.failures.some((each) => each.title === title && each.file === file);
    flaky.push(...[...outcome.failures, ...(outcome.crash ? [outcome.crash] : [])].filter((each) => !isFailed(each)));
  }
  if (process.env.CI && flaky.length > maxFlaky) fail(`${flaky.length} tests passed only when they ran again`);
}

function addFailures({ failures: failed, crash }) {
  failures.push(...failed);
  if (crash) fail(crash.title, crash.message);
}

function ensureNothingSkipped({ name }, files) {
  const skipped = sumOf(files, 'pending');
  if (skipped > 0 && process.env.CI) fail(`${name} skipped ${skipped} tests; nothing may be skipped in CI`);
}

/** Adds a failure outside of tests. */
function fail(title, message = '') {
  print(`FAILED  ${title}`);
  failures.push({ title, file: '', message });
  failedOutside += 1;
}

function list(heading, entries) {
  if (entries.length > 0) console.log(`\n${heading}`);
  for (const { title, file, message } of entries)
    console.log(`  ${file}${file === '' ? '' : ': '}${title}\n${message}`);
}

/** Shows where time is spent: on waiting and on work. */
function listSlowest() {
  const files = [...results].flatMap(([{ name }, files]) =>
    Object.entries(files).map(([file, times]) => ({ name, file, ...times })),
  );
  const rounded = (ms) => `${Math.round(ms / 1000)} s`.padStart(6);
  console.log(
    `\n${rounded(Date.now() - startMs)}, ${rounded(sumOf(files, 'processorMs'))} of processors; the slowest files:`,
  );
  for (const { name, file, ms, processorMs } of files.sort((a, b) => b.ms - a.ms).slice(0, listedFiles)) {
    console.log(
      `${rounded(ms)} ${rounded(processorMs)}  ${file}${name.includes(' on ') ? name.replace(/.* on/, ' on') : ''}`,
    );
  }
}

function finish() {
  const total = (kind) => [...results.values()].reduce((sum, files) => sum + sumOf(files, kind), 0);
  if (results.size > 0) listSlowest();
  else if (failures.length === 0) fail('no test was run');
  list('passed only when they ran again, alone: look into these', flaky);
  list('failed', failures);
  const failed = total('failed') + failedOutside;
  console.log(`\n${total('passed')} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

process.on('exit', () => {
  for (const leader of groups) endGroup(leader);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    fail(`ended by ${signal}`);
    finish();
  });
}
setInterval(() => {
  for (const { readReport } of running) readReport();
  const names = [...running].map(({ name, startMs }) => `${name} (${seconds(startMs)})`);
  if (command !== 'only' && Date.now() - printedMs > silentMs)
    print(`${seconds(startMs).padStart(6)}  … ${names.join(', ')}`);
}, 1000);

const namespace = privateNamespace();
if (!(await runProgram({ name: 'build', program: ['npm', 'run', '--silent', 'build'] }))) finish();
if (command === 'only') {
  for (const name of chosen) {
    const files = existsSync(path.join(root, 'test', name)) ? [`test/${name}/**/*.test.ts`] : [name];
    const outcome = await runTests({ name, files }, { isShown: true });
    results.set({ name }, outcome.files);
    ensureNothingSkipped({ name }, outcome.files);
    addFailures(outcome);
  }
} else {
  const version = alsoNode && spawnSync(alsoNode, ['--version'], { encoding: 'utf8' }).stdout.trim();
  const files = readdirSync(path.join(root, 'test'), { recursive: true }).filter((name) => name.endsWith('.test.ts'));
  const parts = partsOf(
    command,
    files.map((name) => `test/${name}`),
    version && `Node ${version}`,
  );
  const programs = {
    quick: [{ name: 'types', program: ['node_modules/.bin/tsc', ...types], seconds: 20 }],
    slow: [],
    // Not `npm run check`: it would generate files again that the tests are reading.
    all: [{ name: 'check', program: [process.execPath, '.ci/check.mjs'], seconds: 150 }],
  };
  const queue = [...programs[command], ...parts.filter(({ isWaiting }) => !isWaiting)];
  const processorSeconds = [...programs[command], ...parts].reduce((sum, { seconds }) => sum + seconds, 0);
  const minutes = Math.ceil(processorSeconds / 2 / 60);
  print(`${parts.length} parts, ${lanes} at a time: about ${minutes} minutes on two free processors`);
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await (next.program ? runProgram(next) : runPart(next));
  };
  await Promise.all([
    ...parts.filter(({ isWaiting }) => isWaiting).map(runPart),
    ...Array.from({ length: lanes }, lane),
  ]);
  await retry();
}
finish();
