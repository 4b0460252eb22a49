// Checks what files import: by the table of layers.mjs, no ring, and nothing that is exported for no one.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Visitor, parseSync } from 'oxc-parser';
import { layerOf, layers } from './layers.mjs';

const root = path.join(import.meta.dirname, '..');

const lineAt = (text, index) => text.slice(0, index).split('\n').length;

/** Returns the layer of an import, `driver/publish/ports` by its own name, or the package's name of a bare specifier. */
function importedLayer(from, specifier) {
  if (!specifier.startsWith('.')) return `npm:${/^(?:@[^/]+\/)?[^/]+/.exec(specifier)[0]}`;
  const target = path.join(path.dirname(from), specifier).replace(/\.(?:ts|json)$/, '');
  const isPorts = target === 'driver/publish/ports' && layerOf(from) !== 'driver/publish';
  return isPorts || target.startsWith('..') ? target : layerOf(target);
}

/** Returns what a file takes from other files and packages: {line, specifier, isType, names}. The name `*` is all. */
function importsOf({ staticImports, staticExports, dynamicImports }, text) {
  return [...staticImports, ...staticExports, ...dynamicImports]
    .map(({ start, moduleRequest, entries }) => ({ start, entries, from: moduleRequest ?? entries[0]?.moduleRequest }))
    .filter(({ from }) => from)
    .map(({ start, from, entries = [{ importName: {} }] }) => ({
      line: lineAt(text, start),
      specifier: text.slice(from.start + 1, from.end - 1),
      isType: /^(?:import|export) type\b/.test(text.slice(start, start + 12)),
      names: entries.map(({ importName: { name, kind } }) => (kind === 'Default' ? 'default' : (name ?? '*'))),
    }))
    .filter(({ specifier }) => !specifier.startsWith('node:'));
}

function exportsOf({ staticExports }, text) {
  return staticExports.flatMap(({ start, entries }) =>
    entries.map(({ exportName }) => ({ line: lineAt(text, start), name: exportName.name ?? 'default' })),
  );
}

function layerProblems(file, imports) {
  const from = layerOf(file);
  const allowed = layers[from] ?? layers['*'];
  return imports.flatMap(({ line, specifier, isType }) => {
    const to = importedLayer(file, specifier);
    const isFine = to === from || [to, '*', ...(isType ? [`type:${to}`] : [])].some((each) => allowed.includes(each));
    return isFine ? [] : [`${line}: ${from} must not import ${to} (it may: ${allowed.join(', ')})`];
  });
}

/** V8 keeps what a getter of an object literal refers to (docs/dev/decisions/0033). */
function getterProblems(parsed, text) {
  const problems = [];
  const ObjectExpression = ({ properties }) => {
    for (const { start } of properties.filter(({ kind }) => kind === 'get'))
      problems.push(`${lineAt(text, start)}: getter of an object literal: use a class or a method`);
  };
  if (/\bget \w+\(/.test(text)) new Visitor({ ObjectExpression }).visit(parsed.program);
  return problems;
}

/**
 * @param texts all files by their name, relative to the repository.
 * @param others what names files that are not imported, such as programs.
 * @returns the problems, each with file and line: `src/main.ts:12: main must not import …`.
 */
export function problemsOf(texts, others) {
  const found = [];
  const report = (file, problems) => found.push(...problems.map((problem) => `${file}:${problem}`));
  const importing = new Map();
  const used = new Map(Array.from(texts, ([file]) => [file, new Set()]));
  const exporting = new Map();
  for (const [file, text] of texts) {
    const parsed = parseSync(file, text);
    const imports = importsOf(parsed.module, text);
    const internal = imports
      .filter(({ specifier }) => specifier.startsWith('.'))
      .map(({ specifier, ...rest }) => ({ ...rest, target: path.join(path.dirname(file), specifier) }));
    importing.set(file, internal);
    exporting.set(file, exportsOf(parsed.module, text));
    for (const { target, names } of internal) for (const name of ['', ...names]) used.get(target)?.add(name);
    if (file.startsWith('src/')) {
      report(file, layerProblems(file.slice(4), imports));
      report(file, getterProblems(parsed, text));
    }
  }
  for (const [file, names] of used) {
    const { base, name } = path.parse(file);
    const isProgram = () => new RegExp(`[\\s'"/](?:${base}|${name})[\\s'",]`).test(others);
    if (names.size === 0 && !file.endsWith('.test.ts') && !isProgram()) report(file, ['1: nothing imports this file']);
    const unused = exporting.get(file).filter(({ name }) => !names.has(name) && !names.has('*'));
    report(
      file,
      unused.map(({ line, name }) => `${line}: no other file imports ${name}`),
    );
  }
  return [...found, ...ringsOf(importing)];
}

/** Files of src that import each other in a ring, even if only for a type. */
function ringsOf(importing) {
  const rings = [];
  const done = new Set();
  const visit = (file, above) => {
    for (const { line, target } of done.has(file) ? [] : (importing.get(file) ?? [])) {
      const ring = [...above, file, target];
      if (ring.indexOf(target) < ring.length - 1)
        rings.push(`${file}:${line}: ring of imports: ${ring.slice(ring.indexOf(target)).join(' -> ')}`);
      else visit(target, [...above, file]);
    }
    done.add(file);
  };
  for (const file of importing.keys()) if (file.startsWith('src/')) visit(file, []);
  return rings;
}

if (process.argv[1] === import.meta.filename) {
  const listed = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root });
  const names = listed.stdout
    .toString()
    .split('\n')
    .filter((name) => existsSync(path.join(root, name)));
  const read = (pattern) =>
    names.filter((name) => pattern.test(name)).map((name) => [name, readFileSync(path.join(root, name), 'utf8')]);
  const files = read(/^(?:src|test|\.ci)\/(?!fixtures\/).*(?<!\.d)\.(?:ts|mts|mjs|cjs)$/);
  const others = [...files, ...read(/^(?:package\.json|Dockerfile|\.ci\/run|test\/fixtures\/.*\.(?:go|md))$/)];
  const problems = problemsOf(
    new Map(files),
    others.map(([, text]) => text.replaceAll(/ from '[^']*'/g, '')).join('\n'),
  );
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
