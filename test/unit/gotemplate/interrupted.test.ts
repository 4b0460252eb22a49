import assert from 'node:assert/strict';
import path from 'node:path';
import { TemplateError } from '../../../src/gotemplate/errors.js';
import { compileTemplate } from '../../../src/gotemplate/template.js';
import { runWithTimeout } from '../../../src/process/run-with-timeout.js';
import { loadVectors, runVectorExactly } from '../../support/vectors.js';

const folder = path.join(import.meta.dirname, '../../fixtures/gotemplate');

/** What the engine makes when it is first needed, and keeps: tables of Unicode, of time zones, of what patterns need. */
const templates = [
  '{{ range 1000000 }}{{ $x := regexMatch "(?i)\\\\p{Greek}[^\\\\pL]+\\\\b(a|b)*" "Ωab b" }}{{ end }}',
  '{{ range 1000000 }}{{ $x := regexReplaceAll "(?P<n>.)\\\\W" "a-b-c" "${n}" }}{{ end }}',
  '{{ range $i := until 1000000 }}{{ $x := dateInZone "2006 MST" $i "Asia/Tokyo" }}{{ end }}',
  '{{ range 1000000 }}{{ $x := semverCompare "^1.2 || ~3" "1.4.0-a+b" }}{{ end }}',
  '{{ range 1000000 }}{{ $x := "straße" | upper | title | snakecase | urlquery | html | js | printf "%q" }}{{ end }}',
  '{{ range 1000000 }}{{ $x := fromJson "{\\"a\\":[1,2.5,null]}" | toPrettyJson | sha256sum }}{{ end }}',
];

describe('a render that is cut off in its midst', () => {
  it('leaves the engine as it was, wherever that happens', () => {
    let cutOff = 0;
    for (let round = 0; round < 200; round++) {
      const compiled = compileTemplate('t', templates[round % templates.length] ?? '');
      const rendered = runWithTimeout<object>(
        () => {
          try {
            return compiled.render({}, { clock: () => 0 });
          } catch (error) {
            if (!(error instanceof TemplateError)) throw error;
            return error;
          }
        },
        1 + (round % 3),
      );
      if (rendered === undefined) cutOff += 1;
    }
    assert.ok(cutOff > 50, `${cutOff.toString()} were cut off`);
    for (const group of ['sprig-regex', 'sprig-dates', 'sprig-semver', 'sprig-json', 'sprig-strings', 'idioms']) {
      const failures = loadVectors(path.join(folder, `${group}.jsonl`)).map(runVectorExactly);
      assert.deepEqual(
        failures.filter((failure) => failure !== undefined),
        [],
      );
    }
  });
});
