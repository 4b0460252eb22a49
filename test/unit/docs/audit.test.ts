import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import { deployFolder, repository } from '../../support/deploy/manifests.ts';

describe('the page about the request log', () => {
  const page = readFileSync(path.join(repository, 'docs/audit.md'), 'utf8');
  const blockOf = (language: string): string =>
    new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)?.[1] ?? assert.fail(language);
  const line = JSON.parse(blockOf('json')) as Record<string, unknown>;

  it('shows a line with each field of the schema but one', () => {
    const schema = JSON.parse(readFileSync(path.join(deployFolder, 'schemas/request-log.json'), 'utf8')) as object;
    const isOfSchema = new Ajv({ strict: true }).compile(schema);
    assert.ok(isOfSchema(line), JSON.stringify(isOfSchema.errors));
    const names = Object.keys((schema as { properties: object }).properties);
    assert.deepEqual(
      names.filter((name) => !(name in line)),
      ['rule'],
    );
  });

  it('has a command that finds the lines of a Connector, whatever else is in the log', function () {
    const [, filter = ''] = /jq -rR '([^']+)'/.exec(blockOf('sh')) ?? [];
    const log = ['not JSON', JSON.stringify({ msg: 'Started' }), JSON.stringify(line)];
    const others = [{ ...line, connector: 'ci/other' }, 'a text'].map((each) => JSON.stringify(each));
    const input = [...log, ...others].join('\n');
    const { error, status, stdout } = spawnSync('jq', ['-rR', filter], { input, encoding: 'utf8' });
    if (error !== undefined) this.skip();
    const { time, serviceAccount, pod, method, path: called, decision } = line;
    assert.equal(stdout, `${[time, serviceAccount, pod, method, called, decision].join('\t')}\n`);
    assert.equal(status, 0);
  });
});
