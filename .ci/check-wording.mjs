// Checks pages, sources and manifests (CRDs, policies, alerts, dashboards) for the words of wording.json, and limits
// lines of tables and subjects of commits. `wording: REASON` in a paragraph, comment or line exempts it.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const firstCommit = '337505726a901a6f37a95fb8efac3656353e8bb9';
const checked =
  /^(?:(?:[^/]+|docs\/.*)\.md|\.github\/.*|src\/(?!.*generated).*\.ts|deploy\/.*\.(?:ya?ml|json)|\.ci\/(?:run|[^/]*\.mjs)|Dockerfile)$/;
// Words at the start of a sentence are capitalized.
const words = JSON.parse(readFileSync(path.join(import.meta.dirname, 'wording.json'), 'utf8')).map(
  ({ pattern, use }) => ({ use, pattern: new RegExp(pattern, pattern.startsWith('^') ? 'g' : 'gi') }),
);

/** Returns paragraphs, list items and cells of a page without code; comments and lines of other files. */
function blocksOf(name, text) {
  if (name.endsWith('.md')) {
    const prose = text.replaceAll(/^ *(```+)[^]*?^ *\1$|^#+ .*$|\]\([^)]*\)/gm, '').replaceAll(/(`+)[^]+?\1/g, 'X');
    return prose.split(/\n\s*\n|\n(?=\s*(?:[-*+]|\d+\.) )|(?<!\\)\|/);
  }
  const marked = text.replaceAll(/^\s*(?:#(?!!)|\/\/|\/\*\*?|\*\/?) ?/gm, '\ue000');
  return marked.split(/(?<!^\ue000.*)\n|\n(?!\ue000)/m).map((block) => block.replaceAll('\ue000', ' '));
}

/** Returns the problems of a file. */
export function problemsOf(name, text) {
  const found = blocksOf(name, text)
    .filter((block) => !/\bwording: \S/.test(block))
    .flatMap((block) =>
      block.replace(/^\s*(?:- )?"?\w+"?: ["'>|-]*/, '').split(/(?<=[.!?][)"']*)\s+(?=["'(`*]*[A-Z0-9`])/),
    )
    .flatMap((sentence) =>
      words.flatMap(({ pattern, use }) =>
        [...sentence.trim().matchAll(pattern)].map(([word]) => `"${word.trim()}": use ${use}`),
      ),
    );
  const rows = name.endsWith('.md') ? (text.match(/^ *\|.{160,}$/gm) ?? []) : [];
  return [...found, ...rows.map((row) => `table line of over 160 characters: ${row.slice(0, 40)}`)];
}

function linesOf(...args) {
  return spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.split('\n');
}

if (process.argv[1] === import.meta.filename) {
  const names = linesOf('ls-files', '--cached', '--others', '--exclude-standard').filter((name) => checked.test(name));
  const subjects = linesOf('log', '--format=%s', `${firstCommit}..HEAD`).filter(({ length }) => length > 72);
  const problems = [
    ...names.flatMap((name) =>
      problemsOf(name, readFileSync(path.join(root, name), 'utf8')).map((each) => `${name}: ${each}`),
    ),
    ...subjects.map((subject) => `subject of over 72 characters: ${subject}`),
  ];
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
