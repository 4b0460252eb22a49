// Runs tests in parts, several at a time, each in a private mount namespace so that no test mount reaches the host:
// `npm test`, `npm run test:slow` (argument `slow`), CI (`all`), and `npm run test:only -- SUITE…|FILE…` (`only`).
// Ends with one plain line, "N passed, N failed", and a non-zero exit on any failure.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { setInterval } from 'node:timers';
import { partsOf } from './test-parts.mjs';

const root = path.join(import.meta.dirname, '..');
/** As an ordinary user, a mount namespace needs one of users. */
const users = process.getuid() === 0 ? [] : ['--user', '--map-root-user'];
const unshare = ['unshare', ...users, '--mount', '--propagation', 'private', '--'];
const mocha = ['node_modules/mocha/bin/mocha.js', '--reporter', 'test/support/totals-reporter.cjs'];
/** Programs that run next to the parts of a command. In CI not `npm run check`: it generates files that tests read. */
const programs = {
  quick: [{ name: 'types', program: ['node_modules/.bin/tsc'], seconds: 8 }],
  slow: [],
  all: [{ name: 'check', program: [process.execPath, '.ci/check.mjs'], seconds: 40 }],
};
const [command = 'quick', ...chosen] = process.argv.slice(2);
/** Parts wait two thirds of their time, so more of them run at once than there are processors. */
const lanes = Number(process.env.TEST_LANES ?? availableParallelism() + 4);
/** More failed parts than these are not caused by a busy machine: none runs again. */
const maxRetried = 6;
/** CI fails on more tests that pass only when their file runs again. */
const maxFlaky = 2;
/** The last lines of output that are printed of a part that crashed. */
const lastLines = 60;
const silentMs = 15_000;
/** Several times the longest part on a busy machine, so that a test that hangs does not block CI. */
const limitMs = 30 * 60_000;

const startMs = Date.now();
let printedMs = startMs;
/** Programs that run, by the id of its process group: {name, startMs, readReport}. */
const running = new Map();
/** Numbers of passed tests by part and file. */
const passed = {};
/** Parts and files that run again at the end: {part, failed, files}. */
const retries = [];
/** Failures of tests and, with the file '', of what else failed: {title, file, message}. */
const failures = [];
/** Failures that did not occur when their file ran again. */
const flaky = [];
/** Contains all temporary files, so that those of killed tests are removed too. */
const folder = fs.mkdtempSync(path.join(tmpdir(), 'ct-'));
fs.chmodSync(folder, 0o755);
let folders = 0;
/** The sources that one part has compiled, for those that start after its end. */
const TEST_COMPILE_CACHE = path.join(folder, 'compiled');

function print(text) {
  printedMs = Date.now();
  console.log(text);
}

/** Adds a failure outside of tests. */
function fail(title, message = '') {
  print(`FAILED  ${title}`);
  failures.push({ title, file: '', message });
}

function rounded(ms) {
  return `${Math.round(ms / 1000)} s`.padStart(6);
}

