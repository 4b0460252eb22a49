import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { problemsOf } from '../../../.ci/check-wording.mjs';
import { repository } from '../../support/deploy/manifests.ts';

const anew = (line: number): string => `${line}: "anew": use again; relist`;

describe('the check of wording', () => {
  it('has a replacement for each word', () => {
    const list = JSON.parse(readFileSync(path.join(repository, '.ci', 'wording.json'), 'utf8')) as readonly {
      readonly pattern: string;
      readonly use: string;
    }[];
    assert.ok(list.length >= 30);
    for (const { pattern, use } of list) assert.deepEqual(problemsOf('a.md', use), [], pattern);
  });

  it('finds whole words in any case, and question words at the start of a sentence', () => {
    assert.equal(problemsOf('a.md', 'Whoever asks, the account\nhas no rights.').length, 3);
    assert.deepEqual(problemsOf('a.md', 'The service account copyrights the pacemaker, and what it did.'), []);
    assert.equal(problemsOf('a.md', 'Text. What is rejected\nis logged.').length, 1);
    assert.deepEqual(problemsOf('a.md', 'What is rejected?'), []);
  });

  it('reads pages without code, headings and links, and limits lines of tables', () => {
    const page =
      '# Mend\n\n`anew` [text](anew.md)\n\n```sh\nanew\n```\n\nText\nanew. <!-- wording: quoted -->\n\n| anew |\n';
    assert.deepEqual(problemsOf('a.md', page), [anew(12)]);
    assert.equal(problemsOf('a.md', `| ${'x'.repeat(160)} |\n`).length, 1);
  });

  it('reads comments and messages of sources, but what is exempted', () => {
    const text =
      "/** Text.\n * What it\n * is. */\nlog('start anew');\nlog('mend it'); // wording: quoted\n// It starts\n// anew.\n";
    assert.deepEqual(problemsOf('a.ts', text), [
      '2: "What": use a sentence with the thing as its subject',
      anew(4),
      anew(7),
    ]);
  });

  it('reads manifests: CRDs, policies, alerts and dashboards', () => {
    for (const text of ['# starts anew', 'description: >-\n  starts\n  anew', '"title": "anew",', "message: 'anew'"]) {
      const line = 1 + text.split('\n').length;
      for (const name of ['a.yaml', 'a.json'])
        assert.deepEqual(problemsOf(name, `a:\n  ${text}\n`), [anew(line)], text);
    }
    assert.equal(problemsOf('a.yaml', '- summary: What it is.\n').length, 1);
  });
});
