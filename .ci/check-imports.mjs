// Checks what files import, by the table of layers.mjs.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Visitor, parseSync } from 'oxc-parser';
import { layerOf, layers } from './layers.mjs';

const root = path.join(import.meta.dirname, '..');

/** Returns the layer of an import, `driver/publish/ports` by its own name, or the package's name of a bare specifier. */
function importedLayer(from, specifier) {
  if (!specifier.startsWith('.')) return `npm:${/^(?:@[^/]+\/)?[^/]+/.exec(specifier)[0]}`;
  const target = path.join(path.dirname(from), specifier).replace(/\.(?:ts|json)$/, '');
  const isPorts = target === 'driver/publish/ports' && layerOf(from) !== 'driver/publish';
  return isPorts || target.startsWith('..') ? target : layerOf(target);
}

/** Returns what a file takes from other files and packages: {start, specifier, isType}. */
function importsOf({ staticImports, staticExports, dynamicImports }, text) {
  return [...staticImports, ...staticExports, ...dynamicImports]
    .map(({ start, moduleRequest, entries }) => ({ start, from: moduleRequest ?? entries[0]?.moduleRequest }))
    .filter(({ from }) => from)
    .map(({ start, from }) => ({
      start,
      specifier: text.slice(from.start + 1, from.end - 1),
      isType: /^(?:import|export) type\b/.test(text.slice(start, start + 12)),
    }))
    .filter(({ specifier }) => !specifier.startsWith('node:'));
}

/**
 * @param name of a file, relative to src.
 * @returns its problems, each with a line: `12: main must not import …`.
 */
export function problemsOf(name, text) {
  const parsed = parseSync(name, text);
  const problems = [];
  const report = (start, problem) => problems.push(`${text.slice(0, start).split('\n').length}: ${problem}`);
  const from = layerOf(name);
  const allowed = layers[from] ?? layers['*'];
  for (const { start, specifier, isType } of importsOf(parsed.module, text)) {
    const to = importedLayer(name, specifier);
    const isFine = to === from || [to, '*', ...(isType ? [`type:${to}`] : [])].some((each) => allowed.includes(each));
    if (!isFine) report(start, `${from} must not import ${to} (it may: ${allowed.join(', ')})`);
  }
  const inObject = ({ properties }) => {
    for (const { kind, start } of properties)
      // V8 keeps what it refers to (docs/dev/decisions/0033).
      if (kind === 'get') report(start, 'getter of an object literal: use a class or a method');
  };
  if (/\bget \w+\(/.test(text)) new Visitor({ ObjectExpression: inObject }).visit(parsed.program);
  return problems;
}

if (process.argv[1] === import.meta.filename) {
  const names = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((each) => each.endsWith('.ts') && !each.includes('generated'))) {
    for (const problem of problemsOf(name, readFileSync(path.join(root, 'src', name), 'utf8'))) {
      console.error(`src/${name}:${problem}`);
      process.exitCode = 1;
    }
  }
}
