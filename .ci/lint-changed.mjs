// The linter of `npm run check`. It skips files without a problem until they, or files that they import, change.
// ESLint's own cache ignores imports, and most rules use imported types.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ESLint } from 'eslint';
import { importDigests } from './import-digests.mjs';

const root = path.join(import.meta.dirname, '..');
const cache = path.join(root, 'node_modules/.cache/lint.json');
const textOf = (name) => readFileSync(path.join(root, name), 'utf8');

/** Rules, types of packages, and the options of all types. */
const common = ['.ci/eslint.config.mjs', '.ci/layers.mjs', 'package-lock.json', 'tsconfig.json'].map(textOf).join('');
const eslint = new ESLint({ cwd: root, overrideConfigFile: path.join(import.meta.dirname, 'eslint.config.mjs') });

const names = ['src', 'test', '.ci'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true }).map((name) => path.join(root, folder, name)),
);
const isLinted = await Promise.all(
  names.map(async (name) => /\.(ts|[cm]?js)$/.test(name) && !(await eslint.isPathIgnored(name))),
);
const digests = importDigests(
  names.filter((_name, at) => isLinted[at]),
  common,
);

const known = readKnown();
const stale = [...digests.keys()].filter((file) => known[path.relative(root, file)] !== digests.get(file));
const results = stale.length === 0 ? [] : await eslint.lintFiles(stale);
const bad = new Set(results.filter(({ messages }) => messages.length > 0).map(({ filePath }) => filePath));

const good = [...digests]
  .filter(([file]) => !bad.has(file))
  .map(([file, digest]) => [path.relative(root, file), digest]);
mkdirSync(path.dirname(cache), { recursive: true });
writeFileSync(cache, JSON.stringify(Object.fromEntries(good)));

const report = await (await eslint.loadFormatter('stylish')).format(results);
if (report !== '') console.log(report);
process.exitCode = bad.size === 0 ? 0 : 1;

function readKnown() {
  try {
    return JSON.parse(readFileSync(cache, 'utf8'));
  } catch {
    return {};
  }
}
