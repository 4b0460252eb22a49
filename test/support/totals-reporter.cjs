// mocha's spec reporter that also writes {files: {FILE: {passed, failed, pending}}, failures: [{title, file, message}]} to
// $TEST_TOTALS_FILE for .ci/test.mjs.
const { writeFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Runner.constants;

module.exports = class TotalsReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const files = {};
    const failures = [];
    const count = (test, outcome) => {
      const totals = (files[test.file ?? ''] ??= { passed: 0, failed: 0, pending: 0 });
      totals[outcome] += 1;
    };
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
