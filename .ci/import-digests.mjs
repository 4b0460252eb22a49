// Computes one digest of everything that a file's types depend on: its own text, and that of its direct and indirect
// imports.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/**
 * @param files absolute paths. @param common further dependencies of all files: rules, packages, options.
 * @returns a digest for each of the files. The content of packages is not included.
 */
export function importDigests(files, common) {
  const modules = new Map();
  const moduleOf = (file) => {
    if (!modules.has(file)) modules.set(file, readModule(file));
    return modules.get(file);
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

/** Returns the files that an import can mean: `a.ts` for `a.js`, and `a.d.mts` for the types of `a.mjs`. */
function filesOf(target) {
  const names = [target, target.replace(/\.js$/, '.ts'), target.replace(/\.mjs$/, '.d.mts')];
  return [...new Set(names)].filter((name) => existsSync(name));
}

/** Returns the file and all its imports, also circular ones, in an order that depends only on their names. */
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
