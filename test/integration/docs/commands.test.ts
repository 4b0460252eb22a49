import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../../support/deploy/manifests.ts';
import { pages } from '../../support/docs/pages.ts';

const main = path.join(repository, 'dist', 'main.js');
const commandNames = ['serve', 'proxy', 'render', 'check', 'doctor', 'volumes'] as const;

/** What a page shows as code: blocks with their continued lines joined, and words between backticks. */
function codeOf(name: string): string[] {
  const text = readFileSync(path.join(repository, name), 'utf8');
  const blocks = [...text.matchAll(/^ *```(?!mermaid).*\n([^]*?)^ *```/gm)].map(([, block = '']) => block);
  const words = [...text.replace(/^ *```[^]*?^ *```/gm, '').matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
  return [...blocks.flatMap((block) => block.replaceAll('\\\n', ' ').split('\n')), ...words];
}

/** The flags that a command has, as its help tells. */
function flagsOf(command: string): ReadonlySet<string> {
  const switches = command === 'doctor' ? [[], ['--proxy'], ['--image-pulls']] : [[]];
  const help = switches.map((words) => {
    const args = [main, command, ...words, '--help'];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(status, 0, command);
    return stdout;
  });
  return new Set(['--help', ...[...help.join('').matchAll(/(--[a-z][-a-z]*)/g)].map(([, flag = '']) => flag)]);
}

describe('the help of', () => {
  for (const words of [
    ...commandNames.map((name) => [name]),
    ['image-pulls'],
    ['doctor', '--proxy'],
    ['doctor', '--image-pulls'],
  ]) {
    it(`${words.join(' ')} begins with a sentence, has an example, and fits into a terminal`, () => {
      const { stdout } = spawnSync(process.execPath, [main, ...words, '--help'], { encoding: 'utf8' });
      assert.match(stdout, /^Usage: connectors-csi .*\n\n[A-Z][^\n]* [^\n]*\n/);
      assert.match(stdout, new RegExp(`^ {2}(?:kubectl .*|connectors-csi )${words[0]}\\b`, 'm'));
      assert.deepEqual(
        stdout.split('\n').filter((line) => line.length > 120),
        [],
      );
    });
  }
});

describe('the commands that the pages show', () => {
  const flags = new Map(commandNames.map((name) => [name as string, flagsOf(name)]));
  const { scripts } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>;
  };
  let calls = 0;
  let paths = 0;

  for (const page of pages) {
    it(`have flags, scripts and files that there are, in ${page}`, () => {
      for (const line of codeOf(page)) {
        const call = /(?:connectors-csi|main\.js|IMAGE) (serve|proxy|render|check|doctor|volumes)\b([^|&;]*)/.exec(
          line,
        );
        for (const [flag] of (call?.[2] ?? '').matchAll(/(?<=\s)--[a-z][-a-z]*/g)) {
          assert.ok(flags.get(call![1]!)?.has(flag), `${flag} in: ${line}`);
          calls += 1;
        }
        for (const [, script = ''] of line.matchAll(/\bnpm run (?:--silent )?([a-z][-:\w]*)/g)) {
          assert.ok(script in scripts, `${script} in: ${line}`);
        }
        // After these verbs kubectl means a Deployment.
        for (const [place] of line.matchAll(
          /(?<![-\w/.]|exec |logs |status )(?:deploy|src|test|docs|\.ci)\/[-\w./]+(?![-\w./*…<{$[])/g,
        )) {
          assert.ok(existsSync(path.join(repository, place.replace(/\.$/, ''))), `${place} in: ${line}`);
          paths += 1;
        }
      }
    });
  }

  it('are found at all', () => {
    assert.ok(calls >= 30 && paths >= 60, `${calls} flags, ${paths} files`);
  });
});
