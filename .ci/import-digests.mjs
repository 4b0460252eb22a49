// What a file's types depend on, as one digest: its own text, and that of everything it imports, however indirectly.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/**
 * @param files absolute paths. @param common what all of them depend on beside their imports: rules, packages, options.
 * @returns a digest for each of the files. Packages are not looked into.
 */
export function importDigests(files, common) {
  const known = new Map();
  const moduleOf = (file) => {
    if (!known.has(file)) known.set(file, readModule(file));
    return known.get(file);
  };
  const digestOf = (file) => {
    const lines = reachableFrom(file, moduleOf).map((each) => `${each} ${moduleOf(each).digest}\n`);
    return digest([common, ...lines]);
  };
  return new Map(files.map((file) => [file, digestOf(file)]));
}

function readModule(file) {
  const text = readFileSync(file, 'utf8');
  const names = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
  const targets = names.filter((name) => name.startsWith('.')).map((name) => path.resolve(path.dirname(file), name));
  return { digest: digest([text]), imports: targets.flatMap(filesOf) };
}

/** The files that an import may mean: `a.js` is made of `a.ts`, and the types of `a.mjs` stand in `a.d.mts`. */
function filesOf(target) {
  const names = [target, target.replace(/\.js$/, '.ts'), target.replace(/\.mjs$/, '.d.mts')];
  return [...new Set(names)].filter((name) => existsSync(name));
}

/** The file and all that it leads to, also in a circle, in an order that depends on their names alone. */
function reachableFrom(file, moduleOf) {
  const found = new Set([file]);
  for (const each of found) {
    for (const next of moduleOf(each).imports) found.add(next);
  }
  return [...found].sort();
}

function digest(texts) {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text);
  return hash.digest('base64');
}
