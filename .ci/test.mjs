// Runs tests in parts, several at a time, each in a private mount namespace so that no test mount reaches the host:
// `npm test`, `npm run test:slow` (argument `slow`), CI (`all`), and `npm run test:only -- SUITE…|FILE…` (`only`).
// Ends with one plain line, "N passed, N failed", and a non-zero exit on any failure. ALSO_NODE, the path of another
// Node's executable, has it run what depends on Node with that one too.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { clearTimeout, setInterval, setTimeout } from 'node:timers';
import { partsOf } from './test-parts.mjs';

const root = path.join(import.meta.dirname, '..');
const mocha = ['node_modules/mocha/bin/mocha.js', '--reporter', 'test/support/totals-reporter.cjs'];
const types = ['--noEmit', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo'];
/** Programs that run next to the parts of a command. In CI not `npm run check`: it generates files that tests read. */
const programs = {
  quick: [{ name: 'types', program: ['node_modules/.bin/tsc', ...types], processorSeconds: 17 }],
  slow: [],
  all: [{ name: 'check', program: [process.execPath, '.ci/check.mjs'], processorSeconds: 150 }],
};
const [command = 'quick', ...chosen] = process.argv.slice(2);
/** Parts wait two thirds of their time, so more of them run at once than there are processors. */
const lanes = Number(process.env.TEST_LANES ?? availableParallelism() + 4);
/** More failed files than these are not caused by a busy machine: none runs again. */
const maxRetriedFiles = 6;
/** CI fails on more tests that pass only when their file runs again. */
const maxFlaky = 2;
/** The last lines of output that are printed of a part that crashed. */
const lastLines = 60;
const listedFiles = 8;
const silentMs = 15_000;
/** Several times the longest part on a busy machine, so that a test that hangs does not block CI. */
const limitMs = 30 * 60_000;

const startMs = Date.now();
let printedMs = startMs;
/** Programs that run, by the id of its process group: {name, startMs, readReport}. */
const running = new Map();
/** Results by part and file: {passed, failed, pending, ms, processorMs}. */
const results = new Map();
/** Parts and files that run again at the end: {part, outcome, files, isWhole}. */
const retries = [];
/** Failures of tests and of what else failed: {title, file, message}. */
const failures = [];
/** Failures of tests that passed when their file ran again. */
const flaky = [];
/** Number of failures outside of tests. */
let failedOutside = 0;
/** Contains all temporary files, so that those of killed tests are removed too. */
const folder = fs.mkdtempSync(path.join(tmpdir(), 'ct-'));
fs.chmodSync(folder, 0o755);
let folders = 0;

function print(text) {
  printedMs = Date.now();
  console.log(text);
}

/** Adds a failure outside of tests. */
function fail(title, message = '') {
  print(`FAILED  ${title}`);
  failures.push({ title, file: '', message });
  failedOutside += 1;
}

function rounded(ms) {
  return `${Math.round(ms / 1000)} s`.padStart(6);
}

function indented(text) {
  return text.replaceAll(/^(?=.)/gm, '    ');
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

function endGroup(leader) {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/**
 * Runs a program with a temporary folder and a process group of its own, both of which end with it.
 * @param readReport called with new text of the file that TEST_REPORT names, each second and at the end.
 * @returns {status, output, ms}. `status` is an exit status, the name of a signal, or why it did not start.
 */
async function run(name, [program, ...args], { env = {}, isShown = false, readReport = () => undefined } = {}) {
  const own = path.join(folder, String((folders += 1)));
  fs.mkdirSync(own);
  fs.chmodSync(own, 0o1777);
  const [outputFile, TEST_REPORT] = [`${own}.output`, `${own}.report`];
  const output = isShown ? 'inherit' : fs.openSync(outputFile, 'w');
  fs.writeFileSync(TEST_REPORT, '');
  const variables = { ...process.env, ...env, TMPDIR: own, TEST_REPORT };
  const child = spawn(program, args, { cwd: root, detached: true, stdio: ['ignore', output, output], env: variables });
  const ended = new Promise((resolve) => {
    child.once('error', ({ message }) => resolve(message)).once('exit', (status, signal) => resolve(status ?? signal));
  });
  const part = { name, startMs: Date.now(), readReport: () => readReport(fs.readFileSync(TEST_REPORT, 'utf8')) };
  running.set(child.pid, part);
  const limit = setTimeout(() => endGroup(child.pid), limitMs);
  const status = await ended;
  clearTimeout(limit);
  endGroup(child.pid);
  running.delete(child.pid);
  part.readReport();
  if (!isShown) fs.closeSync(output);
  fs.rmSync(own, { recursive: true, force: true, maxRetries: 5 });
  return { status, output: isShown ? '' : fs.readFileSync(outputFile, 'utf8'), ms: Date.now() - part.startMs };
}

async function runProgram({ name, program }) {
  const { status, output, ms } = await run(name, program);
  print(`${rounded(ms)}  ${name}${status === 0 ? '' : ': failed'}`);
  if (status !== 0) fail(`${name} failed`, indented(output));
}

/** Runs test files as one process. @returns {files, failures, crash, ms}. `crash` is a failure outside of tests. */
async function runTests({ name, files, node = process.execPath, env }, { onFailure = () => undefined, isShown } = {}) {
  const outcome = { files: {}, failures: [], crash: undefined };
  let isComplete = false;
  let length = 0;
  const add = ({ file = '', outcome: kind, title, message, isComplete: isEnd = false, ...times }) => {
    isComplete = isEnd;
    if (isEnd) return;
    const name = file && path.relative(root, file);
    const totals = (outcome.files[name] ??= { passed: 0, failed: 0, pending: 0, ms: 0, processorMs: 0 });
    for (const [unit, value] of Object.entries(times)) totals[unit] += value;
    if (kind !== undefined) totals[kind] += 1;
    if (kind === 'failed') outcome.failures.push({ title, file: name, message: indented(message) });
    if (kind === 'failed') onFailure(outcome.failures.at(-1));
  };
  const readReport = (text) => {
    const lines = text.slice(length, text.lastIndexOf('\n') + 1);
    length += lines.length;
    for (const line of lines.split('\n').filter(Boolean)) add(JSON.parse(line));
  };
  // Variables of the environment have precedence. Programs that the tests start as `node` use that Node too.
  const variables = { ...env, ...process.env, PATH: `${path.dirname(node)}:${process.env.PATH}` };
  const words = [...namespace, node, ...mocha, ...files];
  const { status, output, ms } = await run(name, words, { env: variables, isShown, readReport });
  if (!isComplete || (status !== 0 && outcome.failures.length === 0)) {
    const end = output.trimEnd().split('\n').slice(-lastLines).join('\n');
    outcome.crash = { title: `${name} ended with status ${status}`, file: '', message: indented(end) };
  }
  const skipped = sumOf(outcome.files, 'pending');
  if (skipped > 0 && process.env.CI) fail(`${name} skipped ${skipped} tests; nothing may be skipped in CI`);
  return { ...outcome, ms };
}

function sumOf(files, kind) {
  return Object.values(files).reduce((total, file) => total + file[kind], 0);
}

function countsOf(files) {
  const others = { failed: sumOf(files, 'failed'), skipped: sumOf(files, 'pending') };
  const counted = Object.entries(others).filter(([, count]) => count > 0);
  return [`${sumOf(files, 'passed')} passed`, ...counted.map(([kind, count]) => `${count} ${kind}`)].join(', ');
}

/** Runs a part for the first time. Its files with failed tests run again later, the whole part if it crashed. */
async function runPart(part) {
  const show = ({ title, file, message }) =>
    print(`FAILED  ${file}${file && ': '}${title}\n${message}\n    (runs again at the end, alone)`);
  const outcome = await runTests(part, { onFailure: show });
  print(`${rounded(outcome.ms)}  ${part.name}: ${countsOf(outcome.files)}`);
  if (outcome.crash) show(outcome.crash);
  results.set(part, outcome.files);
  const failedFiles = [...new Set(outcome.failures.map(({ file }) => file))];
  const isWhole = outcome.crash !== undefined || failedFiles.includes('');
  const files = isWhole ? part.files : failedFiles;
  if (isWhole || files.length > 0) retries.push({ part, outcome, files, isWhole });
}

/** Runs again what failed, when nothing else runs. Tests that pass then depend on the load of the machine. */
async function retry() {
  const count = retries.reduce((sum, { isWhole, files }) => sum + (isWhole ? 1 : files.length), 0);
  if (count > maxRetriedFiles) {
    print(`More than ${maxRetriedFiles} files failed: none runs again.`);
    for (const { outcome } of retries) addFailures(outcome);
    return;
  }
  for (const { part, outcome, files } of retries) {
    print(`\nagain, alone: ${part.name}: ${files.join(' ')}`);
    const again = await runTests({ ...part, files });
    print(`${rounded(again.ms)}  ${countsOf(again.files)}`);
    Object.assign(results.get(part), again.files);
    addFailures(again);
    const isSame = (one, other) => one.title === other.title && one.file === other.file;
    const hasPassed = (failure) => !again.crash && !again.failures.some((each) => isSame(each, failure));
    flaky.push(...[...outcome.failures, outcome.crash].filter((failure) => failure && hasPassed(failure)));
  }
  if (process.env.CI && flaky.length > maxFlaky) fail(`${flaky.length} tests passed only when they ran again`);
}

function addFailures({ failures: failed, crash }) {
  failures.push(...failed);
  if (crash) fail(crash.title, crash.message);
}

/** Shows where time is spent: on waiting and on work. */
function listSlowest() {
  const files = [...results].flatMap(([{ name }, files]) =>
    Object.entries(files).map(([file, times]) => ({ ...times, line: `${file} (${name})` })),
  );
  print(
    `\n${rounded(Date.now() - startMs)}, ${rounded(sumOf(files, 'processorMs'))} of processors; the slowest files:`,
  );
  const slowest = files.sort((a, b) => b.ms - a.ms).slice(0, listedFiles);
  for (const { ms, processorMs, line } of slowest) print(`${rounded(ms)} ${rounded(processorMs)}  ${line}`);
}

function list(heading, entries) {
  if (entries.length > 0) print(`\n${heading}`);
  for (const { title, file, message } of entries) print(`  ${file}${file && ': '}${title}\n${message}`);
}

function finish() {
  const total = (kind) => [...results.values()].reduce((sum, files) => sum + sumOf(files, kind), 0);
  if (results.size > 0) listSlowest();
  else if (failures.length === 0) fail('no test was run');
  list('passed only when they ran again, alone: look into these', flaky);
  list('failed', failures);
  const failed = total('failed') + failedOutside;
  print(`\n${total('passed')} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

process.on('exit', () => {
  for (const leader of running.keys()) endGroup(leader);
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    fail(`ended by ${signal}`);
    finish();
  });
}
setInterval(() => {
  for (const { readReport } of running.values()) readReport();
  const names = [...running.values()].map((part) => `${part.name} (${rounded(Date.now() - part.startMs).trim()})`);
  const isSilent = command !== 'only' && Date.now() - printedMs > silentMs;
  if (isSilent) print(`${rounded(Date.now() - startMs)}  … ${names.join(', ')}`);
}, 1000);

const namespace = privateNamespace();
await runProgram({ name: 'build', program: ['npm', 'run', '--silent', 'build'] });
if (failedOutside > 0) finish();
if (command === 'only') {
  for (const name of chosen) {
    const files = fs.existsSync(path.join(root, 'test', name)) ? [`test/${name}/**/*.test.ts`] : [name];
    const outcome = await runTests({ name, files }, { isShown: true });
    results.set({ name }, outcome.files);
    addFailures(outcome);
  }
} else {
  const names = fs
    .readdirSync(path.join(root, 'test'), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'));
  const files = names.map((name) => `test/${name}`);
  const parts = partsOf(command, files, process.env.ALSO_NODE);
  const queue = [...programs[command], ...parts];
  const seconds = [...programs[command], ...parts].reduce((sum, { processorSeconds }) => sum + processorSeconds, 0);
  const minutes = Math.ceil(seconds / 2 / 60);
  print(`${parts.length} parts, ${lanes} at a time: about ${minutes} minutes on two free processors`);
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await (next.program ? runProgram(next) : runPart(next));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await retry();
}
finish();
