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

/** Returns what a file names: paths relative to the repository, with their anchors. */
function targetsOf(name, text) {
  if (!name.endsWith('.md')) {
    // Not those in a URL.
    return [...text.matchAll(/(?<![/\w])(docs\/[-./\w]*\.md)(?:#([-\w]+))?/g)].map(([, file, anchor]) => [
      file,
      anchor,
    ]);
  }
  return [...text.matchAll(/\]\((?!\w+:)([^)#]*)(?:#([^)]*))?\)/g)].map(([, target, anchor]) => [
    target === '' ? name : path.join(path.dirname(name), target),
    anchor,
  ]);
}

/** Returns the broken links of a file. */
export function brokenLinks(name, text) {
  return targetsOf(name, text)
    .filter(
      ([file, anchor]) =>
        !existsSync(path.join(root, file)) || (anchor !== undefined && !anchorsOf(file).includes(anchor)),
    )
    .map(([file, anchor]) => (anchor === undefined ? file : `${file}#${anchor}`));
}

if (process.argv[1] === import.meta.filename) {
  const listed = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root });
  const names = listed.stdout
    .toString()
    .split('\n')
    .filter((name) => /\.md$|^(?:src|deploy)\/.*\.(?:ts|ya?ml|json|tpl)$/.test(name))
    .filter((name) => existsSync(path.join(root, name)));
  const problems = names.flatMap((name) =>
    brokenLinks(name, readFileSync(path.join(root, name), 'utf8')).map((each) => `${name}: no ${each}`),
  );
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
