import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chartFolder, manifestFiles, readManifests, repository } from '../support/deploy/manifests.ts';
import type { Manifest } from '../support/deploy/manifests.ts';
import { missingPrograms } from '../support/e2e/programs.ts';

/** Debian's folder of Go packages. */
const packages = '/usr/share/gocode';

interface Named {
  readonly name: string;
  readonly expression: string;
}
interface PolicySpec {
  readonly matchConditions?: readonly Named[];
  readonly variables?: readonly Named[];
  readonly validations?: readonly { readonly expression: string; readonly messageExpression?: string }[];
  readonly mutations?: readonly { readonly jsonPatch: { readonly expression: string } }[];
}

/** Returns the expressions of a policy in the order in which the API server compiles them. */
function expressionsOf({ metadata, spec }: Manifest & { readonly spec?: PolicySpec }) {
  const { matchConditions = [], variables = [], validations = [], mutations = [] } = spec ?? {};
  return {
    name: metadata.name,
    variables,
    expressions: [
      ...matchConditions.map(({ expression }) => expression),
      ...validations.flatMap(({ expression, messageExpression = "''" }) => [expression, messageExpression]),
      // The type JSONPatch is the API server's own.
      ...mutations.map(({ jsonPatch }) =>
        jsonPatch.expression.replace(/JSONPatch\{op:(.*?), path:(.*), value:(.*)\}/s, '[dyn($1), dyn($2), dyn($3)]'),
      ),
    ],
  };
}

describe('the expressions of the policies', () => {
  let folder: string;
  before(function () {
    folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-cel-'));
    if (missingPrograms('go').length === 0 && existsSync(path.join(packages, 'src/github.com/google/cel-go'))) return;
    console.log('      skipped: not installed: golang-go and golang-github-google-cel-go-dev');
    this.skip();
  });
  after(() => rmSync(folder, { recursive: true }));

  it('compile with the library of the API server', () => {
    const program = path.join(folder, 'compile-cel');
    const env = { ...process.env, GO111MODULE: 'off', GOPATH: packages, GOCACHE: path.join(folder, 'cache') };
    const source = path.join(repository, 'test/support/deploy/compile-cel.go');
    const built = spawnSync('go', ['build', '-o', program, source], { env, encoding: 'utf8' });
    assert.equal(built.status, 0, built.stderr);
    const compile = (policies: readonly object[]): string =>
      spawnSync(program, { input: JSON.stringify(policies), encoding: 'utf8' }).stdout;

    const mixed = { name: 'mixed', variables: [], expressions: ["object.list.map(c, {'a': c.name, 'b': 'text'})"] };
    assert.match(compile([mixed]), /^mixed: ERROR: .*expected type 'dyn' but found 'string'/);
    const policies = manifestFiles(path.join(chartFolder, 'files', 'policies'))
      .flatMap((file) => readManifests(file))
      .filter(({ kind }) => /^(?:Validating|Mutating)AdmissionPolicy$/.test(kind));
    assert.ok(policies.length >= 6);
    assert.equal(compile(policies.map(expressionsOf)), '');
    // Go compiles its own library first.
  }).timeout(600_000);
});
