// Lists the packages whose code is in a bundle.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { zonePackage } from './zone-data.mjs';

/** Package that is shipped next to the bundles. Its native library is a separate package for each processor. */
const shippedBeside = ['node_modules/koffi'];

/**
 * @param root folder that the metafiles' paths start from.
 * @param metafiles esbuild's metafiles of the bundles.
 * @returns folders of packages, absolute, sorted.
 */
export function bundledPackages(root, metafiles) {
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  const folders = inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input) ?? []);
  // The bundles contain the zone data in another form.
  return [...new Set([...folders, zonePackage])].sort().map((folder) => path.join(root, folder));
}

/** Returns the bundled packages and those shipped next to the bundles. */
export function shippedPackages(root, metafiles) {
  return [...bundledPackages(root, metafiles), ...shippedBeside.map((folder) => path.join(root, folder))].sort();
}

export function manifestOf(folder) {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
}
