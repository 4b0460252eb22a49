// Collects the licences of the packages in a bundle. Most licences require that they are shipped with the code.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { bundledPackages, manifestOf } from './packages.mjs';

const licenceFile = /^(licen[cs]e|copying|notice)\b/i;

/**
 * @param root folder that the metafile's paths start from, with this project's own LICENSE.
 * @param metafiles esbuild's metafiles of the bundles.
 * @returns one text: for each package its name, version and licence.
 * @throws if a package has no licence.
 */
export function noticesOf(root, metafiles) {
  const inputs = [...new Set(metafiles.flatMap((metafile) => Object.keys(metafile.inputs)))];
  const apacheLicence = readFileSync(path.join(root, 'LICENSE'), 'utf8').trim();
  return bundledPackages(root, metafiles)
    .map((folder) => {
      const sources = inputs
        .map((input) => path.join(root, input))
        .filter((file) => file.startsWith(folder + path.sep));
      return noticeOf(folder, sources, apacheLicence);
    })
    .join('\n');
}

function noticeOf(folder, sources, apacheLicence) {
  const { name, version } = manifestOf(folder);
  const files = readdirSync(folder).filter((file) => licenceFile.test(file));
  const texts = files.map((file) => readFileSync(path.join(folder, file), 'utf8').trim());
  if (texts.length === 0) texts.push(...headersOf(sources, apacheLicence));
  if (texts.length === 0) throw new Error(`${name} ${version} has no licence to go along with the bundle`);
  return `== ${name} ${version}\n\n${texts.join('\n\n')}\n`;
}

/**
 * Returns the header comments of the sources and the text of the licence that they name, for packages without a file.
 */
function headersOf(sources, apacheLicence) {
  const heads = sources.map((source) => /^(?:\/\/.*\n)+/.exec(readFileSync(source, 'utf8'))?.[0] ?? '');
  const notices = heads.map((head) => head.replaceAll(/^\/\/ ?/gm, '').trim());
  const kept = [...new Set(notices.filter((notice) => /\bCopyright\b/.test(notice)))];
  return kept.some((notice) => notice.includes('Apache License, Version 2.0')) ? [...kept, apacheLicence] : kept;
}
