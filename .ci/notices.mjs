// The licences of the packages whose code is in a bundle: most demand to go along with it.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { bundledPackages, manifestOf } from './packages.mjs';

const licenceFile = /^(licen[cs]e|copying|notice)\b/i;

/**
 * @param root the folder that the metafile's paths start from.
 * @param metafiles what esbuild says of its bundles.
 * @returns one text: for each package its name, version and licence.
 * @throws when a package carries no licence.
 */
export function noticesOf(root, metafiles) {
  return bundledPackages(root, metafiles).map(noticeOf).join('\n');
}

function noticeOf(folder) {
  const { name, version } = manifestOf(folder);
  const files = readdirSync(folder).filter((file) => licenceFile.test(file));
  if (files.length === 0) throw new Error(`${name} ${version} has no licence file to go along with the bundle`);
  const texts = files.map((file) => readFileSync(path.join(folder, file), 'utf8').trim());
  return `== ${name} ${version}\n\n${texts.join('\n\n')}\n`;
}
