// Which packages' code is in a bundle.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { zonePackage } from './zone-data.mjs';

/** Stays outside the bundles and is shipped beside them; its native library is a package of its own for each processor. */
const shippedBeside = ['node_modules/koffi'];

/**
 * @param root the folder that the metafiles' paths start from.
 * @param metafiles what esbuild says of its bundles.
 * @returns folders of packages, absolute, sorted.
 */
export function bundledPackages(root, metafiles) {
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  const folders = inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input) ?? []);
  // The data of the zones is in the bundles in another form.
  return [...new Set([...folders, zonePackage])].sort().map((folder) => path.join(root, folder));
}

/** The same with what is shipped beside the bundles. */
export function shippedPackages(root, metafiles) {
  return [...bundledPackages(root, metafiles), ...shippedBeside.map((folder) => path.join(root, folder))].sort();
}

export function manifestOf(folder) {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
}
