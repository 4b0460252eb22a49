// Checks the wording of pages, of comments and messages of the program, of manifests, dashboards, alerts and scripts,
// and of commit subjects: words not to use, long sentences, wide tables. `<!-- wording: REASON -->` in a paragraph, list
// item or table row exempts it, `wording: REASON` in a comment that comment and the messages of its line.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

const maxWords = 30;
/** A shorter one is no sentence but, for example, a list of files. */
const minWords = 3;
/** Maximum share of long sentences. */
const maxLongShare = 0.03;
const maxTableWidth = 160;
const maxSubject = 72;
/** Subjects of later commits are checked. */
const firstCommit = 'ca35624b8f12bea2b9f5a7d10e2c06c5db6c72bd';

const here = import.meta.dirname;
const words = JSON.parse(readFileSync(path.join(here, 'wording.json'), 'utf8')).map(({ pattern, use }) => ({
  use,
  // Words at the start of a sentence are capitalized.
  pattern: new RegExp(pattern, pattern.startsWith('^') ? 'g' : 'gi'),
}));
const escape = /<!-- wording: \S.* -->/;
/** Keys of YAML and JSON with prose as value. Other strings are code, such as expressions and templates. */
const proseKeys = new Set(['title', 'summary', 'description', 'message', 'text', 'content']);
const sourceEscape = /\bwording: \S/;

/** Returns the words not to use in a sentence. */
export function wordsIn(sentence) {
  return words.flatMap(({ pattern, use }) => [...sentence.matchAll(pattern)].map(([found]) => ({ found, use })));
}

