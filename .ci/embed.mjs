// Copies files of the repository into the documentation. The fenced block after `<!-- file: PATH -->` is that whole
// file. The one after `<!-- excerpt: PATH -->` is some consecutive lines of it, with or without their indentation.
// Without arguments it rewrites the blocks of whole files; `--check [FOLDER]` only reports differences and exits 1.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const isCheck = process.argv[2] === '--check';
const root = path.resolve(process.argv[3] ?? path.join(import.meta.dirname, '..'));
const marker = /^<!-- (file|excerpt): (\S+) -->\n\n```(\w*)\n([\s\S]*?)^```$/gm;

const pages = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`),
]
  .filter((name) => name.endsWith('.md') && existsSync(path.join(root, name)))
  .sort();

let blocks = 0;
const problems = [];
for (const page of pages) {
  const file = path.join(root, page);
  const text = readFileSync(file, 'utf8');
  const markers = text.match(/^<!-- (file|excerpt):/gm)?.length ?? 0;
  let found = 0;
  const renewed = text.replaceAll(marker, (block, kind, source, language, content) => {
    found += 1;
    const original = readOriginal(page, source);
    if (original === undefined) return block;
    if (kind === 'excerpt') {
      if (!isExcerpt(content, original)) problems.push(`${page}: the lines are not (or no longer) in ${source}`);
      return block;
    }
    if (isCheck && content !== original) problems.push(`${page}: differs from ${source}; run node .ci/embed.mjs`);
    return `<!-- file: ${source} -->\n\n\`\`\`${language}\n${original}\`\`\``;
  });
  if (found !== markers) problems.push(`${page}: a marker is not followed by an empty line and a fenced block`);
  blocks += found;
  if (!isCheck && renewed !== text) writeFileSync(file, renewed);
}
for (const problem of problems) console.error(problem);
console.log(`${blocks} blocks in ${pages.length} pages`);
process.exitCode = problems.length === 0 ? 0 : 1;

function isExcerpt(content, original) {
  return [0, 2, 4, 6, 8, 10].some((width) => original.includes(content.replaceAll(/^(?=.)/gm, ' '.repeat(width))));
}

function readOriginal(page, source) {
  const file = path.join(root, source);
  if (existsSync(file)) return readFileSync(file, 'utf8');
  problems.push(`${page}: there is no file ${source}`);
  return undefined;
}
