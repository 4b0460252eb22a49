// Checks that links of pages, and the pages that sources and manifests name, lead to files and headings that exist.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');

/** Returns the anchors of a page, as GitHub makes them of headings. @param name relative to the repository. */
export function anchorsOf(name) {
  return [...readFileSync(path.join(root, name), 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^-\w ]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** Returns what a file names: {line, file, anchor}, with paths relative to the repository. */
function targetsOf(name, text) {
  const isPage = name.endsWith('.md');
  // Other files name pages, but not those in a URL.
  const pattern = isPage ? /\]\((?!\w+:)([^)#]*)(?:#([^)]*))?\)/g : /(?<![/\w])(docs\/[-./\w]*\.md)(?:#([-\w]+))?/g;
  return Array.from(text.matchAll(pattern), ({ 1: target, 2: anchor, index }) => ({
    line: text.slice(0, index).split('\n').length,
    file: !isPage ? target : target === '' ? name : path.join(path.dirname(name), target),
    anchor,
  }));
}

/** Returns the broken links of a file, each with its line in front of it. */
export function brokenLinks(name, text) {
  return targetsOf(name, text)
    .filter(
      ({ file, anchor }) =>
        !existsSync(path.join(root, file)) || (anchor !== undefined && !anchorsOf(file).includes(anchor)),
    )
    .map(({ line, file, anchor }) => `${line}: no ${file}${anchor === undefined ? '' : `#${anchor}`}`);
}

if (process.argv[1] === import.meta.filename) {
  const listed = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root });
  const names = listed.stdout
    .toString()
    .split('\n')
    .filter((name) => /\.md$|^(?:src|deploy)\/.*\.(?:ts|ya?ml|json|tpl)$/.test(name))
    .filter((name) => existsSync(path.join(root, name)));
  const problems = names.flatMap((name) =>
    brokenLinks(name, readFileSync(path.join(root, name), 'utf8')).map((each) => `${name}:${each}`),
  );
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
