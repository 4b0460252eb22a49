import { readdirSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../deploy/manifests.ts';

/** The pages that tell what there is now, relative to the repository: all but the changelog, which tells of what is gone. */
export const pages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(path.join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join('docs', name)),
];
