// mocha's spec reporter that also writes {files: {FILE: {passed, failed, pending, ms, processorMs}}, failures: [{title, file,
// message}]} to $TEST_TOTALS_FILE for .ci/test.mjs. `ms` is what a file's tests took with their hooks, `processorMs` the
// processor time of that, with the processes that they started.
const { readFileSync, writeFileSync } = require('node:fs');
const { setTimeout } = require('node:timers');
const { reporters, Runner } = require('mocha');

const { EVENT_RUN_END, EVENT_SUITE_BEGIN, EVENT_SUITE_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } =
  Runner.constants;

/** Of this process and of those of its children that have ended, as the kernel counts it: in hundredths of a second. */
function processorMs() {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field) * 10, 0);
}

function failForLeak() {
  console.log(`  left open after the last test: ${process.getActiveResourcesInfo().join(', ')}\n`);
  // mocha sets the status of a run without failures when the process exits.
  process.once('exit', () => (process.exitCode = 1));
  process.exit();
}

module.exports = class TotalsReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const files = {};
    const failures = [];
    const totalsOf = ({ file = '' }) => (files[file] ??= { passed: 0, failed: 0, pending: 0, ms: 0, processorMs: 0 });
    const count = (test, outcome) => {
      totalsOf(test)[outcome] += 1;
    };
    const isOutermost = (suite) => suite.parent?.root === true;
    let start = { ms: 0, processorMs: 0 };
    runner.on(EVENT_SUITE_BEGIN, (suite) => {
      if (isOutermost(suite)) start = { ms: Date.now(), processorMs: processorMs() };
    });
    runner.on(EVENT_SUITE_END, (suite) => {
      if (!isOutermost(suite)) return;
      const totals = totalsOf(suite);
      totals.ms += Date.now() - start.ms;
      totals.processorMs += processorMs() - start.processorMs;
    });
    runner.on(EVENT_TEST_PASS, (test) => count(test, 'passed'));
    runner.on(EVENT_TEST_PENDING, (test) => count(test, 'pending'));
    runner.on(EVENT_TEST_FAIL, (test, error) => {
      count(test, 'failed');
      failures.push({ title: test.fullTitle(), file: test.file ?? '', message: String(error?.stack ?? error) });
    });
    runner.once(EVENT_RUN_END, () => {
      const file = process.env.TEST_TOTALS_FILE;
      if (file) writeFileSync(file, JSON.stringify({ files, failures }));
      // What a failed test leaves open would hold the run up. Without a failure it is a leak, which fails the part.
      if (failures.length > 0) setTimeout(() => process.exit(), 10_000).unref();
      else setTimeout(failForLeak, 120_000).unref();
    });
  }
};
