import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { attributeTable } from '../../../src/driver/publish/attribute-table.ts';
import { parseManifestFile } from '../../../src/shared/connectors/manifest-file.ts';
import { manifestWarnings } from '../../../src/shared/connectors/unknown-fields.ts';
import { repository } from '../../support/deploy/manifests.ts';
import { pages } from '../../support/docs/pages.ts';
import { missingPrograms } from '../../support/e2e/programs.ts';

/** Asserts that a program reads a text without an error. */
function accept(text: string, program: string, ...args: readonly string[]): void {
  const { error, status, stderr } = spawnSync(program, args, { input: text, encoding: 'utf8' });
  assert.equal(error, undefined);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
}

/** Checks of a block by its language. Those without one are drawings, or outputs and files that other tests read. */
const checks: Readonly<Record<string, ((text: string) => void) | undefined>> = {
  sh: (text) => ['sh', 'bash'].forEach((shell) => accept(text, shell, '-n')),
  toml: (text) => accept(text, 'python3', '-c', 'import sys, tomllib; tomllib.load(sys.stdin.buffer)'),
  json: (text) => void JSON.parse(text),
  yaml: (text) => {
    assert.deepEqual(manifestWarnings([parseManifestFile(text, 'connectors-system')]), []);
    for (const document of parseAllDocuments(text)) {
      assert.deepEqual(document.errors, []);
      checkValue(document.toJS());
    }
  },
  ...{ cel: undefined, console: undefined, groovy: undefined, mermaid: undefined, text: undefined },
};

/** Asserts that volumes have attributes that the driver knows. */
function checkValue(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const { volumeAttributes } = value as Readonly<Record<string, unknown>>;
  for (const [name, attribute] of Object.entries(
    (volumeAttributes as Readonly<Record<string, unknown>> | undefined) ?? {},
  )) {
    assert.ok(name in attributeTable, name);
    assert.equal(typeof attribute, 'string', name);
    if (name === 'configuration.params') JSON.parse(String(attribute));
  }
  Object.values(value).forEach(checkValue);
}

describe('the blocks of the pages', () => {
  let count = 0;
  for (const page of pages) {
    const text = readFileSync(path.join(repository, page), 'utf8');
    for (const { 1: indent = '', 2: language = '', 3: block = '', index } of text.matchAll(
      /^( *)```(\w*)\n([^]*?)^ *```$/gm,
    )) {
      const line = text.slice(0, index).split('\n').length;
      it(`are what they say, in line ${line} of ${page} (${language})`, function () {
        if (language === 'toml' && missingPrograms('python3').length > 0) this.skip();
        assert.ok(language in checks, language);
        checks[language]?.(block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
      });
      count += 1;
    }
  }

  it('are found at all', () => assert.ok(count > 80, String(count)));
});
