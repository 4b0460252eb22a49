// mocha's spec reporter. If .ci/test.mjs sets $TEST_REPORT, it also appends a line of JSON for each result to that file:
// {file, outcome: passed|failed|pending, title, message} of a test or hook, and {outcome: complete} at the end.
const { appendFileSync } = require('node:fs');
const { enableCompileCache } = require('node:module');
const path = require('node:path');
const { setTimeout } = require('node:timers');
const { reporters, Runner } = require('mocha');

// Loaded before the tests. Not by NODE_COMPILE_CACHE, which the programs of tests would have too.
const { TEST_COMPILE_CACHE } = process.env;
if (TEST_COMPILE_CACHE) enableCompileCache(TEST_COMPILE_CACHE);

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Runner.constants;

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
    const report = (outcome, { file } = {}, failure = {}) => {
      const line = { outcome, file: file && path.relative('', file), ...failure };
      if (TEST_REPORT) appendFileSync(TEST_REPORT, `${JSON.stringify(line)}\n`);
    };
    runner.on(EVENT_TEST_PASS, (test) => report('passed', test));
    runner.on(EVENT_TEST_PENDING, (test) => report('pending', test));
    let isFailed = false;
    runner.on(EVENT_TEST_FAIL, (test, error) => {
      isFailed = true;
      const causes = [];
      for (let each = error; each !== undefined && causes.length < 5; each = each?.cause)
        causes.push(each?.stack ?? each);
      report('failed', test, { title: test.fullTitle(), message: causes.join('\ncaused by: ') });
    });
    runner.once(EVENT_RUN_END, () => {
      report('complete');
      // What a failed test leaves open would hold the run up. Without a failure it is a leak, which fails the part.
      if (isFailed) setTimeout(() => process.exit(), 10_000).unref();
      else setTimeout(failForLeak, 120_000).unref();
    });
  }
};
