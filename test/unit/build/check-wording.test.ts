import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import ts from 'typescript';
import * as yaml from 'yaml';
import {
  checkPage,
  longSubjects,
  proseOfComments,
  proseOfData,
  proseOfSource,
  sentencesOf,
  wordsIn,
} from '../../../.ci/check-wording.mjs';
import { repository } from '../../support/deploy/manifests.js';

const problemsOf = (page: string): readonly string[] => checkPage(page).problems.map(({ text }) => text);
const words = (count: number): string => `${Array.from({ length: count }, () => 'word').join(' ')}.`;

describe('the list of words not to use', () => {
  const list = JSON.parse(readFileSync(path.join(repository, '.ci', 'wording.json'), 'utf8')) as readonly {
    readonly pattern: string;
    readonly use: string;
  }[];

  it('has a replacement for each', () => {
    assert.ok(list.length >= 30);
    for (const { pattern, use } of list) {
      assert.ok(new RegExp(pattern).source !== '' && use !== '', pattern);
      assert.deepEqual(wordsIn(use), [], use);
    }
  });

  it('finds words in any case, and whole ones only', () => {
    assert.deepEqual(
      wordsIn('Whoever asks, the account has no rights.').map(({ found }) => found),
      ['Whoever', 'the account', 'rights'],
    );
    assert.deepEqual(wordsIn('The service account copyrights the pacemaker.'), []);
  });

  it('finds question words at the start of a sentence only, and not in questions', () => {
    assert.equal(wordsIn('What is rejected is logged.').length, 1);
    assert.deepEqual(wordsIn('Which client was it, and what did it send?'), []);
    assert.deepEqual(wordsIn('What is rejected?'), []);
  });
});

describe('the check of a page', () => {
  it('reports words with their line and replacement', () => {
    assert.deepEqual(checkPage('# Title\n\nText.\n\n- a `code`\n- the pod is\n  told so\n').problems, [
      { line: 6, text: '"told": use report, log, return, record' },
    ]);
  });

  it('skips code, addresses of links, headings and comments', () => {
    const page = '# Who mends\n\n`anew` [text](anew.md#anew)\n\n```sh\nmend anew\n```\n\n<!-- file: anew.yaml -->\n';
    assert.deepEqual(problemsOf(page), []);
  });

  it('checks cells of tables, and limits their lines', () => {
    assert.deepEqual(problemsOf('| a | b |\n| - | - |\n| anew | c |\n').length, 1);
    const cell = 'x'.repeat(160);
    assert.deepEqual(problemsOf(`| ${cell} |\n| - |\n`), ['table line of 164 characters, at most 160']);
  });

  it('counts sentences across lines, in paragraphs and list items', () => {
    const { sentences, long } = checkPage(`${words(30)}\n${words(31).replace('word', 'Word')}\n\n- ${words(29)}\n`);
    assert.equal(sentences, 3);
    assert.deepEqual(
      long.map(({ line }) => line),
      [1],
    );
  });

  it('exempts what has a comment with a reason', () => {
    assert.deepEqual(problemsOf('The text is\nanew. <!-- wording: quoted from the kernel -->\n'), []);
    assert.equal(problemsOf('The text is anew. <!-- wording: -->\n').length, 1);
    assert.equal(problemsOf('Anew.\n\nText. <!-- wording: another paragraph -->\n').length, 1);
  });

  it('splits sentences at their ends, not within names', () => {
    assert.deepEqual(sentencesOf('Set `a.b`. See node.js 1.2 (e.g. it). Then stop!'), [
      'Set `a.b`.',
      'See node.js 1.2 (e.g. it).',
      'Then stop!',
    ]);
  });
});

describe('the check of sources', () => {
  it('reads comments and messages, but no names and nothing exempted', () => {
    const text = [
      '/** A class.',
      ' * Second line. */',
      "import a from './anew now.js';",
      "log('mend it'); // wording: quoted",
      "const name = 'anew'; // after code",
      "throw new Error('cannot mend it');",
      'log(`mends ${name} anew`);',
    ].join('\n');
    assert.deepEqual(
      proseOfSource(ts, text).map(({ line, text: prose }) => `${line} ${prose.replaceAll(/\s+/g, ' ').trim()}`),
      ['1 A class. Second line.', '5 after code', '6 cannot mend it', '7 mends X anew'],
    );
  });
});

describe('the check of manifests and scripts', () => {
  it('reads comments, those of adjacent lines as one, and nothing exempted', () => {
    const text = [
      '#!/bin/sh',
      '# First line,',
      '# second line.',
      '',
      'a: b # after a value',
      'color: "#mend"',
      '  # mend it; wording: quoted',
    ].join('\n');
    assert.deepEqual(proseOfComments(text), [
      { line: 2, text: 'First line,\nsecond line.' },
      { line: 5, text: 'after a value' },
    ]);
  });

  it('reads descriptions of YAML and JSON, and no code', () => {
    const text = 'a:\n  - description: What it does.\n    expr: mend(anew)\n---\nsummary: >-\n  Two\n  lines.\n';
    assert.deepEqual(proseOfData(yaml, text), [
      { line: 2, text: 'What it does.' },
      { line: 5, text: 'Two lines.' },
    ]);
    assert.deepEqual(proseOfData(yaml, '{\n"title": "A title",\n"type": "object"\n}'), [{ line: 2, text: 'A title' }]);
  });
});

describe('the check of commits', () => {
  let folder: string;
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], {
      encoding: 'utf8',
    }).trim();
  const commit = (subject: string): string => {
    git('commit', '--quiet', '--allow-empty', '--message', subject);
    return git('rev-parse', 'HEAD');
  };
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-commits-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('reports long subjects after the first commit', () => {
    git('init', '--quiet');
    const first = commit('x'.repeat(80));
    commit('y'.repeat(72));
    commit('z'.repeat(73));
    assert.deepEqual(longSubjects(folder, first).length, 1);
  });

  it('reports nothing without the history', () => {
    assert.deepEqual(longSubjects(folder), []);
    git('init', '--quiet');
    commit('z'.repeat(73));
    assert.deepEqual(longSubjects(folder), []);
  });
});
