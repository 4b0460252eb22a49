// The licences of the packages whose code is in a bundle: most demand to go along with it.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { zonePackage } from './zone-data.mjs';

const licenceFile = /^(licen[cs]e|copying|notice)\b/i;

/**
 * @param root the folder that the metafile's paths start from.
 * @param metafiles what esbuild says of its bundles.
 * @returns one text: for each package its name, version and licence.
 * @throws when a package carries no licence.
 */
export function noticesOf(root, metafiles) {
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  const packages = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input) ?? []));
  // Its data is in the bundle in another form.
  packages.add(zonePackage);
  return [...packages]
    .sort()
    .map((folder) => noticeOf(path.join(root, folder)))
    .join('\n');
}

function noticeOf(folder) {
  const { name, version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).filter((file) => licenceFile.test(file));
  if (files.length === 0) throw new Error(`${name} ${version} has no licence file to go along with the bundle`);
  const texts = files.map((file) => readFileSync(path.join(folder, file), 'utf8').trim());
  return `== ${name} ${version}\n\n${texts.join('\n\n')}\n`;
}
