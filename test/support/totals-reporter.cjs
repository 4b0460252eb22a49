// mocha's spec reporter. If .ci/test.mjs sets $TEST_REPORT, it also appends a line of JSON for each result to that file:
// {file, outcome: passed|failed|pending, title, message} of a test or hook, {file, ms, processorMs} of a file's tests with
// their hooks, and {isComplete} at the end. `processorMs` includes the processes that the tests started.
const { appendFileSync, readFileSync } = require('node:fs');
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
    const { TEST_REPORT } = process.env;
    const report = (line) => TEST_REPORT && appendFileSync(TEST_REPORT, `${JSON.stringify(line)}\n`);
    const isOutermost = (suite) => suite.parent?.root === true;
    let start = { ms: 0, processorMs: 0 };
    runner.on(EVENT_SUITE_BEGIN, (suite) => {
      if (isOutermost(suite)) start = { ms: Date.now(), processorMs: processorMs() };
    });
    runner.on(EVENT_SUITE_END, (suite) => {
      if (!isOutermost(suite)) return;
      report({ file: suite.file, ms: Date.now() - start.ms, processorMs: processorMs() - start.processorMs });
    });
    runner.on(EVENT_TEST_PASS, ({ file }) => report({ file, outcome: 'passed' }));
    runner.on(EVENT_TEST_PENDING, ({ file }) => report({ file, outcome: 'pending' }));
    let isFailed = false;
    runner.on(EVENT_TEST_FAIL, (test, error) => {
      isFailed = true;
      const causes = [];
      for (let each = error; each !== undefined && causes.length < 5; each = each?.cause)
        causes.push(each?.stack ?? each);
      report({ file: test.file, outcome: 'failed', title: test.fullTitle(), message: causes.join('\ncaused by: ') });
    });
    runner.once(EVENT_RUN_END, () => {
      report({ isComplete: true });
      // What a failed test leaves open would hold the run up. Without a failure it is a leak, which fails the part.
      if (isFailed) setTimeout(() => process.exit(), 10_000).unref();
      else setTimeout(failForLeak, 120_000).unref();
    });
  }
};
