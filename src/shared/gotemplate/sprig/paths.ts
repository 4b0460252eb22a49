import { goFunction, type CallContext, type GoFunction } from '../function.ts';

/** Go's path package (and, on Unix, path/filepath, which sprig's `os` functions use) on byte strings. */

/** The shortest path with the same meaning by its text alone; the empty path is `.`. */
function clean(path: string): string {
  const rooted = path.startsWith('/');
  const kept: string[] = [];
  for (const element of path.split('/')) {
    if (element === '' || element === '.') continue;
    const climbs = element === '..';
    if (climbs && kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!climbs || !rooted) kept.push(element);
  }
  const joined = kept.join('/');
  if (rooted) return `/${joined}`;
  return joined === '' ? '.' : joined;
}

function base(path: string): string {
  if (path === '') return '.';
  const trimmed = withoutTrailingSlashes(path);
  return trimmed === '' ? '/' : trimmed.slice(trimmed.lastIndexOf('/') + 1);
}

function withoutTrailingSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') end--;
  return path.slice(0, end);
}

function dir(path: string): string {
  return clean(path.slice(0, path.lastIndexOf('/') + 1));
}

function ext(path: string): string {
  const dot = path.lastIndexOf('.');
  return dot > path.lastIndexOf('/') ? path.slice(dot) : '';
}

const operations = { base, dir, clean, ext, isAbs: (path: string): boolean => path.startsWith('/') };

function charged<R extends string | boolean>(operation: (path: string) => R) {
  return (context: CallContext, path: string): R => {
    context.charge(path.length);
    return operation(path);
  };
}

export const pathFunctions: readonly GoFunction[] = Object.entries(operations).flatMap(([name, operation]) =>
  [name, `os${name.charAt(0).toUpperCase()}${name.slice(1)}`].map((named) =>
    goFunction({ name: named, params: ['string'] }, charged<string | boolean>(operation)),
  ),
);
