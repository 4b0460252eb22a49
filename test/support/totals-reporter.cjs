// mocha's spec reporter that also writes {files: {FILE: {passed, failed, pending, ms}}, failures: [{title, file, message}]} to
// $TEST_TOTALS_FILE for .ci/test.mjs. `ms` is what a file's tests took with their hooks.
const { writeFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

const { EVENT_RUN_END, EVENT_SUITE_BEGIN, EVENT_SUITE_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } =
  Runner.constants;

module.exports = class TotalsReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const files = {};
    const failures = [];
    const totalsOf = ({ file = '' }) => (files[file] ??= { passed: 0, failed: 0, pending: 0, ms: 0 });
    const count = (test, outcome) => {
      totalsOf(test)[outcome] += 1;
    };
    const isOutermost = (suite) => suite.parent?.root === true;
    let startMs = 0;
    runner.on(EVENT_SUITE_BEGIN, (suite) => {
      if (isOutermost(suite)) startMs = Date.now();
    });
    runner.on(EVENT_SUITE_END, (suite) => {
      if (isOutermost(suite)) totalsOf(suite).ms += Date.now() - startMs;
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
    });
  }
};
