import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../deploy/manifests.js';

/** The pages that tell what there is now, relative to the repository: all but the changelog, which tells of what is gone. */
export const pages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(path.join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join('docs', name)),
];

/** Returns the anchors of a page, as GitHub makes them of headings. @param name relative to the repository. */
export function anchorsOf(name: string): readonly string[] {
  const text = readFileSync(path.join(repository, name), 'utf8');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^-\w ]/g, '')
      .replaceAll(' ', '-'),
  );
}
