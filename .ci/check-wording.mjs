// Checks pages, sources and manifests (CRDs, policies, alerts, dashboards) for the words of wording.json, and limits
// lines of tables and subjects of commits. `wording: REASON` in a paragraph, comment or line exempts it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const firstCommit = 'cd8534bc75a0714b1596059d14a3f98f7eafa9a0';
const checked =
  /^(?:(?:[^/]+|docs\/.*)\.md|\.github\/.*|src\/(?!.*generated).*\.ts|deploy\/.*\.(?:ya?ml|json)|\.ci\/(?:run|[^/]*\.mjs)|Dockerfile)$/;
// Words at the start of a sentence are capitalized.
const words = JSON.parse(readFileSync(path.join(import.meta.dirname, 'wording.json'), 'utf8')).map(
  ({ pattern, use }) => ({ use, pattern: new RegExp(pattern, pattern.startsWith('^') ? 'g' : 'gi') }),
);

const lineAt = (text, index) => text.slice(0, index).split('\n').length;
const withoutText = (part) => part.replaceAll(/[^\n]+/g, '');

/**
 * Returns paragraphs, list items and cells of a page without code; comments and lines of other files: {line, block}. The
 * line is that of its start.
 */
function blocksOf(name, text) {
  let line = 1;
  return partsOf(name, text).map((part) => {
    const block = part.replaceAll('\ue000', ' ');
    const start = line;
    line += lineAt(part, part.length) - 1;
    return { line: start, block };
  });
}

/** As many lines as the text has, in parts. */
function partsOf(name, text) {
  if (name.endsWith('.md')) {
    const prose = text
      .replaceAll(/^ *(```+)[^]*?^ *\1$|^#+ .*$|\]\([^)]*\)/gm, withoutText)
      .replaceAll(/(`+)[^]+?\1/g, (code) => `X${withoutText(code)}`);
    return prose.split(/(\n\s*\n|\n(?=\s*(?:[-*+]|\d+\.) )|(?<!\\)\|)/);
  }
  const marked = text.replaceAll(/^[^\S\n]*(?:#(?!!)|\/\/|\/\*\*?|\*\/?) ?/gm, '\ue000');
  return marked.split(/((?<!^\ue000.*)\n|\n(?!\ue000))/m);
}

/** Returns the problems of a file, each with its line in front of it. */
export function problemsOf(name, text) {
  const blocks = blocksOf(name, text).filter(({ block }) => !/\bwording: \S/.test(block));
  const all = blocks.map(({ block }) => block).join('\n');
  const present = words.filter(({ pattern }) => pattern.source.startsWith('^') || all.search(pattern) >= 0);
  const found = blocks.flatMap(({ line, block }) =>
    block
      .replace(/^\s*(?:- )?"?\w+"?: ["'>|-]*/, withoutText)
      .split(/(?<=[.!?][)"']*)\s+(?=["'(`*]*[A-Z0-9`])/)
      .map((sentence) => sentence.trim())
      .flatMap((sentence) =>
        present.flatMap(({ pattern, use }) =>
          Array.from(sentence.matchAll(pattern), ({ 0: word, index }) => {
            const place = block.indexOf(sentence) + index + word.search(/\S/);
            return `${line + lineAt(block, place) - 1}: "${word.trim()}": use ${use}`;
          }),
        ),
      ),
  );
  const rows = name.endsWith('.md') ? text.matchAll(/^ *\|.{160,}$/gm) : [];
  const long = Array.from(rows, ({ 0: row, index }) => {
    return `${lineAt(text, index)}: table line of over 160 characters: ${row.slice(0, 40)}`;
  });
  return [...found, ...long];
}

function linesOf(...args) {
  return spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.split('\n');
}

if (process.argv[1] === import.meta.filename) {
  const names = linesOf('ls-files', '--cached', '--others', '--exclude-standard').filter(
    (name) => checked.test(name) && existsSync(path.join(root, name)),
  );
  const subjects = linesOf('log', '--format=%s', `${firstCommit}..HEAD`).filter(({ length }) => length > 72);
  const problems = [
    ...names.flatMap((name) =>
      problemsOf(name, readFileSync(path.join(root, name), 'utf8')).map((each) => `${name}:${each}`),
    ),
    ...subjects.map((subject) => `subject of over 72 characters: ${subject}`),
  ];
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