/** Splits prose into sentences. */
export function sentencesOf(prose) {
  return prose
    .split(/(?<=[.!?][)"']*)\s+(?=["'(`*[]*[A-Z0-9`X])/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '');
}

/** Returns prose without markup. Code becomes one letter: a single word that is never a wrong one. */
function proseOf(markdown) {
  return markdown
    .replaceAll(/<!--.*?-->/gs, '')
    .replaceAll(/(`+).+?\1/gs, 'X')
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/gs, '$1')
    .replaceAll(/\bhttps?:\S+/g, 'X')
    .replaceAll(/[*_]{1,2}(?=\S)|(?<=\S)[*_]{1,2}/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/**
 * Returns paragraphs, list items, headings and table rows of a page with their first lines. Fenced code is left out.
 */
export function blocksOf(page) {
  const blocks = [];
  let fence;
  let open = false;
  for (const [index, line] of page.split('\n').entries()) {
    const mark = /^\s*(```+)/.exec(line)?.[1];
    if (fence !== undefined || mark !== undefined) {
      fence = fence === undefined ? mark : line.trim() === fence ? undefined : fence;
      open = false;
    } else if (/^\s*\|/.test(line)) {
      blocks.push({ kind: /^[\s|:-]+$/.test(line) ? 'rule' : 'row', line: index + 1, text: line });
      open = false;
    } else if (/^#+ /.test(line)) {
      blocks.push({ kind: 'heading', line: index + 1, text: line.replace(/^#+ /, '') });
      open = false;
    } else if (line.trim() === '') {
      open = false;
    } else if (open && !/^\s*(?:[-*+]|\d+\.) /.test(line)) {
      blocks.at(-1).text += `\n${line}`;
    } else {
      blocks.push({ kind: 'prose', line: index + 1, text: line.replace(/^\s*(?:[-*+]|\d+\.) /, '') });
      open = true;
    }
  }
  return blocks;
}

/** Returns the problems of a page, the number of its sentences, and its long ones. */
export function checkPage(page) {
  const problems = [];
  const long = [];
  let sentences = 0;
  for (const { kind, line, text } of blocksOf(page)) {
    if (escape.test(text)) continue;
    if ((kind === 'row' || kind === 'rule') && text.length > maxTableWidth) {
      problems.push({ line, text: `table line of ${text.length} characters, at most ${maxTableWidth}` });
    }
    if (kind === 'rule') continue;
    const parts = kind === 'row' ? text.split(/(?<!\\)\|/) : [text];
    for (const sentence of parts.flatMap((part) => sentencesOf(proseOf(part)))) {
      if (kind !== 'heading') {
        for (const { found, use } of wordsIn(sentence)) problems.push({ line, text: `"${found.trim()}": use ${use}` });
      }
      if (kind !== 'prose') continue;
      const count = sentence.split(' ').filter((word) => /\w/.test(word)).length;
      if (count >= minWords) sentences += 1;
      if (count > maxWords) long.push({ line, text: `sentence of ${count} words: ${sentence.slice(0, 60)}…` });
    }
  }
  return { problems, sentences, long };
}

/** Returns subjects after the first commit that are too long; none in a shallow clone without the history. */
export function longSubjects(root, since = firstCommit) {
  const { status, stdout } = spawnSync('git', ['log', '--format=%h %s', `${since}..HEAD`], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) return [];
  return stdout
    .split('\n')
    .filter((line) => line.slice(line.indexOf(' ') + 1).length > maxSubject)
    .map((line) => `commit ${line}: subject of more than ${maxSubject} characters`);
}

/** Returns the pages to check: all Markdown of the repository's root, of docs and of .github. */
function pagesOf(root) {
  const isPage = (name) => name.endsWith('.md');
  const pagesIn = (folder) =>
    readdirSync(path.join(root, folder), { recursive: true })
      .filter(isPage)
      .map((name) => path.join(folder, name));
  return [...readdirSync(root).filter(isPage), ...pagesIn('docs'), ...pagesIn('.github')].sort();
}

function checkPages(root) {
  const report = [];
  const allLong = [];
  let total = 0;
  for (const name of pagesOf(root)) {
    const { problems, sentences, long } = checkPage(readFileSync(path.join(root, name), 'utf8'));
    report.push(...problems.map(({ line, text }) => `${name}:${line}: ${text}`));
    allLong.push(...long.map(({ line, text }) => `${name}:${line}: ${text}`));
    total += sentences;
  }
  if (allLong.length > maxLongShare * total) {
    report.push(...allLong, `${allLong.length} of ${total} sentences have more than ${maxWords} words, at most 3 %`);
  }
  return [...report, ...longSubjects(root)];
}

/** Returns comments and messages of a TypeScript file with their first lines. */
export function proseOfSource(ts, text) {
  const file = ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest, true);
  const found = new Map();
  const lineOf = (position) => file.getLineAndCharacterOfPosition(position).line + 1;
  const addComments = (ranges) => {
    for (const { pos, end } of ranges ?? []) {
      const comment = text.slice(pos, end).replaceAll(/^\s*(?:\/\*\*?|\*\/|\*|\/\/)|\*\/$/gm, '');
      found.set(pos, { line: lineOf(pos), text: comment });
    }
  };
  /** Returns a text that contains a space. Names and paths contain none. */
  const messageOf = (node) => {
    if (ts.isImportDeclaration(node.parent ?? node)) return undefined;
    if (ts.isTemplateExpression(node)) {
      return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('X');
    }
    return ts.isStringLiteralLike(node) && /\w \w/.test(node.text) ? node.text : undefined;
  };
  const visit = (node) => {
    addComments(ts.getLeadingCommentRanges(text, node.getFullStart()));
    addComments(ts.getTrailingCommentRanges(text, node.getEnd()));
    const message = messageOf(node);
    if (message !== undefined) found.set(node.getStart(), { line: lineOf(node.getStart()), text: message });
    for (const child of node.getChildren()) visit(child);
  };
  visit(file);
  const lines = text.split('\n');
  return [...found.values()]
    .filter((prose) => !sourceEscape.test(prose.text) && !sourceEscape.test(lines[prose.line - 1]))
    .sort((first, second) => first.line - second.line);
}

/** Returns comments that begin with `#`, with their first lines. Comments of adjacent lines are one. */
export function proseOfComments(text) {
  const found = [];
  let isOpen = false;
  for (const [index, line] of text.split('\n').entries()) {
    const whole = /^\s*#(?!!) ?(.*)$/.exec(line)?.[1];
    const comment = whole ?? /\s# (.*)$/.exec(line)?.[1];
    if (comment !== undefined && isOpen && whole !== undefined) found.at(-1).text += `\n${comment}`;
    else if (comment !== undefined) found.push({ line: index + 1, text: comment });
    isOpen = whole !== undefined;
  }
  return found.filter(({ text: comment }) => !sourceEscape.test(comment));
}

/** Returns the prose in values of YAML or JSON with the lines of the values. */
export function proseOfData(yaml, text) {
  const counter = new yaml.LineCounter();
  const found = [];
  for (const document of yaml.parseAllDocuments(text, { lineCounter: counter })) {
    yaml.visit(document, {
      Pair: (_key, { key, value }) => {
        if (!yaml.isScalar(value) || typeof value.value !== 'string' || !proseKeys.has(key?.value)) return;
        found.push({ line: counter.linePos(value.range[0]).line, text: value.value });
      },
    });
  }
  return found;
}

/** Returns the prose of a file by its name; undefined if its kind is not checked. */
async function proseOfFile(root, name) {
  const text = readFileSync(path.join(root, name), 'utf8');
  if (/\.(?:ts|mjs|mts)$/.test(name)) return proseOfSource((await import('typescript')).default, text);
  if (/\.json$/.test(name)) return proseOfData(await import('yaml'), text);
  if (/\.yaml$/.test(name)) return [...proseOfComments(text), ...proseOfData(await import('yaml'), text)];
  return proseOfComments(text);
}

/** Files and folders in addition to the pages, and which files of a folder count. */
const checkedFiles = [
  ['src', (name) => name.endsWith('.ts') && !name.includes('generated')],
  ['deploy', (name) => /\.(?:yaml|json)$/.test(name)],
  ['.github', (name) => name.endsWith('.yaml')],
  ['.ci', (name) => /\.(?:mjs|mts)$/.test(name)],
];

/** Returns the words not to use in files other than pages. */
async function checkFiles(root) {
  const names = checkedFiles.flatMap(([folder, counts]) =>
    readdirSync(path.join(root, folder), { recursive: true })
      .filter(counts)
      .map((name) => path.join(folder, name))
      .sort(),
  );
  const problems = [];
  for (const name of [...names, 'Dockerfile', '.ci/run']) {
    for (const { line, text } of await proseOfFile(root, name)) {
      for (const { found, use } of sentencesOf(proseOf(text)).flatMap(wordsIn)) {
        problems.push(`${name}:${line}: "${found.trim()}": use ${use}`);
      }
    }
  }
  return problems;
}

if (process.argv[1] === import.meta.filename) {
  const root = path.join(here, '..');
  const problems = [...checkPages(root), ...(await checkFiles(root))];
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
