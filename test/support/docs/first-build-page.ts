import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { deployFolder, repository } from '../deploy/manifests.ts';

const page = readFileSync(path.join(repository, 'docs', 'first-build.md'), 'utf8');

/** The files that a reader of docs/first-build.md writes, by name. */
export const pageFiles: ReadonlyMap<string, string> = new Map(
  [...page.matchAll(/^```yaml\n(# (\S+)\n.*?)^```$/gms)].map(([, text = '', name = '']) => [name, text]),
);

/** The commands of docs/first-build.md, in order and without their remarks. */
export const pageCommands: readonly string[] = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, text = '']) =>
  text
    .replaceAll('\\\n', ' ')
    .trim()
    .split('\n')
    .map((line) => line.replace(/ #.*/, '')),
);

/** Writes the page's files into a folder, in which `deploy` is that of the repository. */
export function writePageFiles(folder: string): void {
  symlinkSync(deployFolder, path.join(folder, 'deploy'));
  for (const [name, text] of pageFiles) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
}