function described({ title, file, message }) {
  return `${file}${file && ': '}${title}\n${message.replaceAll(/^(?=.)/gm, '    ')}`;
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
 * @param onReport called with each line of the file that TEST_REPORT names, within a second.
 * @returns {status, output, ms}. `status` is an exit status, the name of a signal, or why it did not start.
 */
async function run(name, [program, ...args], { env = {}, isShown = false, onReport = () => undefined } = {}) {
  const own = path.join(folder, String((folders += 1)));
  fs.mkdirSync(own);
  fs.chmodSync(own, 0o1777);
  const [outputFile, TEST_REPORT] = [`${own}.output`, `${own}.report`];
  const output = isShown ? 'inherit' : fs.openSync(outputFile, 'w');
  fs.writeFileSync(TEST_REPORT, '');
  const child = spawn(program, args, {
    ...{ cwd: root, detached: true, stdio: ['ignore', output, output], timeout: limitMs, killSignal: 'SIGKILL' },
    env: { ...process.env, ...env, TMPDIR: own, TEST_REPORT, TEST_COMPILE_CACHE },
  });
  let length = 0;
  const readReport = () => {
    const text = fs.readFileSync(TEST_REPORT, 'utf8');
    const lines = text.slice(length, text.lastIndexOf('\n') + 1);
    length += lines.length;
    for (const line of lines.split('\n').filter(Boolean)) onReport(JSON.parse(line));
  };
  const part = { name, startMs: Date.now(), readReport };
  running.set(child.pid, part);
  const [status, signal] = await once(child, 'exit').catch(({ message }) => [message]);
  endGroup(child.pid);
  running.delete(child.pid);
  readReport();
  if (!isShown) fs.closeSync(output);
  fs.rmSync(own, { recursive: true, force: true, maxRetries: 5 });
  const text = isShown ? '' : fs.readFileSync(outputFile, 'utf8');
  return { status: status ?? signal, output: text, ms: Date.now() - part.startMs };
}

async function runProgram({ name, program }) {
  const { status, output, ms } = await run(name, program);
  print(`${rounded(ms)}  ${name}${status === 0 ? '' : ': failed'}`);
  if (status !== 0) fail(`${name} failed`, output);
}

/**
 * Runs test files as one process, and counts the passed tests.
 * @param onFailure called with each failure as it occurs. The file of a crash is ''.
 * @returns the failures.
 */
async function runTests({ name, files, env }, { onFailure = () => undefined, isShown } = {}) {
  const own = {};
  const failed = [];
  let skipped = 0;
  let isComplete = false;
  const add = (failure) => {
    failed.push(failure);
    onFailure(failure);
  };
  const onReport = ({ outcome, file = '', ...test }) => {
    isComplete = outcome === 'complete';
    if (isComplete) return;
    own[`${name}: ${file}`] ??= 0;
    if (outcome === 'passed') own[`${name}: ${file}`] += 1;
    else if (outcome === 'pending') skipped += 1;
    else add({ ...test, file });
  };
  // Variables of the environment have precedence. Programs that the tests start as `node` use this Node too. Those in Go, the
  // API server before all others, collect garbage less often: it is a sixth of their CPU time.
  const variables = {
    GOGC: '400',
    ...env,
    ...process.env,
    PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`,
  };
  const words = [...unshare, process.execPath, ...mocha, ...files];
  const { status, output, ms } = await run(name, words, { env: variables, isShown, onReport });
  if (!isComplete || (status !== 0 && failed.length === 0)) {
    const message = output.trimEnd().split('\n').slice(-lastLines).join('\n');
    add({ title: `${name} ended with status ${status}`, file: '', message });
  }
  const others = [failed.length > 0 && `, ${failed.length} failed`, skipped > 0 && `, ${skipped} skipped`];
  print(`${rounded(ms)}  ${name}: ${sumOf(own)} passed${others.filter(Boolean).join('')}`);
  if (skipped > 0 && process.env.CI) fail(`${name} skipped ${skipped} tests; nothing may be skipped in CI`);
  Object.assign(passed, own);
  return failed;
}

function sumOf(counts) {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Runs a part for the first time. Its files with failed tests run again later, the whole part if it crashed. */
async function runPart(part) {
  const onFailure = (failure) => print(`FAILED  ${described(failure)}\n    (runs again at the end, alone)`);
  const failed = await runTests(part, { onFailure });
  const files = [...new Set(failed.map(({ file }) => file))];
  if (failed.length > 0) retries.push({ part, failed, files: files.includes('') ? part.files : files });
}

/** Runs again what failed, when nothing else runs. Tests that pass then depend on the load of the machine. */
async function retry() {
  if (retries.length > maxRetried) {
    print(`More than ${maxRetried} parts failed: none runs again.`);
    failures.push(...retries.flatMap(({ failed }) => failed));
    return;
  }
  for (const { part, failed, files } of retries) {
    print(`\nagain, alone: ${part.name}: ${files.join(' ')}`);
    const again = await runTests({ ...part, files });
    failures.push(...again);
    const isAgain = ({ title, file }) =>
      again.some((other) => other.file === '' || (other.title === title && other.file === file));
    flaky.push(...failed.filter((failure) => !isAgain(failure)));
  }
  if (process.env.CI && flaky.length > maxFlaky) fail(`${flaky.length} tests passed only when they ran again`);
}

function list(heading, entries) {
  if (entries.length > 0) print(['', heading, ...entries.map((each) => `  ${described(each)}`)].join('\n'));
}

function finish() {
  if (Object.keys(passed).length === 0 && failures.length === 0) fail('no test was run');
  list('passed only when they ran again, alone: look into these', flaky);
  list('failed', failures);
  print(`\n${rounded(Date.now() - startMs).trim()}`);
  print(`${sumOf(passed)} passed, ${failures.length} failed`);
  process.exit(failures.length === 0 ? 0 : 1);
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

await runProgram({ name: 'build', program: ['npm', 'run', '--silent', 'build'] });
if (failures.length > 0) finish();
if (command === 'only') {
  for (const name of chosen) {
    const files = fs.existsSync(path.join(root, 'test', name)) ? [`test/${name}/**/*.test.ts`] : [name];
    failures.push(...(await runTests({ name, files }, { isShown: true })));
  }
} else {
  const names = fs.readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => name.endsWith('.test.ts')).map((name) => `test/${name}`);
  const parts = partsOf(command, files);
  const queue = [...programs[command], ...parts.filter(({ isAlone }) => !isAlone)];
  const minutes = Math.ceil(queue.reduce((sum, { seconds }) => sum + seconds, 0) / 6 / 60);
  print(`${parts.length} parts, ${lanes} at a time: about ${minutes} minutes on two free processors`);
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await (next.program ? runProgram(next) : runPart(next));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  for (const part of parts.filter(({ isAlone }) => isAlone)) await runPart(part);
  await retry();
}
finish();
