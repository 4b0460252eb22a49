import { readFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../deploy/manifests.ts';

/** The commands of "Rotating the CA" in docs/proxy.md, by block: what prepares the rotation, then its steps. */
export function rotationCommands(): readonly string[] {
  const page = readFileSync(path.join(repository, 'docs/proxy.md'), 'utf8');
  const section = page.split(/^## /m).find((part) => part.startsWith('Rotating the CA\n')) ?? '';
  return [...section.matchAll(/^ *```sh\n(.*?)^ *```$/gms)].map(([, text = '']) => text.replaceAll(/^ +/gm, ''));
}
